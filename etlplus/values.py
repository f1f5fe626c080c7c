"""Values that columns may hold and authors forget: null, the ends of each range, other alphabets, precisions."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa

_TEXTS = ["", " ", "a", "Ab c", "ß", "İstanbul", "日本", "e\u0301", "\n", "0", "-1.5", "null", '"', "x" * 300]
_DAYS = [date(1, 1, 1), date(1970, 1, 1), date(2024, 2, 29), date(9999, 12, 31)]
_TIMES = [time(0, 0), time(23, 59, 59, 999_999)]
#: Which types have which values; what is none of them is text.
_LISTED: Sequence[tuple[Callable[[pa.DataType], bool], list[Any]]] = (
    (pa.types.is_boolean, [True, False]),
    (pa.types.is_floating, [0.0, -0.0, 0.5, -1e30, 1e-30]),
    (pa.types.is_date, _DAYS),
    (pa.types.is_time, _TIMES),
)


def values_of(kind: pa.DataType) -> list[Any]:
    """Values of an Arrow type of plugins, null first."""
    return [None, *_some(kind)]


def _some(kind: pa.DataType) -> list[Any]:
    if pa.types.is_integer(kind):
        most: int = 2 ** (kind.bit_width - 1)
        return [0, 1, -1, most - 1, -most]
    if pa.types.is_decimal(kind):
        least = Decimal(1).scaleb(-kind.scale)
        return [Decimal(0), least, (10**kind.precision - 1) * least, (1 - 10**kind.precision) * least]
    if pa.types.is_timestamp(kind):
        return [datetime.combine(day, at, UTC if kind.tz else None) for day in _DAYS for at in _TIMES]
    return next((values for is_one, values in _LISTED if is_one(kind)), _TEXTS)
