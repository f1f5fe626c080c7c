"""The contract: what a table does about columns and types that are not its own (``docs/contract.md``)."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from chalicelib.core.pipeline.base import Model


def _no_reject(word: object) -> object:
    if word == "reject":
        raise ValueError('"reject" would reject every record, for a missing column has no value in any; write "fail"')
    return word


def _no_ignore(word: object) -> object:
    if word == "ignore":
        raise ValueError('"ignore" would lose the values that do not fit; write "reject", which keeps them as rejects')
    return word


class Contract(Model):
    """What happens when the data's columns are not the table's. The default holds the run: nobody is surprised."""

    new_columns: Literal["evolve", "ignore", "reject", "fail"] = Field(
        default="fail",
        description="A column that the table has not: evolve adds it, ignore leaves it out, reject rejects the records "
        "with a value there, fail holds the run.",
    )
    missing_columns: Annotated[Literal["evolve", "ignore", "fail"], BeforeValidator(_no_reject)] = Field(
        default="fail",
        description="A column of the table that the data has not: ignore leaves it NULL, evolve too and drops its NOT "
        "NULL if need be, fail holds the run. A column with a default is never missing.",
    )
    type_change: Annotated[Literal["evolve", "reject", "fail"], BeforeValidator(_no_ignore)] = Field(
        default="fail",
        description="Values that do not fit the table's type: evolve widens the column, reject rejects their records, "
        "fail holds the run when more than a tenth of the sampled values do not fit.",
    )
