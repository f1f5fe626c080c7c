"""Find: the bytes of records that were rejected after the pass that read them."""

from collections.abc import Iterable, Iterator

from chalicelib.core.manifest import Manifest
from chalicelib.core.plan import Plan
from chalicelib.engine.records.locate import locate
from chalicelib.ports import Find, Source


def finder(plan: Plan, manifest: Manifest, source: Source) -> Find:
    """What finds records of a run in its pinned objects: one scan a batch, made only when it is asked for."""
    objects = {batch.number: batch.object for batch in manifest.batches}

    def find(batch: int, records: Iterable[int]) -> Iterator[tuple[int, int, int, bytes]]:
        with source.local(objects[batch]) as path:
            for found in locate(path, plan.dialect, len(plan.fields), records):
                yield found.record, found.start, found.end, found.raw

    return find
