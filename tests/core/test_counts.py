"""The law: both equations hold, or nothing is published."""

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.counts import NONE, Cardinality, Counts, prove_in, prove_out
from chalicelib.core.errors import BrokenLaw

few = st.integers(0, 10**9)
any_counts = st.builds(Counts, *[few] * len(fields(Counts)))


@st.composite
def lawful(draw):
    """Counts for which both equations hold."""
    kept, filtered, deduplicated, rejected, combined = (draw(few) for _ in range(5))
    updated, unchanged, late, sifted = (draw(st.integers(0, kept // 4)) for _ in range(4))
    return Counts(
        read=kept + filtered + deduplicated + rejected + combined,
        kept=kept,
        filtered=filtered,
        deduplicated=deduplicated,
        rejected=rejected,
        combined=combined,
        produced=kept,
        loaded=kept - updated - unchanged - late - sifted,
        updated=updated,
        unchanged=unchanged,
        late=late,
        sifted=sifted,
    )


@given(lawful())
def test_lawful_counts_are_proved(counts):
    prove_in(counts)
    prove_out(counts)


IN_THE_LAW = [f.name for f in fields(Counts) if f.name != "removed"]


@given(lawful(), st.sampled_from(IN_THE_LAW), st.integers(-5, 5).filter(bool))
def test_any_single_count_that_is_wrong_breaks_the_law(counts, name, by):
    wrong = replace(counts, **{name: getattr(counts, name) + by})
    with pytest.raises(BrokenLaw, match="nothing was published"):
        prove_in(wrong)
        prove_out(wrong)


@given(lawful(), few)
def test_a_step_that_changes_the_cardinality_reports_it(counts, produced):
    changed = replace(counts, produced=produced)
    prove_in(changed, cardinality=Cardinality(counts.kept + counts.combined, produced))
    with pytest.raises(BrokenLaw, match="the steps report"):
        prove_in(changed, cardinality=Cardinality(counts.kept + counts.combined, produced + 1))


@given(lawful(), st.data())
def test_settled_counts_keep_the_law_and_add_up_for_people(counts, data):
    deduplicated = data.draw(st.integers(0, counts.late))
    settled = counts.settled(deduplicated=deduplicated, rejected=counts.late - deduplicated)
    prove_in(settled)
    prove_out(settled)
    assert settled.read - settled.combined == sum(
        getattr(settled, name)
        for name in ("loaded", "updated", "unchanged", "sifted", "filtered", "deduplicated", "rejected")
    )


def test_the_error_has_both_sides_in_numbers():
    with pytest.raises(BrokenLaw, match=r"^1,000 records read, but 998 accounted for \(kept 998, filtered 0, "):
        prove_in(Counts(read=1000, kept=998, produced=998))
    with pytest.raises(BrokenLaw, match=r"^5 records produced, but the publish statements wrote 4 \(loaded 4, "):
        prove_out(Counts(produced=5, loaded=4))


@given(any_counts, any_counts, any_counts)
def test_adding_is_count_by_count_in_any_order(one, two, three):
    assert (one + two) + three == three + (two + one)
    assert one + NONE == one
    assert all(getattr(one + two, f.name) == getattr(one, f.name) + getattr(two, f.name) for f in fields(Counts))


@given(any_counts)
def test_counts_are_read_back_from_json(counts):
    assert counts == Counts.from_json(counts.to_json())


def test_a_missing_count_is_zero():
    assert Counts(read=3) == Counts.from_json({"records_read": 3, "records_loaded": None})
