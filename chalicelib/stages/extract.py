"""Extract: cut the plan's objects into batches, counting their records without the engine."""

from chalicelib.core.manifest import Batch, Manifest
from chalicelib.core.plan import Plan
from chalicelib.ports import Source


def extract(plan: Plan, *, source: Source) -> Manifest:
    """Make one batch an object and count its records: the ``read`` of the law.

    Raises:
        Held: if an object's compression is damaged.
        SourceMoved: if an object is no longer what was planned.
    """
    batches = []
    for number, version in enumerate(plan.objects, start=1):
        found = source.tally(version, plan.dialect, len(plan.fields))
        suspect = found.has_nul or found.open_quote
        batches.append(Batch(number, version, found.records, found.new_line, suspect=suspect))
    return Manifest(tuple(batches), together=plan.together)
