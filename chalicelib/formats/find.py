"""Find: the bytes of records that were rejected after the pass that read them."""

from collections.abc import Iterable, Iterator

from chalicelib.core.manifest import Manifest
from chalicelib.core.pipeline.steps.sensitive import sensitive_fields
from chalicelib.core.plan import Plan
from chalicelib.formats import encoding_of, layout_of, placed, reader_of
from chalicelib.ports import Find, Source


def finder(plan: Plan, manifest: Manifest, source: Source) -> Find:
    """What finds records of a run in its pinned objects, sensitive fields veiled: one scan a batch, when asked for."""
    batches, names = {batch.number: batch for batch in manifest.batches}, [field.name for field in plan.fields]
    hidden = sensitive_fields(plan.pipeline.transforms, names)
    reader = reader_of(plan.format)

    def find(batch: int, records: Iterable[int]) -> Iterator[tuple[int, int | None, int | None, bytes]]:
        ours = batches[batch]
        layout = layout_of(plan, ours)
        with source.local(ours.object, encoding_of(plan.format), ours.span) as path:
            for found in reader.locate(path, layout, (record - ours.before for record in records)):
                yield *placed(ours, found.record, found.start, found.end), reader.veil(found.raw, layout, hidden)

    return find
