"""Staging: a second load is harmless, and what a crash empties is noticed."""

import pytest
from making import manifest, plan, query, records, version, wrote

from chalicelib.core.errors import Held, StagingLost
from chalicelib.core.manifest import Batch

OBJECTS = (version("a.csv", "1"), version("b.csv", "2"))


@pytest.fixture
def staged_plan():
    return plan(objects=OBJECTS)


def stage(target, of):
    sink = target.staging(of)
    return [sink.write(of, Batch(i, each, 3), [records(i * 10, 3)]) for i, each in enumerate(of.objects, start=1)]


def publish_staged(target, of):
    with target.publication(of) as publication:
        publication.check_staged(of, manifest(of))
        assert 6 == publication.write_staged(of, manifest(of)).loaded
        return publication.seal(of, wrote(6))


def tables(database):
    return query(database, "SELECT count(*) FROM pg_class WHERE relnamespace = 'etl_stage'::regnamespace")[0][0]


def test_loading_twice_changes_nothing(database, target, staged_plan):
    assert [3, 3] == stage(target, staged_plan)
    assert [3, 3] == stage(target, staged_plan)
    publish_staged(target, staged_plan)
    assert [[10], [11], [12], [20], [21], [22]] == query(database, "SELECT a FROM t ORDER BY a")


def test_rows_know_their_object_and_record(database, target, staged_plan):
    stage(target, staged_plan)
    publish_staged(target, staged_plan)
    found = query(
        database, "SELECT t.a, o.key, t._etl_line FROM t JOIN etl_target.objects o ON o.id = _etl_object ORDER BY a"
    )
    assert [10, "/data/a.csv", 10] == found[0]
    assert [22, "/data/b.csv", 22] == found[-1]


def test_publishing_leaves_no_staging(database, target, staged_plan):
    before = tables(database)
    stage(target, staged_plan)
    publish_staged(target, staged_plan)
    assert before == tables(database)
    assert [[0]] == query(database, "SELECT count(*) FROM etl_stage.batches")


@pytest.mark.parametrize(
    "loss",
    [
        "DELETE FROM etl_stage.batches WHERE batch = 2",
        "TRUNCATE etl_stage.batches",
        "DELETE FROM {staging} WHERE a = 21",
        "TRUNCATE {staging}",
        "TRUNCATE {staging}, etl_stage.batches",
        "DROP TABLE {staging}",
    ],
)
def test_what_is_lost_is_noticed_and_nothing_is_published(database, target, staged_plan, loss):
    stage(target, staged_plan)
    staging = f"etl_stage.r{staged_plan.run_id.replace('-', '')}"
    query(database, loss.format(staging=staging))
    with pytest.raises(StagingLost, match="staging of run"):
        publish_staged(target, staged_plan)
    assert [[None]] == query(database, "SELECT to_regclass('t')")
    target.discard(staged_plan.run_id)
    stage(target, staged_plan)
    publish_staged(target, staged_plan)


def test_a_batch_that_was_never_loaded_is_noticed(target, staged_plan):
    target.staging(staged_plan).write(staged_plan, Batch(1, OBJECTS[0], 3), [records(1, 3)])
    with pytest.raises(StagingLost, match="holds 1 of 2 batches"):
        publish_staged(target, staged_plan)


def test_a_batch_that_fails_leaves_neither_rows_nor_marker(database, target, staged_plan):
    sink = target.staging(staged_plan)

    def failing():
        yield records(1, 3)
        raise ValueError("here")

    with pytest.raises(ValueError, match="here"):
        sink.write(staged_plan, Batch(1, OBJECTS[0], 3), failing())
    assert [[0]] == query(database, "SELECT count(*) FROM etl_stage.batches")
    assert [3, 3] == stage(target, staged_plan)


def test_text_that_is_no_number_in_the_target_holds_the_run(database, target):
    of = plan(columns={"a": "bigint", "b": "numeric"})
    target.staging(of).write(of, Batch(1, of.objects[0], 1), [records(1, 1)])
    with pytest.raises(Held, match="invalid input syntax for type numeric"), target.publication(of) as publication:
        publication.write_staged(of, manifest(of))
    assert [[None]] == query(database, "SELECT to_regclass('t')")


def test_discarding_what_is_not_there_is_harmless(target, staged_plan):
    target.discard(staged_plan.run_id)
    target.discard(staged_plan.run_id)
