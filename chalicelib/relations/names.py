"""Names in a step or a rule: they must be columns at that point of the journey."""

from collections.abc import Iterable, Sequence

from chalicelib.core.errors import InvalidPipeline
from chalicelib.core.words import nearest


def known(names: Iterable[str], among: Sequence[str], place: str) -> tuple[str, ...]:
    """Return ``names`` if all are ``among`` the columns.

    Raises:
        InvalidPipeline: with the place, the nearest name or the columns that are there.
    """
    names = tuple(names)
    for name in names:
        if name not in among:
            raise unknown(name, among, place)
    return names


def unknown(name: str, among: Sequence[str], place: str) -> InvalidPipeline:
    """The error for a name that is not ``among`` the columns."""
    near = nearest(name, among)
    hint = f'did you mean "{near}"?' if near else f"the columns here are {', '.join(among)}"
    return InvalidPipeline(f'{place}: there is no column "{name}" at this point; {hint}')


def distinct(names: Iterable[str], place: str) -> None:
    """Check that no two columns have one name; the engine takes ``Id`` and ``id`` for one.

    Raises:
        InvalidPipeline: with the place and the names.
    """
    seen: dict[str, str] = {}
    for name in names:
        other = seen.get(name.lower())
        if other is not None:
            cause = f'two columns would be named "{name}"'
            if other != name:
                cause = f'the columns "{other}" and "{name}" differ in case only, and would be taken for one'
            raise InvalidPipeline(f"{place}: {cause}; rename one of them, or leave it out")
        seen[name.lower()] = name
