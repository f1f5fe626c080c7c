"""Publication: all of a run or nothing of it, once, whoever else is at work."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pyarrow as pa
import pytest
from making import pipeline, plan, query, records, version, wrote

from chalicelib.core.errors import BrokenLaw, Held, Refused, Retriable, Unreachable
from chalicelib.core.manifest import Batch
from chalicelib.core.table import TableName
from chalicelib.postgres.connection import connected
from chalicelib.targets.postgres import PostgresTarget

T = TableName("public", "t")


def counts(database):
    return [
        query(database, f"SELECT count(*) FROM {name}")[0][0]
        for name in ("etl_target.ledger", "etl_target.ledger_objects", "etl_target.tables")
    ]


def exists(database):
    return query(database, "SELECT to_regclass('t')")[0][0] is not None


def test_a_publish_makes_table_ledger_row_claim_and_hash(database, target, publish):
    entry = publish(target)
    assert [[1, "b1", 1], [2, "b2", 2], [3, "b3", 3]] == query(database, "SELECT a, b, _etl_line FROM t ORDER BY a")
    assert [[entry.number]] == query(database, "SELECT DISTINCT _etl_run FROM t")
    assert [1, 1, 1] == counts(database)
    assert entry.counts == wrote(3)
    assert entry.rows_written == 3


def test_the_ledger_row_comes_first(database, target):
    with target.publication(plan()):
        assert [0, 0, 0] == counts(database)
        found = query(
            database, "SELECT count(*) FROM pg_locks WHERE relation = 'etl_target.ledger'::regclass AND granted"
        )
        assert found[0][0] > 0


class BrokeError(Exception):
    pass


def test_an_error_leaves_nothing(database, target):
    of = plan()
    with pytest.raises(BrokeError), target.publication(of) as publication:
        publication.write(of, Batch(1, of.objects[0], 3), [records(1, 3)])
        publication.seal(of, wrote(3))
        raise BrokeError
    assert [0, 0, 0] == counts(database)
    assert not exists(database)


def test_a_count_that_is_not_what_is_found_leaves_nothing(database, target):
    of = plan()
    with pytest.raises(BrokenLaw, match="wrote 4 rows, 3 are found"), target.publication(of) as publication:
        publication.write(of, Batch(1, of.objects[0], 3), [records(1, 3)])
        publication.seal(of, wrote(4))
    assert not exists(database)


def test_the_same_run_twice_finds_itself_done(target, publish):
    entry = publish(target)
    with target.publication(plan(create=False)) as publication:
        assert entry == publication.done
        assert publication.duplicate_of is None


def test_another_run_of_the_same_object_finds_the_first(database, target, publish):
    publish(target)
    with target.publication(plan(2, create=False)) as publication:
        assert plan().run_id == publication.duplicate_of
    assert [1, 1, 1] == counts(database)


@pytest.mark.parametrize("other", [{"pipeline": pipeline(name="other")}, {"objects": [version(content="2")]}])
def test_another_pipeline_or_another_version_is_no_duplicate(database, target, publish, other):
    publish(target)
    publish(target, of=plan(2, create=False, **other))
    assert [[6]] == query(database, "SELECT count(*) FROM t")


def test_of_two_at_once_one_publishes_and_the_other_names_it(database, new_target, target):
    del target  # it has migrated
    inside, go_on = threading.Event(), threading.Event()

    def first():
        of = plan(1)
        with new_target().publication(of) as publication:
            publication.write(of, Batch(1, of.objects[0], 3), [records(1, 3)])
            inside.set()
            assert go_on.wait(20)
            publication.seal(of, wrote(3))
            return publication.duplicate_of

    def second():
        assert inside.wait(20)
        with new_target().publication(plan(2)) as publication:
            return publication.duplicate_of

    with ThreadPoolExecutor() as pool:
        one, two = pool.submit(first), pool.submit(second)
        until_waiting(database)
        go_on.set()
        assert one.result() is None
        assert two.result() == plan(1).run_id
    assert [[3]] == query(database, "SELECT count(*) FROM t")


def until_waiting(database):
    """Return when a session of this database waits for a lock."""
    with connected(database) as connection:
        while not connection.one(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ):
            pass


def test_when_some_objects_were_loaded_meanwhile_the_plan_is_made_again(database, target, publish):
    publish(target)
    both = plan(2, create=False, objects=[version(), version("b.csv", "2")])
    with pytest.raises(Retriable, match=r"/data/a\.csv was loaded by run .* start the run again"):
        publish(target, of=both)
    assert [1, 1, 1] == counts(database)


def test_only_the_copy_that_makes_a_table_freezes_it(database, target, publish):
    """Frozen rows are seen even by a snapshot from before them."""
    with connected(database) as connection:
        for size, of in ((3, plan()), (3, plan(2, create=False, objects=[version(content="2")]))):
            connection.run("BEGIN ISOLATION LEVEL REPEATABLE READ")
            connection.run("SELECT 1")
            publish(target, size, of)
            assert [3] == connection.one("SELECT count(*) FROM t")
            connection.run("COMMIT")
        assert [6] == connection.one("SELECT count(*) FROM t")


def test_an_interrupted_copy_is_taken_back_and_the_run_goes_on(database, target):
    of = plan(objects=[version(), version("b.csv", "2")])

    def failing():
        yield records(100, 3)
        raise BrokeError

    with target.publication(of) as publication:
        publication.write(of, Batch(1, of.objects[0], 3), [records(1, 3)])
        with pytest.raises(BrokeError):
            publication.write(of, Batch(2, of.objects[1], 3), failing())
        publication.write(of, Batch(2, of.objects[1], 3), [records(10, 2)])
        entry = publication.seal(of, wrote(5))
    assert [[1], [2], [3], [10], [11]] == query(database, "SELECT a FROM t ORDER BY a")
    assert target.full_hash(T) == entry.table_hash


def test_an_interrupted_copy_without_provenance_takes_back_only_this_run(database, target, publish):
    bare = pipeline(provenance=False)
    publish(target, of=plan(pipeline=bare))
    of = plan(2, create=False, objects=[version(content="2")], pipeline=bare)

    def failing():
        yield records(100, 3)
        raise BrokeError

    with target.publication(of) as publication:
        with pytest.raises(BrokeError):
            publication.write(of, Batch(1, of.objects[0], 3), failing())
        publication.write(of, Batch(1, of.objects[0], 3), [records(10, 2)])
        entry = publication.seal(of, wrote(2))
    assert [[1, "b1"], [2, "b2"], [3, "b3"], [10, "b10"], [11, "b11"]] == query(database, "SELECT * FROM t ORDER BY a")
    assert target.full_hash(T) == entry.table_hash


def test_a_table_locked_too_long_is_retriable(database, new_target, target, publish):
    publish(target)
    impatient = new_target(lock_timeout_s=0.1)
    with connected(database) as connection:
        connection.run("BEGIN")
        connection.run("LOCK TABLE t")
        with pytest.raises(Retriable, match=r"public\.t is locked by another session"):
            publish(impatient, of=plan(2, create=False, objects=[version(content="2")]))
        connection.run("ROLLBACK")
    publish(impatient, of=plan(2, create=False, objects=[version(content="2")]))


def test_a_table_that_came_or_went_since_the_plan_is_retriable(database, target, publish):
    query(database, "CREATE TABLE t (a bigint, b text)")
    with pytest.raises(Retriable, match=r"public\.t was created since the plan was made"):
        publish(target)
    query(database, "DROP TABLE t")
    with pytest.raises(Retriable, match=r"public\.t is gone since the plan was made"):
        publish(target, of=plan(create=False))
    assert [0, 0, 0] == counts(database)


def test_a_table_that_another_run_created_just_as_planned_is_taken(database, target, publish):
    first = publish(target)
    second = publish(target, of=plan(2, objects=[version(content="2")]))
    assert (first.table_hash != second.table_hash, target.full_hash(T)) == (True, second.table_hash)
    assert [[2]] == query(database, "SELECT count(DISTINCT _etl_run) FROM t")


def test_a_table_made_anew_begins_with_its_own_hash(database, target, publish):
    publish(target)
    query(database, "DROP TABLE t")
    entry = publish(target, of=plan(2, objects=[version(content="2")]))
    assert target.full_hash(T) == entry.table_hash


def test_a_broken_constraint_holds_the_run_and_the_connection_goes_on(database, target, publish):
    query(database, "CREATE TABLE t (a bigint PRIMARY KEY, b text CHECK (b <> 'b7'))")
    publish(target, of=plan(create=False))
    with pytest.raises(Held, match=r"duplicate key .* \(Key \(a\)=\(1\) already exists\.\); nothing was published"):
        publish(target, of=plan(2, create=False, objects=[version(content="2")]))
    with pytest.raises(Held, match='violates check constraint "t_b_check"; nothing was published') as held:
        publish(target, 9, of=plan(3, create=False, objects=[version(content="3")]))
    assert "b7" not in str(held.value)
    assert [[3]] == query(database, "SELECT count(*) FROM t")


def test_a_row_too_big_holds_the_run(target):
    of = plan(columns={f"c{i}": "bigint" for i in range(1500)})
    with pytest.raises(Held, match="row is too big"), target.publication(of) as publication:
        values = [pa.array([1], pa.int64())] * 1501
        batch = pa.record_batch(values, names=[*(f"c{i}" for i in range(1500)), "_etl_line"])
        publication.write(of, Batch(1, of.objects[0], 1), [batch])


def test_without_provenance_the_table_has_the_datas_columns_only(database, target, publish):
    entry = publish(target, of=plan(pipeline=pipeline(provenance=False)))
    assert [[1, "b1"], [2, "b2"], [3, "b3"]] == query(database, "SELECT * FROM t ORDER BY a")
    assert target.full_hash(T) == entry.table_hash


def test_a_header_without_types_claims_the_object_and_makes_no_table(database, target):
    of = plan(columns={"a": "text"})
    of = type(of)(**{**{f: getattr(of, f) for f in of.__slots__}, "columns": ()})
    with target.publication(of) as publication:
        entry = publication.seal(of, wrote(0))
    assert entry.table_hash.rows == 0
    assert not exists(database)
    assert [1, 1, 0] == counts(database)


def test_two_runs_that_adopt_one_table_at_once_lose_neither_in_the_hash(database, new_target, target):
    query(database, "CREATE TABLE t (a bigint, b text)")
    query(database, "INSERT INTO t SELECT n, 'old' FROM generate_series(1, 100) AS n")
    gate = threading.Barrier(4)

    def work(number):
        of = plan(number, create=False, objects=[version(content=str(number))])
        each = new_target()
        each.shape(T)
        gate.wait()
        with each.publication(of) as publication:
            publication.write(of, Batch(1, of.objects[0], 3), [records(number * 10, 3)])
            return publication.seal(of, wrote(3))

    with ThreadPoolExecutor(4) as pool:
        entries = list(pool.map(work, range(1, 5)))
    assert target.full_hash(T) == max((entry.table_hash for entry in entries), key=lambda found: found.rows)
    assert [[112]] == query(database, "SELECT count(*) FROM t")


def test_a_server_that_ends_the_session_is_unreachable_and_the_next_publish_works(database, target, publish):
    of = plan()
    with pytest.raises((Unreachable, Retriable)), target.publication(of) as publication, connected(database) as other:
        other.run(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        publication.write(of, Batch(1, of.objects[0], 3), [records(1, 3)])
    publish(target)
    assert [[3]] == query(database, "SELECT count(*) FROM t")


def test_an_error_of_the_feed_is_not_blamed_on_the_database(target):
    with pytest.raises(OSError, match="No space left"), target.publication(plan()):
        raise OSError(28, "No space left on device")


def test_a_user_who_may_not_write_is_refused(database, target):
    del target  # it has migrated
    name = f"reader_{database.database}"
    with connected(database) as connection:
        connection.run("CREATE TABLE t (a bigint, b text)")
        connection.run(f"CREATE USER {name} PASSWORD 'x'")
        for statement in (
            f"GRANT USAGE, CREATE ON SCHEMA etl_target, etl_stage TO {name}",
            f"GRANT ALL ON ALL TABLES IN SCHEMA etl_target, etl_stage TO {name}",
            f"GRANT SELECT ON t TO {name}",
        ):
            connection.run(statement)
    weak = PostgresTarget(replace(database, user=name, password="x"))
    try:
        of = plan(create=False, pipeline=pipeline(provenance=False))
        with pytest.raises(Refused, match="permission denied for table t; grant"), weak.publication(of) as publication:
            publication.write(of, Batch(1, of.objects[0], 3), [records(1, 3)])
    finally:
        weak.close()
        query(database, f"DROP OWNED BY {name}")
        query(database, f"DROP USER {name}")
