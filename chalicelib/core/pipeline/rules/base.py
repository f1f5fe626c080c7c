"""What rules share: severity, name, and the values and bounds that a document may state."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from math import isfinite
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, StrictFloat, StrictInt, StrictStr
from pydantic_core import PydanticCustomError

from chalicelib.core.pipeline.base import Fault, Model, Text, slug
from chalicelib.core.words import quoted

Severity = Literal["warn", "reject", "fail"]
RunSeverity = Literal["warn", "fail"]
RuleName = Annotated[StrictStr, AfterValidator(slug)]


def _scalar(value: object) -> object:
    if not isinstance(value, str | int | float):
        raise PydanticCustomError("scalar_type", "a value is text, a number, true or false")
    if isinstance(value, float) and not isfinite(value):
        raise PydanticCustomError("finite_number", "a value is a finite number")
    return value


def _number(value: object) -> object:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise PydanticCustomError("float_type", "a bound is a number")
    return _scalar(value)


def _bound(value: object) -> object:
    if isinstance(value, str):
        try:
            datetime.fromisoformat(value)
        except ValueError:
            shown = "write a number, 2024-01-31 or 2024-01-31 12:00:00"
            raise ValueError(f"{quoted(value)} is no number, date or timestamp; {shown}") from None
        return value
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise PydanticCustomError("bound_type", "a bound is a number, a date or a timestamp")
    return _scalar(value)


Value = Annotated[StrictStr | StrictBool | StrictInt | StrictFloat, BeforeValidator(_scalar)]
Number = Annotated[StrictInt | StrictFloat, BeforeValidator(_number)]
Bound = Annotated[StrictInt | StrictFloat | StrictStr, BeforeValidator(_bound)]
Characters = Annotated[StrictInt, Field(ge=0)]


class RecordRule(Model):
    """A rule on each record by itself."""

    severity: Severity = Field(
        default="reject", description="What a broken rule does: warn, reject the record, or fail the run."
    )
    name: RuleName | None = Field(default=None, description="The name under which the rule's counts are kept.")


class StagedRule(RecordRule):
    """A rule on each record that needs all records of the run, and tables: judged when the run publishes."""


class RunRule(Model):
    """A rule on the run as a whole."""

    severity: RunSeverity = Field(default="fail", description="What a broken rule does: warn, or fail the run.")
    name: RuleName | None = Field(default=None, description="The name under which the rule's counts are kept.")


class MeasuredRule(RunRule):
    """A rule on what all records of the run come to in one column: measured when the run publishes."""


def bound_faults(check: str, least: float | str | None, most: float | str | None, none: str) -> Iterator[Fault]:
    """No bound, bounds of two kinds, or bounds that exclude each other; ``none`` is what then cannot pass."""
    if least is None and most is None:
        yield Fault(f"{check} has neither min nor max; give at least one")
    if least is None or most is None:
        return
    if isinstance(least, str) != isinstance(most, str):
        yield Fault(f"min {least} and max {most} are of two kinds; write two numbers or two dates", ("max",))
    elif _ordered(least) > _ordered(most):
        yield Fault(f"min {least} is above max {most}; no {none} can pass, swap them", ("min",))


def _ordered(bound: float | str) -> Decimal:
    if isinstance(bound, str):
        at = moment(bound)
        return Decimal((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())
    return Decimal(str(bound))


def moment(text: str) -> datetime:
    """The date or timestamp that a bound states; a date is its first moment."""
    return datetime.combine(date.fromisoformat(text), datetime.min.time()) if len(text) == 10 else _at(text)


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


__all__ = [
    "Bound", "Characters", "MeasuredRule", "Number", "RecordRule", "RunRule", "StagedRule", "Text", "Value",
    "bound_faults", "moment",
]  # fmt: skip
