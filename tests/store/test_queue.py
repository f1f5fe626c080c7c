"""Which object belongs to which run: decided in the database, whatever is delivered twice or at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from making import AT, pipeline

from chalicelib.core.delivery import ObjectCreated, ObjectId
from chalicelib.core.run import Status, Trigger
from chalicelib.store.plane import Plane
from chalicelib.store.queue import PostgresQueue
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
    assert {None, started[0]} == {run.skipped_for for run in runs.newest(limit=100)}


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


def test_another_version_of_the_object_is_another_run(queue):
    first = queue.take(DOCUMENT, [created("d1", version="v1")], AT)
    second = queue.take(DOCUMENT, [created("d2", version="v2")], AT)
    assert (1, 1, False) == (len(first), len(second), first == second)


def test_small_objects_share_a_run_up_to_the_batch_size(queue):
    half = 600 * 1024
    started = queue.take(DOCUMENT, [created(f"d{n}", key=f"{n}.csv", size=half) for n in range(3)], AT)
    assert [1, 1, 1] == [len(queue.objects_of(run_id)) for run_id in started]
    started = queue.take(DOCUMENT, [created(f"e{n}", key=f"e{n}.csv", size=1000) for n in range(3)], AT)
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
