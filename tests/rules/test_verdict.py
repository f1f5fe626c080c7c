"""The verdict: what all rules together say of a run, from counts and measures alone."""

import pytest

from chalicelib.core.counts import Counts
from chalicelib.core.outcome import Judged, Transformed
from chalicelib.core.pipeline import Pipeline
from chalicelib.rules.run import turned_away
from chalicelib.rules.verdict import verdict

SUM = {"check": "sum", "column": "x", "min": 1}


def says(rules=(), *, failing=(), broken=None, judged=None, **counts):
    source, target = {"type": "file", "path": "a.csv"}, {"type": "postgres", "table": "t"}
    document = {"version": 1, "name": "p", "source": source, "target": target, "rules": list(rules)}
    done = Transformed(Counts(**counts), broken=broken or {}, failing=failing)
    return verdict(Pipeline.model_validate(document), done, judged or Judged())


def test_every_rule_is_told_and_one_that_holds_counts_nothing():
    rules = [{"check": "in", "column": "a", "values": [1]}, {"check": "row_count", "min": 1}]
    assert {"in:a": 0, "row_count": 0} == says(rules, read=1, kept=1, produced=1).broken


def test_a_broken_rule_on_the_run_holds_it_or_warns():
    rule = {"check": "row_count", "min": 3}
    fails, warns = (says([{**rule, **more}], read=2, kept=2, produced=2) for more in ({}, {"severity": "warn"}))
    told = "p: 2 records to load, the least is 3 (rule row_count)"
    assert (f"{told}; nothing was published", ()) == (fails.held, fails.warnings)
    assert (None, (told,)) == (warns.held, warns.warnings)
    assert {"row_count": 1} == fails.broken == warns.broken


def test_the_first_reason_holds_the_run():
    rules = [{"check": "unique", "columns": ["a"], "severity": "fail"}, {"check": "row_count", "min": 3}]
    judged = Judged(broken={"unique:a": 2}, late=2, failing=("unique:a",))
    found = says(rules, judged=judged, read=3, kept=3, produced=3, late=2)
    assert "p: 2 records break unique:a, a rule of severity fail; nothing was published" == found.held
    assert {"unique:a": 2, "row_count": 1} == found.broken


@pytest.mark.parametrize(
    ("counts", "share"),
    [
        ({"read": 10, "kept": 9, "rejected": 1, "produced": 9}, (1, 10)),
        ({"read": 10, "kept": 9, "rejected": 1, "produced": 9, "late": 2}, (3, 10)),
        ({"read": 10, "kept": 9, "rejected": 1, "produced": 2, "late": 1}, (1, 2)),
        ({"read": 120, "kept": 120, "produced": 240, "sifted": 60}, (0, 120)),
        ({"read": 4, "kept": 4, "produced": 4, "sifted": 2, "late": 1}, (1, 2)),
        ({"read": 10, "kept": 5, "rejected": 5, "produced": 4, "late": 1}, (5, 10)),
        ({}, (0, 0)),
    ],
)
def test_late_rejects_are_rejects_and_of_two_shares_the_greater_counts(counts, share):
    assert share == turned_away(Counts(**counts))


def test_a_run_without_a_ratio_is_held_past_the_default_and_when_all_is_rejected():
    assert (
        "p: all 2 records rejected; nothing was published" == says(read=2, kept=1, rejected=1, produced=1, late=1).held
    )
    told = "p: 11 of 100 records rejected, the limit is 10.0%; a rule reject_ratio in the pipeline sets another limit"
    assert says(read=100, kept=100, produced=100, late=11).held.startswith(told)
    assert says(read=100, kept=100, produced=100, late=10).held is None


@pytest.mark.parametrize(
    ("measured", "held"), [("1", False), ("0.99", True), (None, True), ("NaN", True), ("Infinity", False)]
)
def test_a_sum_that_is_no_number_or_too_small_holds_the_run(measured, held):
    found = says([SUM], judged=Judged(measured={"sum:x": measured}), read=1, kept=1, produced=1)
    assert (held, int(held)) == (found.held is not None, found.broken["sum:x"])


def test_an_old_newest_value_is_told_with_its_age():
    rule = {"check": "freshness", "column": "at", "max_age_hours": 1}
    found = says([rule], judged=Judged(measured={"freshness:at": "1234.56"}), read=1, kept=1, produced=1)
    assert found.held.startswith("p: the newest at is 1,234.6 hours old, the most is 1 (rule freshness:at)")
