"""Runs in the control plane: what was saved is read back, whatever it holds."""

from dataclasses import replace
from datetime import timedelta
from importlib.resources import files

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from making import AT, query, run_id

from chalicelib.core.counts import Counts
from chalicelib.core.errors import NotFound, Refused, Unreachable
from chalicelib.core.reject import Reason, Reject, Severity
from chalicelib.core.run import Failure, Run, Skip, Status, Trigger
from chalicelib.postgres.connection import connected
from chalicelib.store.plane import Plane
from chalicelib.store.runs import PostgresRuns


@pytest.fixture
def log(plane):
    return PostgresRuns(plane)


def run(number=1, **facts):
    return Run(run_id(number), "orders", "d" * 64, "public.t", Trigger.PERSON, AT, **facts)


ENDED = run(
    status=Status.SUCCEEDED,
    started_at=AT + timedelta(seconds=1),
    finished_at=AT + timedelta(seconds=2),
    counts=Counts(read=9, kept=7, filtered=1, rejected=1, produced=7, loaded=7),
    table_hash="0" * 32,
    ledger_number=12,
)


@pytest.mark.parametrize(
    "saved",
    [
        run(),
        ENDED,
        run(status=Status.HELD, failure=Failure("publish", "Held", 'it\'s "held" \\ é😀\n: 1 %')),
        *(run(status=Status.SKIPPED, skipped_for=run_id(7), skipped_because=why) for why in Skip),
        *(replace(run(), trigger=trigger) for trigger in Trigger),
    ],
)
def test_a_run_is_read_back_as_it_was_saved(log, saved):
    log.save(saved, "action", "message")
    assert saved == log.find(saved.run_id)
    assert [saved] == log.newest()


def test_runs_of_before_are_given_the_reason_that_their_event_tells(log, database):
    told = ("superseded: a newer version was loaded by run x", "the object belongs to run x", "loaded already by run x")
    for number, message in enumerate(told):
        log.save(run(number, status=Status.SKIPPED, skipped_for="x"), "run_skipped", message)
    log.save(run(9), "run_queued", "asked for by person")
    _, update = files("chalicelib.store.migrations").joinpath("004_skips.sql").read_text().split(";\n\n")
    query(database, update)
    assert [None, "duplicate", "claimed", "superseded"] == [each.skipped_because for each in log.newest()]


def test_saving_again_replaces_the_run_and_adds_an_event(log):
    log.save(run(status=Status.RUNNING), "run_started", "started by person")
    log.save(ENDED, "run_succeeded", "7 records loaded")
    assert ENDED == log.find(ENDED.run_id)
    assert [("run_started", "started by person"), ("run_succeeded", "7 records loaded")] == [
        event[1:] for event in log.events(ENDED.run_id)
    ]


def test_what_postgresql_cannot_hold_is_replaced(log):
    log.save(run(failure=Failure("plan", "Held", "a\0b\udc80c")), "run_held", "a\0b\udc80c")
    assert log.find("last").failure.message == "a\ufffdb?c"
    assert log.events(run_id(1))[0][2] == "a\ufffdb?c"


def test_the_newest_runs_come_first_and_can_be_of_one_pipeline(log):
    for number in range(1, 6):
        log.save(replace(run(number), pipeline=f"p{number % 2}"), "a", "m")
    assert [run_id(n) for n in (5, 4, 3)] == [each.run_id for each in log.newest(limit=3)]
    assert [run_id(n) for n in (4, 2)] == [each.run_id for each in log.newest(pipeline="p0")]
    assert [] == log.newest(pipeline="p2")
    assert run_id(5) == log.find("last").run_id


def test_a_run_is_found_by_the_beginning_of_its_id(log):
    with pytest.raises(NotFound, match="no run last"):
        log.find("last")
    log.save(run(0x10 << 120), "a", "m")
    log.save(run(0x11 << 120), "a", "m")
    assert run_id(0x10 << 120) == log.find("10").run_id
    with pytest.raises(NotFound, match="more than one run begins with 1; give more of its id"):
        log.find("1")
    for unknown in ("2", "%", "_", "1%", "'; DROP TABLE etl.runs; --"):
        with pytest.raises(NotFound, match="there is no run"):
            log.find(unknown)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
