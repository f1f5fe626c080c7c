"""A run's status changes in the ways of the table, and in none other."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from chalicelib.core.counts import Counts
from chalicelib.core.run import TRANSITIONS, Failure, IllegalTransition, Run, Stage, Status, Trigger

AT = datetime(2026, 1, 2, 3, 4, 5, 600_000, tzinfo=UTC)
LATER = AT + timedelta(milliseconds=1500)
LEGAL = [(before, after) for before, afters in TRANSITIONS.items() for after in afters]


def run(status=Status.QUEUED, **facts):
    return Run("id", "orders", "digest", "public.orders", Trigger.OBJECT, AT, status, **facts)


@pytest.mark.parametrize(("before", "after"), sorted(LEGAL))
def test_every_change_in_the_table_is_made(before, after):
    moved = run(before).moved(after, at=LATER)
    assert after is moved.status
    assert (moved.started_at, moved.finished_at) == ((LATER, None) if after is Status.RUNNING else (None, LATER))


FINAL = {status for status, afters in TRANSITIONS.items() if not afters}


@pytest.mark.parametrize("status", sorted(FINAL))
def test_a_run_that_has_ended_so_already_stays_as_it_is(status):
    ended = run(status, finished_at=AT)
    assert ended is ended.moved(status, at=LATER, counts=Counts(read=9))


@pytest.mark.parametrize(
    ("before", "after"), sorted(set(product(Status, Status)) - set(LEGAL) - {(status, status) for status in FINAL})
)
def test_no_other_change_is(before, after):
    with pytest.raises(IllegalTransition, match=f"run id is {before} and cannot become {after}"):
        run(before).moved(after, at=LATER)


def test_every_status_stands_in_the_table_and_four_are_final():
    assert set(Status) == set(TRANSITIONS)
    final = {status for status, afters in TRANSITIONS.items() if not afters}
    assert {Status.SUCCEEDED, Status.FAILED, Status.CANCELLED, Status.SKIPPED} == final


def test_facts_are_set_on_the_way_and_the_run_itself_stays():
    before = run(Status.RUNNING)
    after = before.moved(Status.SUCCEEDED, at=LATER, counts=Counts(read=1), ledger_number=3)
    assert (Counts(read=1), 3) == (after.counts, after.ledger_number)
    assert Status.RUNNING is before.status


def test_the_stages_stand_in_their_order():
    assert ["plan", "extract", "transform", "load", "publish", "record"] == list(Stage)


def test_a_run_has_a_duration_when_it_has_ended():
    assert run(started_at=AT).duration_ms is None
    assert 1500 == run(started_at=AT, finished_at=LATER).duration_ms


def test_the_run_for_programs_has_the_promised_keys():
    told = run(Status.HELD, started_at=AT, finished_at=LATER, failure=Failure("publish", "Held", "why")).to_json()
    promised = (
        "run_id, pipeline, status, records_read, records_loaded, records_updated, records_unchanged, records_filtered,"
        " records_deduplicated, records_rejected, records_produced, table_hash, usd_estimated, usd, duration_ms"
    )
    assert set(promised.split(", ")) <= set(told)
    assert ("held", "2026-01-02T03:04:05.600000Z", 1500) == (told["status"], told["created_at"], told["duration_ms"])
    assert {"stage": "publish", "error": "Held", "message": "why"} == told["failure"]
