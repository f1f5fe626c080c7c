"""Publish: make a run's records visible, all of them or none."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

from chalicelib.core.codec import from_json, to_json
from chalicelib.core.counts import Counts, Written, prove_in, prove_out
from chalicelib.core.errors import BrokenLaw, Held, NotFound
from chalicelib.core.folder import judged_key, late_key, outcome_key
from chalicelib.core.manifest import Manifest
from chalicelib.core.outcome import Duplicate, Judged, Published, Transformed
from chalicelib.core.plan import Plan
from chalicelib.core.reject import Reject
from chalicelib.ports import ObjectStore, Publication, Target
from chalicelib.rules.verdict import Verdict, verdict

#: Copies the run's records straight into the publication; where there is none, staging holds them.
Copy = Callable[[Publication], None]


def publish(
    plan: Plan, manifest: Manifest, *, target: Target, work: ObjectStore, copy: Copy | None = None
) -> Published | Duplicate:
    """Run the publishing transaction: claim the objects in the ledger, bring the records in, judge, prove, commit.

    What transform counted is read from the run's folder, group by group of the manifest; what was written is what the
    server counted.

    Raises:
        Held: if a rule of the pipeline, or the table's own constraint, refuses the run.
        BrokenLaw: if the two equations do not hold.
        StagingLost: if staging is not what the manifest says.
    """
    with target.publication(plan) as publication:
        if publication.done is not None:
            broken = Transformed.total([transformed(plan, manifest, work), *_judged(plan, work)]).broken
            return Published(publication.done, publication.done.counts, broken)
        if publication.duplicate_of is not None:
            return Duplicate(publication.duplicate_of, superseded=publication.superseded)
        if copy is not None:
            copy(publication)
        else:
            publication.check_staged(plan, manifest)
        done = transformed(plan, manifest, work)
        judged = _judge(plan, None if copy else manifest, publication, work)
        written = publication.write_staged(plan, manifest) if copy is None else Written(loaded=done.written)
        done = replace(done, counts=replace(done.counts, late=done.counts.late + judged.late))
        says = verdict(plan.pipeline, done, judged)
        _keep(plan, judged, says, work)
        if says.held:
            raise Held(says.held)
        counts = proved(done, written, judged)
        entry = publication.seal(plan, counts)
    broken = Transformed.total([done, Transformed(broken=says.broken)]).broken
    return Published(entry, counts, broken, says.warnings)


def proved(done: Transformed, written: Written, judged: Judged) -> Counts:
    """The run's final counts, once the law holds for what transform did and what publish judged and wrote."""
    counts = done.counts.written(written)
    prove_in(counts, cardinality=done.cardinality)
    prove_out(counts)
    return counts if done.cardinality else counts.settled(deduplicated=written.deduplicated, rejected=judged.late)


def transformed(plan: Plan, manifest: Manifest, work: ObjectStore) -> Transformed:
    """What transform did with the whole run, added up over the groups of its manifest."""
    parts = []
    for group in manifest.groups:
        with work.reading(outcome_key(plan.run_id, group[0].number)) as stream:
            parts.append(from_json(Transformed, stream.read()))
    return Transformed.total(parts)


def _judge(plan: Plan, manifest: Manifest | None, publication: Publication, work: ObjectStore) -> Judged:
    """Judge the records by the rules that need the whole run; what they reject lies in the run's folder then."""
    if not plan.judges_in_staging:
        return publication.judge(plan, manifest, _never)
    with work.writing(late_key(plan.run_id)) as rejects:
        return publication.judge(plan, manifest, lambda reject: rejects.write(reject.to_line()))


def _never(reject: Reject) -> None:
    raise BrokenLaw(f"record {reject.record} of {reject.object} was rejected by no rule of the pipeline")


def _keep(plan: Plan, judged: Judged, says: Verdict, work: ObjectStore) -> None:
    """Keep what the rules say beside what transform did, whether the run publishes or not."""
    part = Transformed(counts=Counts(late=judged.late), broken=says.broken)
    with work.writing(judged_key(plan.run_id)) as stream:
        stream.write(to_json(part))


def _judged(plan: Plan, work: ObjectStore) -> Iterator[Transformed]:
    """What an earlier attempt kept, if there was one."""
    with suppress(NotFound), work.reading(judged_key(plan.run_id)) as stream:
        yield from_json(Transformed, stream.read())
