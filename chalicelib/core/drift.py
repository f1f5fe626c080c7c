"""Drift: how the data's columns differ from those of the table that they go into."""

from collections.abc import Iterator
from dataclasses import dataclass

from chalicelib.core.types import ColumnType


@dataclass(frozen=True, slots=True)
class NewColumn:
    """A column of the data that the table has not, with the type that it would get."""

    name: str
    type: ColumnType


@dataclass(frozen=True, slots=True)
class MissingColumn:
    """A column of the table, without a default, that the data has not. ``required``: the table refuses NULL there."""

    name: str
    type: str
    required: bool = False

    @property
    def judged_as(self) -> ColumnType:
        """The type in which rules see its NULL; text where the table's is none that we know."""
        try:
            return ColumnType.parse(self.type)
        except ValueError:
            return ColumnType("text")


@dataclass(frozen=True, slots=True)
class TypeChange:
    """A column whose values are of another type than the table's.

    ``after`` is the narrowest type that holds both. ``fitting`` of ``sampled`` values fit the table's type; without
    any, the document declares ``after``.
    """

    name: str
    before: ColumnType
    after: ColumnType
    fitting: int = 0
    sampled: int = 0


@dataclass(frozen=True, slots=True)
class Drift:
    """All differences; none for data that is as the table."""

    new: tuple[NewColumn, ...] = ()
    missing: tuple[MissingColumn, ...] = ()
    changed: tuple[TypeChange, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.new or self.missing or self.changed)

    def lines(self) -> Iterator[str]:
        """The differences as a diff: ``+`` new, ``-`` missing, ``~`` of another type.

        >>> list(Drift(new=(NewColumn("city", ColumnType.parse("text")),)).lines())
        ['+ city text']
        """
        yield from (f"+ {each.name} {each.type}" for each in self.new)
        yield from (f"- {each.name} {each.type}{' not null' if each.required else ''}" for each in self.missing)
        for each in self.changed:
            told = f"{each.fitting:,} of {each.sampled:,} sampled values are {each.before}"
            yield f"~ {each.name} {each.before} -> {each.after} ({told if each.sampled else 'declared'})"


#: The drift of data that is as its table.
NONE = Drift()
