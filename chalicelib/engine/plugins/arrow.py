"""Arrow types: in which form plugins see the columns of each type, and what of their own columns is no value."""

from collections.abc import Mapping
from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.compute as pc

from chalicelib.core.types import ColumnType
from chalicelib.engine.casts import carrier

#: The types of columns that plugins read and add, by their base; ``numeric`` by its digits.
ARROW: Mapping[str, pa.DataType] = {
    "text": pa.string(),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "real": pa.float32(),
    "double precision": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "time without time zone": pa.time64("us"),
    "timestamp without time zone": pa.timestamp("us"),
    "timestamp with time zone": pa.timestamp("us", "UTC"),
}
NAMES = (
    "text, smallint, integer, bigint, real, double precision, boolean, date, time, timestamp, timestamptz, numeric(p,s)"
)
_FIRST, _LAST = date(1, 1, 1), date(9999, 12, 31)


def arrow_type(kind: ColumnType) -> pa.DataType | None:
    """The Arrow type of a column's type; None for one that plugins do not see."""
    if kind.base == "numeric":
        return pa.decimal128(*kind.arguments) if carrier(kind).startswith("DECIMAL") else None
    return ARROW.get(kind.base)


def no_values(values: pa.Array) -> str | None:
    """What is wrong with an array that has the right type and length, in words; None if all its values are values."""
    try:
        values.validate(full=True)
    except pa.ArrowInvalid:
        return "holds what is no value of its type (broken UTF-8, or too many digits)"
    if pa.types.is_string(values.type) and pc.any(pc.match_substring(values, "\0")).as_py():
        return "holds a NUL character, PostgreSQL has none in text"
    if pa.types.is_date(values.type) or pa.types.is_timestamp(values.type):
        return _out_of_years(values)
    return None


def _out_of_years(values: pa.Array) -> str | None:
    zone = UTC if getattr(values.type, "tz", None) else None
    low, high = (
        (_FIRST, _LAST)
        if pa.types.is_date(values.type)
        else (datetime(1, 1, 1, tzinfo=zone), datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=zone))
    )
    found = pc.min_max(values)
    beyond = pc.or_(
        pc.less(found["min"], pa.scalar(low, values.type)), pc.greater(found["max"], pa.scalar(high, values.type))
    )
    return "holds a moment outside the years 1 to 9999" if beyond.as_py() else None
