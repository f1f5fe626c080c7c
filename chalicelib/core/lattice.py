"""The type lattice: which column types hold every value of another, unchanged.

::

    smallint -> integer -> bigint -> numeric -> text        date -> timestamp -> text
    numeric(p,s) -> numeric(p+,s+) -> numeric -> text       real -> double precision -> text
    varchar(n) -> varchar(m) -> varchar -> text             boolean, time, timestamptz, uuid, json, jsonb -> text

What is not here loses or reinterprets: bigint to double precision rounds, double precision to numeric keeps 15 digits,
timestamp to timestamptz needs a time zone that nobody wrote, char(n) is padded, json to jsonb drops what it repeats.
"""

from chalicelib.core.types import ColumnType

_STAMP = "timestamp without time zone"
_ABOVE: dict[str, tuple[str, ...]] = {
    "smallint": ("integer", "bigint", "numeric", "text"),
    "integer": ("bigint", "numeric", "text"),
    "bigint": ("numeric", "text"),
    "numeric": ("numeric", "text"),
    "real": ("double precision", "text"),
    "date": (_STAMP, "text"),
    "character": (),
    "text": (),
}
#: The most digits before the point.
_DIGITS = {"smallint": 5, "integer": 10, "bigint": 19}


def wider(kind: ColumnType) -> tuple[ColumnType, ...]:
    """The types above ``kind``, the nearest first; those with a length or a precision of their own are left out.

    >>> [str(each) for each in wider(ColumnType.parse("bigint"))]
    ['numeric', 'text']
    """
    above = map(ColumnType, _ABOVE.get(kind.base, ("text",)))
    return tuple(each for each in above if each != kind)


def widens(before: ColumnType, after: ColumnType) -> bool:
    """Whether every value of ``before`` is one of ``after``, and the types are not the same.

    >>> widens(ColumnType.parse("numeric(12,2)"), ColumnType.parse("numeric(10,2)"))
    False
    """
    if before == after or not after.arguments:
        return after in wider(before) or (before.base == after.base == "character varying" and before != after)
    if after.base == "character varying":
        return before.base == after.base and bool(before.arguments) and before.arguments < after.arguments
    return after.base == "numeric" and _numeric_widens(before, *after.arguments)


def _numeric_widens(before: ColumnType, precision: int, scale: int) -> bool:
    if before.base in _DIGITS:
        return precision - scale >= _DIGITS[before.base]
    if before.base != "numeric" or not before.arguments:
        return False
    digits, places = before.arguments
    return precision - scale >= digits - places and scale >= places
