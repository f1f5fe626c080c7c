"""A table under its contract, over weeks of files that drift: the incremental hash is the full one after each run."""

import csv
import gzip

import pytest
from making import load, pipeline, places, query

from chalicelib.core.table import TableName
from chalicelib.targets.postgres import PostgresTarget

EVOLVE = {"new_columns": "evolve", "missing_columns": "evolve", "type_change": "evolve"}


@pytest.fixture
def loading(database, tmp_path):
    """Loads a file's content, or the file of a path, into public.t under a contract; proves the table's hash."""
    where = places(database, database, tmp_path)
    postgres = PostgresTarget(database)

    def go(content, contract=EVOLVE, **document):
        path = content
        if isinstance(content, bytes):
            path = tmp_path / f"{len(list(tmp_path.glob('*.csv')))}.csv"
            path.write_bytes(content)
        target = {"type": "postgres", "table": "public.t", "contract": contract}
        run = load(pipeline(path, target=target, **document), where)
        if run.status == "succeeded":
            assert run.table_hash == str(postgres.full_hash(TableName("public", "t")))
        return run

    yield go
    postgres.close()


def types(database):
    return dict(
        query(
            database,
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'public.t'::regclass"
            " AND attnum > 0 AND attname NOT LIKE '\\_etl%' ORDER BY attnum",
        )
    )


def test_ten_snapshots_with_other_columns_all_arrive_in_one_table(loading, database, corpora):
    total, columns = 0, []
    for path in sorted((corpora / "history-sp500").glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as stream:
            head, *records = csv.reader(stream)
        run = loading(path)
        assert ("succeeded", len(records), 0) == (run.status, run.counts.loaded, run.counts.rejected)
        total += len(records)
        columns += [name for name in head if name not in columns]
        texts = ", ".join(f'"{name}"::text' for name in head)
        found = query(
            database, f"SELECT {texts} FROM t WHERE _etl_run = (SELECT max(_etl_run) FROM t) ORDER BY _etl_line"
        )
        assert [[value or None for value in record] for record in records] == found
    assert columns == list(types(database))
    assert [[total]] == query(database, "SELECT count(*) FROM t")


def test_two_years_of_one_dataset_arrive_though_its_columns_moved(loading, database, corpora):
    years = sorted((corpora / "fivethirtyeight" / "pollster-ratings").glob("*/*.csv.gz"))
    assert len(years) == 2
    for path in years:
        with gzip.open(path, "rt", encoding="utf-8", errors="replace", newline="") as stream:
            head, *records = csv.reader(stream)
        run = loading(path)
        assert "succeeded" == run.status, run.failure
        assert len(records) == run.counts.loaded + run.counts.rejected
        assert run.counts.rejected < 0.001 * len(records)  # of gzip only the head is sampled
        assert set(head) <= types(database).keys()


def test_types_widen_file_by_file_and_never_narrow(loading, database):
    seen = []
    for value in (b"7", b"9000000000000000000", b"0.5", b"1e3", b"n/a", b"8"):
        assert loading(b"id,v\n1," + value + b"\n", columns={"id": "integer"}).status == "succeeded"
        seen.append(types(database)["v"])
    assert ["bigint", "bigint", "numeric", "numeric", "text", "text"] == seen
    assert ["7", "9000000000000000000", "0.5", "1000", "n/a", "8"] == [r[0] for r in query(database, "SELECT v FROM t")]


def test_a_declared_wider_type_widens_to_just_that(loading, database):
    query(database, "CREATE TABLE t (id integer, name varchar(3), price numeric(6,2))")
    columns = {"id": "bigint", "name": "varchar(8)", "price": "numeric(9,3)"}
    assert loading(b"id,name,price\n1,longer,1.125\n", columns=columns).status == "succeeded"
    assert {"id": "bigint", "name": "character varying(8)", "price": "numeric(9,3)"} == types(database)


def test_a_declared_narrower_type_changes_nothing(loading, database):
    query(database, "CREATE TABLE t (id bigint)")
    assert loading(b"id\n1\n", columns={"id": "integer"}).status == "succeeded"
    assert {"id": "bigint"} == types(database)


def test_a_column_that_a_view_reads_holds_the_run_with_the_servers_words(loading, database):
    query(database, "CREATE TABLE t (id integer)")
    query(database, "CREATE VIEW v AS SELECT id FROM t")
    run = loading(b"id\n1.5\n")
    assert "held" == run.status
    assert "used by a view" in run.failure.message
    assert run.failure.message.endswith("~ id integer -> numeric (0 of 1 sampled values are integer)")
    assert {"id": "integer"} == types(database)


def test_a_renamed_column_is_held_against_the_table_by_its_last_name(loading, database):
    query(database, "CREATE TABLE t (id integer, total integer)")
    run = loading(b"id,sum\n1,2.5\n", transforms=[{"rename": {"sum": "total"}}])
    assert "succeeded" == run.status
    assert {"id": "integer", "total": "numeric"} == types(database)


def test_what_is_left_out_rejects_no_record_whatever_it_holds(loading, database):
    query(database, "CREATE TABLE t (id integer)")
    head = b"id,extra\n" + b"".join(b"%d,%d\n" % (i, i) for i in range(3000))
    run = loading(head + b"1,no number\n", {"new_columns": "ignore"})
    assert (3001, 0) == (run.counts.loaded, run.counts.rejected)


def test_a_later_value_that_fits_no_decided_type_is_a_reject_also_under_evolve(loading, database):
    records = b"".join(b"%d,1\n" % i for i in range(200_000))
    query(database, "CREATE TABLE t (id integer, v integer)")
    middle = len(records) // 3
    cut = records.index(b"\n", middle) + 1
    run = loading(b"id,v\n" + records[:cut] + b"1,oops\n" + records[cut:])
    assert (200_000, 1) == (run.counts.loaded, run.counts.rejected)
    assert {"id": "integer", "v": "integer"} == types(database)


def test_a_single_misfit_is_a_reject_and_no_type_change(loading, database):
    query(database, "CREATE TABLE t (id integer)")
    run = loading(b"id\n" + b"1\n" * 19 + b"x\n", {})
    assert ("succeeded", 19, 1) == (run.status, run.counts.loaded, run.counts.rejected)


def test_a_header_without_records_adds_no_column(loading, database):
    query(database, "CREATE TABLE t (id integer)")
    assert loading(b"id,city\n").status == "succeeded"
    assert {"id": "integer"} == types(database)


def test_columns_with_a_default_are_never_missing(loading, database):
    query(
        database,
        "CREATE TABLE t (id integer, n int GENERATED ALWAYS AS IDENTITY, d int DEFAULT 5, g int GENERATED ALWAYS AS"
        " (id * 2) STORED)",
    )
    assert "succeeded" == loading(b"id\n4\n", {}).status
    assert [[4, 1, 5, 8]] == query(database, "SELECT id, n, d, g FROM t")
