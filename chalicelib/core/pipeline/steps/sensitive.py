"""Sensitive: which of the source's fields a document hides by ``mask`` or ``hash``, so that rejects hide them, too."""

from collections.abc import Sequence

from chalicelib.core.pipeline.steps import Hash, Mask, Rename, Step


def sensitive_fields(steps: Sequence[Step], fields: Sequence[str]) -> frozenset[int] | None:
    """The positions of the fields that a later step hides, followed through renames; None: perhaps any of them.

    A column that is hidden and cannot be followed to a field was made by a step, of fields that nobody knows.
    """
    source = {name: position for position, name in enumerate(fields)}
    found: set[int] = set()
    for step in steps:
        if isinstance(step, Rename):
            source = {step.rename.get(name, name): position for name, position in source.items()}
        for name in hidden_by(step):
            if name not in source:
                return None
            found.add(source[name])
    return frozenset(found)


def hidden_by(step: Step) -> tuple[str, ...]:
    """The columns that a step hides."""
    if isinstance(step, Mask):
        return tuple(step.mask)
    return step.hash.columns if isinstance(step, Hash) else ()
