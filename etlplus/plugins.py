"""A step of one's own: all that the package of a plugin imports from ETL Plus. These names and meanings stay.

A plugin sees records as Arrow batches, adds columns to them, and may reject single records. It has record scope: as
many records come out as went in, in their order, and what becomes of one depends on it and on the options alone, not on
its batch, the time, the machine or an earlier call. A package offers it as an entry point of the group
``etlplus.steps``, whose name is the plugin's; ``etlplus plugin new NAME`` writes such a package, ``etlplus.testing``
checks what it promises.

Columns have these types, each in one Arrow type only:

================== ================== ================= ============================
text               ``string``         boolean           ``bool_``
smallint           ``int16``          date              ``date32``
integer            ``int32``          time              ``time64("us")``
bigint             ``int64``          timestamp         ``timestamp("us")``
real               ``float32``        timestamptz       ``timestamp("us", "UTC")``
double precision   ``float64``        numeric(p,s)      ``decimal128(p, s)``, p <= 38
================== ================== ================= ============================
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

__all__ = ["Declaration", "Made", "Options", "Plugin"]


class Options(BaseModel):
    """The base of a plugin's options: a value of another type, or an option that is not declared, is refused.

    A validator's ValueError is told to the writer of the document as it is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What a plugin does with columns, known from its options before there is any record.

    ``reads`` are the columns that it gets, each with the type that it must have; ``numeric`` without digits takes any
    numeric(p,s). ``adds`` are the columns that it makes, with their types; one of the name of a column that is there
    takes its place. ``reasons`` are all reasons for which it may reject a record, told as they are; they hold no value
    of a record.
    """

    reads: Mapping[str, str]
    adds: Mapping[str, str]
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a plugin made of a batch: an array as long as the batch for each column that it adds.

    ``rejected`` are the records to reject: the 0-based place in the batch, and one of the declared reasons.
    """

    columns: Mapping[str, pa.Array]
    rejected: Mapping[int, str] = field(default_factory=dict)


OptionsType = TypeVar("OptionsType", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin(Generic[OptionsType]):
    """A plugin: the model of its options, what it does with columns, and the function that does it.

    ``declare`` may raise ValueError for options that do not go together. ``make`` gets the columns that are read, in
    the order of ``reads``, of up to 20,000 records, perhaps of none; those that are filtered or rejected by then are
    not among them. What it raises fails the run: a record that it cannot take is for ``rejected``.
    """

    options: type[OptionsType]
    declare: Callable[[OptionsType], Declaration]
    make: Callable[[OptionsType, pa.RecordBatch], Made]
