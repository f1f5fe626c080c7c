"""Column types: the PostgreSQL types that a pipeline may declare, in their canonical spelling."""

import re
from dataclasses import dataclass
from typing import Self

from chalicelib.core.words import nearest, quoted

#: Canonical base (as PostgreSQL's format_type prints it) -> its other spellings.
_SPELLINGS: dict[str, tuple[str, ...]] = {
    "bigint": ("int8",),
    "integer": ("int", "int4"),
    "smallint": ("int2",),
    "numeric": ("decimal", "dec"),
    "real": ("float4",),
    "double precision": ("float8", "float"),
    "boolean": ("bool",),
    "text": (),
    "character varying": ("varchar",),
    "character": ("char",),
    "date": (),
    "time without time zone": ("time",),
    "timestamp without time zone": ("timestamp",),
    "timestamp with time zone": ("timestamptz",),
    "uuid": (),
    "json": (),
    "jsonb": (),
}
_BASES = {spelling: base for base, others in _SPELLINGS.items() for spelling in (base, *others)}

#: What other systems say -> the PostgreSQL type that it means.
_FOREIGN = {
    "string": "text",
    "str": "text",
    "nvarchar": "varchar",
    "datetime": "timestamp",
    "number": "numeric",
    "long": "bigint",
    "tinyint": "smallint",
    "double": "double precision",
    "guid": "uuid",
}

#: The short words that an error lists and editors offer.
SUPPORTED = (
    "bigint", "integer", "smallint", "numeric", "numeric(p,s)", "real", "double precision", "boolean", "text",
    "varchar", "varchar(n)", "char(n)", "date", "time", "timestamp", "timestamptz", "uuid", "json", "jsonb",
)  # fmt: skip

_FORM = re.compile(r"([a-z][a-z0-9_ ]*?) ?(?:\( ?(-?[0-9]{1,8}) ?(?:, ?(-?[0-9]{1,8}) ?)?\))?")
_TEMPORAL = {"date", "time without time zone", "timestamp without time zone", "timestamp with time zone"}
_MAX_LENGTH = 10_485_760  # PostgreSQL's own limit for varchar(n) and char(n)
_MAX_PRECISION = 1_000
_ENGINE_DIGITS = 38  # the most that an Arrow decimal of 128 bits holds


@dataclass(frozen=True, slots=True)
class ColumnType:
    """A PostgreSQL column type: its canonical base name and its arguments.

    >>> str(ColumnType.parse("VARCHAR (80)"))
    'character varying(80)'
    """

    base: str
    arguments: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Raise ValueError for a base or arguments that PostgreSQL, or we, do not have."""
        if self.base not in _SPELLINGS:
            raise ValueError(_unknown(self.base))
        if self.base == "numeric":
            _check_numeric(self.arguments)
        elif self.base in {"character varying", "character"}:
            _check_length(self.base, self.arguments)
        elif self.arguments:
            raise ValueError(f'{self.base} takes no arguments; write "{self.base}"')

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read any spelling that PostgreSQL accepts for the supported types, in any letter case."""
        form = _FORM.fullmatch(" ".join(text.lower().split()))
        base = _BASES.get(form[1]) if form else None
        if form is None or base is None:
            raise ValueError(_unknown(text))
        arguments = tuple(int(argument) for argument in form.groups()[1:] if argument is not None)
        if base == "numeric" and len(arguments) == 1:
            arguments = (*arguments, 0)  # as format_type prints it
        if base == "character" and not arguments:
            arguments = (1,)
        return cls(base, arguments)

    def __str__(self) -> str:
        if not self.arguments:
            return self.base
        return f"{self.base}({','.join(map(str, self.arguments))})"

    @property
    def is_temporal(self) -> bool:
        """Whether a strptime format can say how its text is read."""
        return self.base in _TEMPORAL

    @property
    def travels_as_text(self) -> bool:
        """Whether only the target can hold its values exactly: a numeric of any length, or of over 38 digits.

        Such a column's records travel as text and pass through staging, where the target casts them.
        """
        return self.base == "numeric" and (not self.arguments or self.arguments[0] > _ENGINE_DIGITS)

    @property
    def has_timezone(self) -> bool:
        """Whether text without an offset needs a time zone to become a value."""
        return self.base == "timestamp with time zone"


def _unknown(text: str) -> str:
    word = text.lower().partition("(")[0].strip()
    near = nearest(word, [*_BASES, *_FOREIGN])
    near = _FOREIGN.get(word) or _FOREIGN.get(near or "", near)
    question = f'did you mean "{near}"? ' if near else ""
    return f"unknown type {quoted(text)}; {question}supported: {', '.join(SUPPORTED)}"


def _check_numeric(arguments: tuple[int, ...]) -> None:
    if not arguments:
        return
    if len(arguments) != 2:
        raise ValueError("numeric takes a precision and a scale; write numeric(12,2)")
    precision, scale = arguments
    if not 1 <= precision <= _MAX_PRECISION:
        raise ValueError(f"numeric precision {precision} is outside 1 to {_MAX_PRECISION:,}; write numeric(12,2)")
    if not 0 <= scale <= precision:
        raise ValueError(f"numeric scale {scale} is outside 0 to {precision}, its precision; write a smaller scale")


def _check_length(base: str, arguments: tuple[int, ...]) -> None:
    if len(arguments) > 1:
        raise ValueError(f"{base} takes one length, not {len(arguments)}; write {base}(80)")
    if arguments and not 1 <= arguments[0] <= _MAX_LENGTH:
        raise ValueError(f"{base} length {arguments[0]} is outside 1 to {_MAX_LENGTH:,}; without a limit it is text")
