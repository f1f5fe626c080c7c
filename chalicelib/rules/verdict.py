"""The verdict: all that the rules of a document say about a run, once its records are counted and measured."""

from collections.abc import Iterator
from dataclasses import dataclass

from chalicelib.core.counts import Counts
from chalicelib.core.outcome import Judged, Transformed
from chalicelib.core.pipeline import MeasuredRule, Pipeline, RejectRatio, Rule, rule_keys
from chalicelib.rules.run import MEASURED_RULES, RUN_RULES, check_default_ratio


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say of a run.

    ``broken`` has every rule of the document by its key, 0 for one that holds; a rule on the run as a whole counts 1
    when it is broken. ``held`` is why the run may not publish, or None; ``warnings`` are what else is to be told.
    """

    broken: dict[str, int]
    held: str | None
    warnings: tuple[str, ...]


def verdict(pipeline: Pipeline, done: Transformed, judged: Judged) -> Verdict:
    """Judge a run by what transform counted and by what publish found; ``done`` has the counts that it ends with."""
    keys = rule_keys(pipeline.rules)
    broken = {**dict.fromkeys(keys, 0), **judged.broken}
    fatal: list[str] = []
    warnings: list[str] = []
    for name in (*done.failing, *judged.failing):
        records = done.broken.get(name, 0) + judged.broken.get(name, 0)
        fatal.append(f"{records:,} records break {name}, a rule of severity fail")
    for key, rule in zip(keys, pipeline.rules, strict=True):
        for told in _told(key, rule, done.counts, judged):
            broken[key] = 1
            (fatal if rule.severity == "fail" else warnings).append(told)
    if not any(isinstance(rule, RejectRatio) for rule in pipeline.rules):
        fatal += [told for told in (check_default_ratio(done.counts),) if told]
    held = f"{pipeline.name}: {fatal[0]}; nothing was published" if fatal else None
    return Verdict(broken, held, tuple(f"{pipeline.name}: {told}" for told in warnings))


def _told(key: str, rule: Rule, counts: Counts, judged: Judged) -> Iterator[str]:
    """The sentence of a rule on the run as a whole, if it is broken."""
    told = None
    if isinstance(rule, MeasuredRule):
        told = MEASURED_RULES[type(rule)](rule, judged.measured.get(key))
    elif type(rule) in RUN_RULES:
        told = RUN_RULES[type(rule)](rule, counts)
    if told:
        yield f"{told} (rule {key})"