reasons = st.builds(Reason, texts, texts, st.none() | texts, st.sampled_from(Severity))
places = st.none() | st.integers(0, 2**63 - 1)
any_reject = st.builds(
    Reject,
    st.integers(1, 10_000),
    texts,
    places,
    places,
    places,
    st.binary(max_size=300),
    st.tuples(reasons) | st.tuples(),
)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rejects=st.lists(any_reject, max_size=5))
def test_rejects_of_any_bytes_and_any_text_are_read_back(log, rejects):
    log.save(run(), "a", "m")
    assert len(rejects) == log.save_rejects(run_id(1), iter(rejects))
    expected = sorted((_stored(each) for each in rejects), key=lambda r: (r.batch, r.record is None, r.record or 0))
    assert expected == log.rejects(run_id(1), limit=100)


def _stored(reject):
    def clean(text):
        return text and text.replace("\0", "\ufffd")

    told = (Reason(clean(r.rule), clean(r.message), clean(r.column), r.severity) for r in reject.reasons)
    return replace(reject, object=clean(reject.object), reasons=tuple(told))


def reject(number, *told):
    return Reject(1, "/data/f.csv", number, number * 10, number * 10 + 9, b"raw", told)


TYPE_A, TYPE_B = Reason("type", "a is no bigint", "a"), Reason("type", "b is no date", "b")


def test_a_second_attempt_replaces_what_the_first_stored(log):
    log.save(run(), "a", "m")
    log.save(run(2), "a", "m")
    log.save_rejects(run_id(2), [reject(9, TYPE_A)])
    log.save_rejects(run_id(1), [reject(n, TYPE_A) for n in range(1, 6)])
    assert 2 == log.save_rejects(run_id(1), [reject(7, TYPE_B), reject(6, TYPE_B)])
    assert [6, 7] == [each.record for each in log.rejects(run_id(1), limit=10)]
    assert 0 == log.save_rejects(run_id(1), [])
    assert [] == log.rejects(run_id(1), limit=10)
    assert [9] == [each.record for each in log.rejects(run_id(2), limit=10)]


def test_rejects_that_cannot_be_read_leave_what_was_stored(log):
    log.save(run(), "a", "m")
    log.save_rejects(run_id(1), [reject(1, TYPE_A)])

    def failing():
        yield reject(2, TYPE_A)
        raise ValueError("here")

    with pytest.raises(ValueError, match="here"):
        log.save_rejects(run_id(1), failing())
    assert [1] == [each.record for each in log.rejects(run_id(1), limit=10)]


def test_rejects_are_read_in_parts(log):
    log.save(run(), "a", "m")
    log.save_rejects(run_id(1), (reject(n, TYPE_A) for n in range(1, 30_001)))
    assert [29_999, 30_000] == [each.record for each in log.rejects(run_id(1), limit=5, offset=29_998)]


def test_rejects_are_counted_by_rule_and_column_most_first(log):
    log.save(run(), "a", "m")
    log.save_rejects(run_id(1), [reject(1, TYPE_A, TYPE_B), reject(2, TYPE_B), reject(3, Reason("expr", "x"))])
    assert [("type", "b", "b is no date", 2), ("expr", None, "x", 1), ("type", "a", "a is no bigint", 1)] == [
        tuple(each.values()) for each in log.rejects_by_reason(run_id(1))
    ]


def test_the_run_log_survives_the_loss_of_its_connection(log, database):
    log.save(run(), "a", "m")
    query(
        database,
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    log.save(ENDED, "a", "m")
    assert ENDED == log.find("last")


def test_what_the_server_answers_becomes_an_error_of_ours(log, database):
    log.newest()
    query(database, "DROP SCHEMA etl CASCADE")
    with pytest.raises(Exception, match=r"the control plane: PostgreSQL answers 42P01"):
        log.newest()


def test_an_unreachable_control_plane_says_so(database):
    runs = PostgresRuns(Plane(replace(database, port=1)))
    with pytest.raises(Unreachable, match="does not answer"):
        runs.newest()


def test_a_control_plane_without_the_right_to_create_is_refused(database):
    name = f"weak_{database.database}"
    with connected(database) as connection:
        connection.run(f"CREATE USER {name} PASSWORD 'weak'")
    weak = Plane(replace(database, user=name, password="weak"))
    with pytest.raises(Refused, match="grant CREATE on the database"):
        PostgresRuns(weak).newest()
    weak.close()
    query(database, f"DROP USER {name}")
