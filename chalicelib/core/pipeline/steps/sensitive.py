"""Sensitive: which fields of the source a document hides by ``mask`` or ``hash``; rejects and previews do, too."""

from collections.abc import Mapping, Sequence

from chalicelib.core.pipeline.steps import (
    Cast,
    Deduplicate,
    Derive,
    Filter,
    Hash,
    Lookup,
    Mask,
    Rename,
    Split,
    Step,
    Trim,
)

#: Steps after which a column still holds what its field holds, if in another form.
_IN_PLACE = (Trim, Filter, Cast, Deduplicate, Mask, Hash)
#: Where a looked-up column's values stand: in no field, so to hide it hides nothing of the object.
_ELSEWHERE = -1


def sensitive_fields(steps: Sequence[Step], fields: Sequence[str]) -> frozenset[int] | None:
    """The positions of the fields that a later step hides, followed through renames; None: perhaps any of them.

    A column that is hidden and cannot be followed to a field was made by a step, of fields that nobody knows.
    """
    source = {name: position for position, name in enumerate(fields)}
    found: set[int] = set()
    for step in steps:
        source = _followed(source, step)
        for name in hidden_by(step):
            if name not in source:
                return None
            found.add(source[name])
    return frozenset(found - {_ELSEWHERE})


def hidden_columns(steps: Sequence[Step], done: int, fields: Sequence[str], columns: Sequence[str]) -> frozenset[str]:
    """The columns, as they are after the first ``done`` steps, of which no value may be shown.

    Those are what a later step hides and, until the last of them, what a step made of fields that nobody knows.
    """
    later = steps[done:]
    if not any(map(hidden_by, later)):
        return frozenset()
    positions = sensitive_fields(later, columns)
    if positions is None or sensitive_fields(steps, fields) is None:
        return frozenset(columns)
    source = {name: position for position, name in enumerate(fields)}
    for step in steps[:done]:
        source = _followed(source, step)
    return frozenset({columns[position] for position in positions} | (set(columns) - source.keys()))


def _followed(source: Mapping[str, int], step: Step) -> dict[str, int]:
    """The field of each column after a step; a column that the step may have made anew has none."""
    match step:
        case Rename(rename=names):
            return {names.get(name, name): position for name, position in source.items()}
        case Derive(derive=made):
            return {name: position for name, position in source.items() if name not in made}
        case Lookup(lookup=looked):
            kept = {name: position for name, position in source.items() if name not in looked.taken}
            return kept | {name: _ELSEWHERE for name in looked.taken if name not in source}
        case Split(split=parts):
            return {name: position for name, position in source.items() if name not in (parts.into or ())}
    return dict(source) if isinstance(step, _IN_PLACE) else {}


def hidden_by(step: Step) -> tuple[str, ...]:
    """The columns that a step hides."""
    if isinstance(step, Mask):
        return tuple(step.mask)
    return step.hash.columns if isinstance(step, Hash) else ()
