"""Find: the bytes of records that were rejected after the pass that read them."""

from collections.abc import Iterable, Iterator

from chalicelib.core.manifest import Manifest
from chalicelib.core.pipeline.steps.sensitive import sensitive_fields
from chalicelib.core.plan import Plan
from chalicelib.engine.records.locate import locate
from chalicelib.engine.records.veil import veiled
from chalicelib.ports import Find, Source


def finder(plan: Plan, manifest: Manifest, source: Source) -> Find:
    """What finds records of a run in its pinned objects, sensitive fields veiled: one scan a batch, when asked for."""
    objects, names = {batch.number: batch.object for batch in manifest.batches}, [field.name for field in plan.fields]
    hidden = sensitive_fields(plan.pipeline.transforms, names)

    def find(batch: int, records: Iterable[int]) -> Iterator[tuple[int, int, int, bytes]]:
        with source.local(objects[batch], plan.dialect.encoding) as path:
            for found in locate(path, plan.dialect, len(names), records):
                yield found.record, found.start, found.end, veiled(found.raw, plan.dialect, len(names), hidden)

    return find
