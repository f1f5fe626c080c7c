"""Extract: cut the plan's objects into batches, counting their records without the engine."""

from collections.abc import Callable, Iterator, Sequence

from chalicelib.core.dialect import UTF_8
from chalicelib.core.manifest import Batch, Manifest, ObjectVersion, Span, wanted_bytes
from chalicelib.core.plan import Plan
from chalicelib.core.tally import Tally
from chalicelib.formats import Layout, cutter_of, encoding_of, reader_of
from chalicelib.ports import Source


def extract(
    plan: Plan,
    *,
    source: Source,
    batch_bytes: int | None = None,
    begun: Sequence[Batch] = (),
    may_go_on: Callable[[], bool] = lambda: True,
) -> Manifest:
    """Cut each object into batches and count their records: the ``read`` of the law.

    Without ``batch_bytes`` an object is one batch. With it, a longer object is cut, where its format can be; a run has
    no more than ``MAX_GROUPS`` groups of batches: they grow instead.

    The work is taken up after the batches ``begun``, and left, with a manifest that is not ``whole``, when
    ``may_go_on`` says so after a batch; each call makes one batch at least.

    Raises:
        Held: if an object's compression is damaged.
        SourceMoved: if an object is no longer what was planned.
    """
    size = None if batch_bytes is None else wanted_bytes(batch_bytes, [each.size_bytes for each in plan.objects])
    batches = list(begun)
    for batch in _batches(plan, source, size, begun):
        batches.append(batch)
        if not may_go_on():
            break
    is_whole = _left(plan, batches) == ((), None)
    return Manifest(tuple(batches), together=plan.together, group_bytes=size or 0, whole=is_whole)


def _left(plan: Plan, batches: Sequence[Batch]) -> tuple[Sequence[ObjectVersion], Batch | None]:
    """The objects that are left, and the last batch of the first of them, if that was begun."""
    if not batches:
        return plan.objects, None
    last = batches[-1]
    place = plan.objects.index(last.object)
    if last.span is not None and last.span.end < last.object.size_bytes:
        return plan.objects[place:], last
    return plan.objects[place + 1 :], None


def _batches(plan: Plan, source: Source, size: int | None, begun: Sequence[Batch]) -> Iterator[Batch]:
    number = len(begun)
    objects, after = _left(plan, begun)
    for version in objects:
        for span, tally in _counted(plan, source, size, version, after):
            number += 1
            yield Batch(number, version, tally.records, tally.new_line, suspect=tally.suspect, span=span)
        after = None


def _counted(
    plan: Plan, source: Source, size: int | None, version: ObjectVersion, after: Batch | None
) -> Iterator[tuple[Span | None, Tally]]:
    """The parts of an object with their counts, or the whole of it where it is short or cannot be cut."""
    layout, encoding, cutter = Layout(plan.format, plan.fields), encoding_of(plan.format), cutter_of(plan.format)
    if cutter is not None and size is not None and encoding == UTF_8 and version.size_bytes > size:
        with source.plain(version, after.span.end if after and after.span else 0) as stream:
            if stream is not None:
                yield from ((each.span, each.tally) for each in cutter.cut(stream, layout, size, after))
                return
    with source.local(version, encoding) as path:
        if cutter is None or size is None:
            yield None, reader_of(plan.format).tally(path, layout, source.lines(version))
        else:  # by the same rules as a part
            with path.open("rb") as whole:
                (found,) = cutter.cut(whole, layout, path.stat().st_size + 1, None)
            yield None, found.tally
