"""Publish: make a run's records visible, all of them or none."""

from collections.abc import Callable

from chalicelib.core.codec import from_json
from chalicelib.core.counts import Counts, Written, prove_in, prove_out
from chalicelib.core.errors import Held
from chalicelib.core.folder import outcome_key
from chalicelib.core.manifest import Manifest
from chalicelib.core.outcome import Duplicate, Published, Transformed
from chalicelib.core.pipeline import Pipeline, RejectRatio
from chalicelib.core.plan import Plan
from chalicelib.ports import ObjectStore, Publication, Target
from chalicelib.rules import RUN_RULES, check_default_ratio

#: Copies the run's records straight into the publication; where there is none, staging holds them.
Copy = Callable[[Publication], None]


def publish(
    plan: Plan, manifest: Manifest, *, target: Target, work: ObjectStore, copy: Copy | None = None
) -> Published | Duplicate:
    """Run the publishing transaction: claim the objects in the ledger, bring the records in, judge, prove, commit.

    What transform counted is read from the run's folder, batch by batch of the manifest; what was written is what the
    server counted.

    Raises:
        Held: if a rule of the pipeline, or the table's own constraint, refuses the run.
        BrokenLaw: if the two equations do not hold.
        StagingLost: if staging is not what the manifest says.
    """
    with target.publication(plan) as publication:
        if publication.done is not None:
            return Published(publication.done, publication.done.counts)
        if publication.duplicate_of is not None:
            return Duplicate(publication.duplicate_of, superseded=publication.superseded)
        if copy is not None:
            copy(publication)
        else:
            publication.check_staged(plan, manifest)
        done = transformed(plan, manifest, work)
        written = publication.write_staged(plan, manifest) if copy is None else Written(loaded=done.written)
        judge(plan.pipeline, done)
        counts = proved(done, written)
        entry = publication.seal(plan, counts)
    return Published(entry, counts, done.broken)


def proved(done: Transformed, written: Written) -> Counts:
    """The run's final counts, once the law holds for what transform did and what publish wrote."""
    counts = done.counts.written(written)
    prove_in(counts, cardinality=done.cardinality)
    prove_out(counts)
    return counts if done.cardinality else counts.settled(deduplicated=written.deduplicated)


def transformed(plan: Plan, manifest: Manifest, work: ObjectStore) -> Transformed:
    """What transform did with the whole run, added up over the batches of its manifest."""
    parts = []
    for batch in manifest.batches:
        with work.reading(outcome_key(plan.run_id, batch.number)) as stream:
            parts.append(from_json(Transformed, stream.read()))
    return Transformed.total(parts)


def judge(pipeline: Pipeline, done: Transformed) -> None:
    """Judge the run by its totals.

    Raises:
        Held: with the first broken rule's sentence.
    """
    for name in done.failing:
        raise Held(f"{pipeline.name}: {done.broken[name]:,} records break {name}, a rule of severity fail")
    for rule in pipeline.rules:
        check = RUN_RULES.get(type(rule))
        told = check(rule, done.counts) if check else None
        if told and rule.severity == "fail":
            raise Held(f"{pipeline.name}: {told}; nothing was published")
    if not any(isinstance(rule, RejectRatio) for rule in pipeline.rules):
        told = check_default_ratio(done.counts)
        if told:
            raise Held(f"{pipeline.name}: {told}; nothing was published")
