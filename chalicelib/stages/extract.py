"""Extract: cut the plan's objects into batches, counting their records without the engine."""

from chalicelib.core.manifest import Batch, Manifest
from chalicelib.core.plan import Plan
from chalicelib.formats import Layout, encoding_of, reader_of
from chalicelib.ports import Source


def extract(plan: Plan, *, source: Source) -> Manifest:
    """Make one batch an object and count its records: the ``read`` of the law.

    Raises:
        Held: if an object's compression is damaged.
        SourceMoved: if an object is no longer what was planned.
    """
    batches, reader, layout = [], reader_of(plan.format), Layout(plan.format, plan.fields)
    for number, version in enumerate(plan.objects, start=1):
        with source.local(version, encoding_of(plan.format)) as path:
            found = reader.tally(path, layout, source.lines(version))
        suspect = found.has_nul or found.open_quote
        batches.append(Batch(number, version, found.records, found.new_line, suspect=suspect))
    return Manifest(tuple(batches), together=plan.together)
