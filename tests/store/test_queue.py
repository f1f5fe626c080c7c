"""Which object belongs to which run: decided in the database, whatever is delivered twice or at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from making import AT, pipeline, query

from chalicelib.core.delivery import ObjectCreated, ObjectId
from chalicelib.core.run import Status, Trigger
from chalicelib.postgres.connection import connected, transaction
from chalicelib.store.plane import Plane
from chalicelib.store.queue import RUNS, SQL, PostgresQueue
from chalicelib.store.rows import run_values
from chalicelib.store.runs import PostgresRuns

DOCUMENT = pipeline("a.csv", parallel={"batch_mb": 1})


def created(delivery: str, key: str = "a.csv", version: str = "v1", size: int = 10) -> ObjectCreated:
    return ObjectCreated(delivery, ObjectId("landing", key, version), size)


@pytest.fixture
def queue(plane):
    return PostgresQueue(plane)


@pytest.fixture
def runs(plane):
    return PostgresRuns(plane)


def statuses(runs) -> list[str]:
    return sorted(run.status.value for run in runs.newest(limit=100))


def test_an_object_becomes_a_queued_run_that_knows_its_object(queue, runs):
    (run_id,) = queue.take(DOCUMENT, [created("d1")], AT)
    run = runs.find(run_id)
    assert (Status.QUEUED, Trigger.OBJECT, DOCUMENT.digest()) == (run.status, run.trigger, run.pipeline_digest)
    assert [ObjectId("landing", "a.csv", "v1")] == queue.objects_of(run_id)


def test_the_same_delivery_again_names_the_run_that_still_waits_and_queues_nothing(queue, runs):
    first = queue.take(DOCUMENT, [created("d1")], AT)
    assert first == queue.take(DOCUMENT, [created("d1")], AT)
    runs.begin(first[0], AT)
    assert [] == queue.take(DOCUMENT, [created("d1")], AT)
    assert ["running"] == statuses(runs)


def test_ten_deliveries_of_one_object_are_one_run_and_nine_that_are_skipped_for_it(queue, runs):
    started = queue.take(DOCUMENT, [created("d0")], AT)
    for number in range(1, 10):
        assert [] == queue.take(DOCUMENT, [created(f"d{number}")], AT)
    assert ["queued", *["skipped"] * 9] == statuses(runs)
    found = {(run.skipped_for, run.skipped_because) for run in runs.newest(limit=100)}
    assert {(None, None), (started[0], "claimed")} == found


def test_ten_deliveries_at_once_are_one_run(database, runs):
    def take(number: int) -> list[str]:
        plane = Plane(database)
        try:
            return list(PostgresQueue(plane).take(DOCUMENT, [created(f"d{number}")], AT))
        finally:
            plane.close()

    with ThreadPoolExecutor(10) as pool:
        started = [run_id for each in pool.map(take, range(10)) for run_id in each]
    assert (1, ["queued", *["skipped"] * 9]) == (len(started), statuses(runs))


def test_a_run_that_failed_gives_its_object_back(queue, runs):
    (first,) = queue.take(DOCUMENT, [created("d1")], AT)
    failed = runs.begin(first, AT).moved(Status.FAILED, at=AT)
    runs.save(failed, "run_failed", "the database went away")
    (second,) = queue.take(DOCUMENT, [created("d2")], AT)
    assert first != second
    assert [ObjectId("landing", "a.csv", "v1")] == queue.objects_of(second)


def test_another_version_of_the_object_is_not_skipped(queue, runs):
    (first,) = queue.take(DOCUMENT, [created("d1", version="v1")], AT)
    runs.begin(first, AT)
    (second,) = queue.take(DOCUMENT, [created("d2", version="v2")], AT)
    assert [["v1"], ["v2"]] == [[place.version for place in queue.objects_of(run_id)] for run_id in (first, second)]


def test_a_small_object_joins_the_run_that_still_waits(queue, runs):
    first = queue.take(DOCUMENT, [created("d1")], AT)
    assert first == queue.take(DOCUMENT, [created("d2", key="b.csv")], AT)
    assert (["a.csv", "b.csv"], ["queued"]) == ([place.key for place in queue.objects_of(first[0])], statuses(runs))


def test_an_object_for_which_there_is_no_room_joins_no_run(queue):
    half = 600 * 1024
    first = queue.take(DOCUMENT, [created("d1", size=half)], AT)
    assert first != queue.take(DOCUMENT, [created("d2", key="b.csv", size=half)], AT)


@pytest.mark.parametrize(
    ("document", "at"),
    [
        (pipeline("a.csv", parallel={"batch_mb": 2}), AT),
        (pipeline("a.csv", parallel={"batch_mb": 1}), AT + timedelta(minutes=1)),
    ],
    ids=["another version of the pipeline", "after a minute"],
)
def test_an_object_joins_no_run_of_another_version_and_none_that_does_not_get_on(queue, document, at):
    first = queue.take(DOCUMENT, [created("d1")], AT)
    assert first != queue.take(document, [created("d2", key="b.csv")], at)


def test_an_object_joins_no_run_that_a_person_asked_for(queue):
    asked = queue.request(DOCUMENT, trigger=Trigger.PERSON, at=AT)
    assert [asked.run_id] != queue.take(DOCUMENT, [created("d1")], AT)
    assert [] == queue.objects_of(asked.run_id)


def test_plan_waits_for_who_joins_the_run_and_then_reads_what_joined(database, queue):
    (run_id,) = queue.take(DOCUMENT, [created("d1")], AT)

    def plan() -> list[ObjectId]:
        plane = Plane(database)
        try:
            PostgresRuns(plane).begin(run_id, AT)
            return PostgresQueue(plane).objects_of(run_id)
        finally:
            plane.close()

    key = {"pipeline": DOCUMENT.name, "digest": DOCUMENT.digest(), "at": AT}
    place = {"pipeline": DOCUMENT.name, "bucket": "landing", "key": "b.csv", "version": "v1"}
    with connected(database) as connection, ThreadPoolExecutor(1) as pool:
        with transaction(connection):
            assert [run_id, 10] == connection.one(SQL["joinable"], **key)
            planned = pool.submit(plan)
            blocked = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype IN ('transactionid', 'tuple')"
            while not query(database, blocked)[0][0]:
                assert not planned.done()
            connection.run(SQL["claim"], **place, run_id=run_id, size_bytes=10)
        assert ["a.csv", "b.csv"] == [place.key for place in planned.result(10)]


def test_who_comes_while_plan_moves_the_run_waits_for_nothing_and_gets_another(database, queue, runs):
    (run_id,) = queue.take(DOCUMENT, [created("d1")], AT)
    begun = runs.find(run_id).moved(Status.RUNNING, at=AT)
    with connected(database) as connection, transaction(connection):
        connection.run(RUNS["save_run"], **run_values(begun))
        assert [run_id] != queue.take(DOCUMENT, [created("d2", key="b.csv")], AT)


def test_no_object_is_added_to_a_run_that_is_planned_however_many_come_at_once(database, queue, runs):
    def take(worker: int) -> None:
        plane = Plane(database)
        try:
            for number in range(40):
                name = f"{worker}-{number}"
                PostgresQueue(plane).take(DOCUMENT, [created(name, key=name)], AT)
        finally:
            plane.close()

    planned: dict[str, list[ObjectId]] = {}
    with ThreadPoolExecutor(4) as pool:
        takers = [pool.submit(take, worker) for worker in range(4)]
        while not all(taker.done() for taker in takers) or queue.unfinished() != sorted(planned):
            for run_id in queue.unfinished():
                if run_id not in planned:
                    runs.begin(run_id, AT)
                    planned[run_id] = queue.objects_of(run_id)
    assert planned == {run_id: queue.objects_of(run_id) for run_id in planned}
    assert (160, True) == (sum(map(len, planned.values())), len(planned) < 160)


def test_small_objects_share_a_run_up_to_the_batch_size(queue):
    half = 600 * 1024
    started = queue.take(DOCUMENT, [created(f"d{n}", key=f"{n}.csv", size=half) for n in range(3)], AT)
    assert [1, 1, 1] == [len(queue.objects_of(run_id)) for run_id in started]
    other = pipeline("a.csv", name="other", parallel={"batch_mb": 1})
    started = queue.take(other, [created(f"e{n}", key=f"e{n}.csv", size=1000) for n in range(3)], AT)
    assert [3] == [len(queue.objects_of(run_id)) for run_id in started]


def test_a_requested_run_has_no_objects_of_its_own_and_is_unfinished(queue, runs):
    run = queue.request(DOCUMENT, trigger=Trigger.PERSON, at=AT)
    assert ([], [run.run_id]) == (queue.objects_of(run.run_id), queue.unfinished())
    runs.save(run.moved(Status.CANCELLED, at=AT), "run_cancelled", "by hand")
    assert [] == queue.unfinished()


def test_what_was_claimed_is_remembered(queue):
    queue.take(DOCUMENT, [created("d1"), created("d2", key="b.csv")], AT)
    assert {"a.csv", "b.csv"} == {place.key for place in queue.claimed(DOCUMENT.name)}


@pytest.mark.parametrize("swept_first", [True, False])
def test_what_the_sweep_and_a_message_both_announce_is_one_run_and_none_that_is_skipped(queue, runs, swept_first):
    message = created("d1")
    deliveries = [created(message.object.found), message]
    first, second = deliveries if swept_first else deliveries[::-1]
    assert 1 == len(queue.take(DOCUMENT, [first], AT))
    queue.take(DOCUMENT, [second], AT)
    assert ["queued"] == statuses(runs)
