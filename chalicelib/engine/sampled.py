"""Fitting: how many sampled texts are values of a column type as they stand, read by the very casts of transform."""

import re
from collections import Counter
from collections.abc import Iterable

from chalicelib.core.plan import Field
from chalicelib.core.types import ColumnType
from chalicelib.engine.casts import cast
from chalicelib.engine.session import locked_session

_WHOLE = re.compile(r"[-+]?[0-9]{1,18}")
_RANGES = {"smallint": 2**15, "integer": 2**31, "bigint": 2**63}


def fitting(values: Iterable[str], kind: ColumnType) -> int:
    """How many of ``values`` are of the type ``kind``, nothing lost; what Python sees at once costs no engine."""
    counted = Counter(values)
    seen = {value: _plainly(value, kind) for value in counted}
    asked = [value for value, told in seen.items() if told is None]
    cast_ones = _castable(asked, kind) if asked else set()
    return sum(counted[value] for value, told in seen.items() if told or value in cast_ones)


def _plainly(value: str, kind: ColumnType) -> bool | None:
    """Whether a text fits, where that is plain to see."""
    if kind.base in ("text", "character varying"):
        return True if not kind.arguments or len(value) <= kind.arguments[0] else None
    if kind.base in _RANGES and _WHOLE.fullmatch(value):
        return -_RANGES[kind.base] <= int(value) < _RANGES[kind.base]
    return None


def _castable(values: list[str], kind: ColumnType) -> set[str]:
    read = cast(Field("v", kind), "v")
    with locked_session() as connection:
        asked = f"SELECT v FROM (SELECT unnest(?::VARCHAR[]) AS v) WHERE ({read}) IS NOT NULL"
        return {str(row[0]) for row in connection.execute(asked, [values]).fetchall()}
