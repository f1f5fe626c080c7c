"""Steps of run scope over several objects: however the records are cut into objects and batches, the table is one."""

import json

import pytest
from making import Silent, pipeline, places, query

from chalicelib.bootstrap.local import run_in_process, run_log
from chalicelib.core.counts import Cardinality, prove_in

RECORDS = [f"{n % 11},{'abc'[n % 3]},{n if n % 13 else 'q'},{n}" for n in range(60)] + ["1,2", "3,b,4,60,x"]
COLUMNS = {"k": "bigint", "g": "text", "v": "bigint", "n": "bigint"}
LENIENT = [{"check": "reject_ratio", "max": 1.0}]
STEPS = {
    "record scope": [{"filter": "v % 5 <> 0"}, {"derive": {"w": "v * 2"}}],
    "deduplicate": [{"filter": "n <> 3"}, {"deduplicate": {"columns": ["k"]}}],
    "deduplicate, ordered": [{"deduplicate": {"columns": ["g"], "order_by": ["v"], "keep": "first"}}],
    "sql": [{"sql": "select g, cast(sum(v) as bigint) as s from input group by g"}, {"filter": "g <> 'a'"}],
    "aggregate": [{"aggregate": {"by": ["g"], "take": {"s": "cast(sum(v) as bigint)", "n": "count(*)"}}}],
    "pivot": [{"pivot": {"by": ["k"], "column": "g", "values": {"a": "a", "b": "b"}, "take": "max(v)"}}],
    "unpivot": [{"unpivot": {"columns": ["v", "n"], "name": "c", "value": "x"}}, {"filter": "x <> 7"}],
    "split": [{"derive": {"g": "g || '/' || g"}}, {"split": {"column": "g", "by": "/"}}],
    "both": [
        {"deduplicate": {"columns": ["k", "g"]}},
        {"sql": "select k, count(*) as n from input group by k"},
        {"deduplicate": {"columns": ["n"], "order_by": ["k"]}},
    ],
}


@pytest.fixture
def cut(database, tmp_path):
    """A function that cuts the records into so many files, loads them, and tells what came of it."""

    def loaded(steps, files, **parallel):
        folder = tmp_path / f"{files}-{parallel}"
        folder.mkdir()
        size = -(-len(RECORDS) // files)
        for i in range(files):
            (folder / f"{i:02d}.csv").write_text("\n".join(["k,g,v,n", *RECORDS[i * size : (i + 1) * size], ""]))
        parts = {"columns": COLUMNS, "transforms": steps, "rules": LENIENT, "parallel": parallel}
        where = places(database, database, folder)
        run = run_in_process(pipeline(folder / "*.csv", **parts, name=f"p{files}"), where, Silent())
        assert run.status == "succeeded", run.failure
        with run_log(database) as log:
            rejects = log.rejects(run.run_id, limit=1000)
        names = "to_jsonb(t) - '_etl_run' - '_etl_object' - '_etl_line'"
        rows = [json.dumps(row) for (row,) in query(database, f"SELECT {names} FROM public.t t ORDER BY {names}")]
        first, last = query(database, "SELECT count(DISTINCT _etl_object), count(_etl_line) FROM public.t")[0]
        query(database, "DROP TABLE public.t")
        told = sorted((each.raw, [reason.key for reason in each.reasons]) for each in rejects)
        return run, rows, told, (first, last)

    return loaded


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_the_same_records_give_the_same_rows_hash_counts_and_rejects_however_they_are_cut(cut, steps):
    one, *rest = [cut(steps, files) for files in (1, 3, 62)]
    for other in rest:
        assert one[0].counts == other[0].counts
        assert one[0].table_hash == other[0].table_hash
        assert one[1:3] == other[1:3]


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_the_wanted_size_of_a_batch_changes_nothing(cut, steps):
    one, *rest = [cut(steps, 3, batch_mb=size) for size in (1, 4, 32, 1000)]
    for other in rest:
        assert (one[0].counts, one[0].table_hash) == (other[0].counts, other[0].table_hash)
        assert one[1:] == other[1:]


def test_who_stays_after_deduplicate_keeps_its_object_and_number_in_it(cut):
    run, rows, _, (objects, lines) = cut(STEPS["deduplicate"], 62)
    assert (11, 11, 11) == (len(rows), objects, lines)
    counts = run.counts
    assert (62, 11, 1, 7) == (counts.read, counts.kept, counts.filtered, counts.rejected)
    assert counts.deduplicated == 62 - 11 - 1 - 7
    prove_in(counts)


def test_what_a_query_made_of_all_objects_has_no_number(cut):
    run, rows, _, (objects, lines) = cut(STEPS["sql"], 3)
    assert (2, 1, 0) == (len(rows), objects, lines)
    prove_in(run.counts, cardinality=Cardinality(55, 3))


def test_records_made_of_one_keep_its_object_and_number_and_need_no_others(cut):
    run, rows, _, (objects, lines) = cut(STEPS["split"], 3)
    assert (110, 3, 110) == (len(rows), objects, lines)
    prove_in(run.counts, cardinality=Cardinality(55, 110))


@pytest.mark.parametrize("empty", ["a.csv", "c.csv"])
@pytest.mark.parametrize("steps", [[], STEPS["sql"]])
def test_an_object_without_a_byte_among_others_has_no_record(database, tmp_path, empty, steps):
    for name in ("a.csv", "b.csv", "c.csv"):
        (tmp_path / name).write_text("" if name == empty else "g,v\na,1\nb,2\n")
    document = pipeline(tmp_path / "*.csv", columns={"g": "text", "v": "bigint"}, transforms=steps)
    run = run_in_process(document, places(database, database, tmp_path), Silent())
    assert ("succeeded", 4, 0) == (run.status, run.counts.read, run.counts.rejected), run.failure
    with run_log(database) as log:
        told = "; ".join(message for _, _, message in log.events(run.run_id))
    assert f"{empty} is empty: no header and no record" in told


def test_objects_without_a_byte_are_held_when_there_are_no_others(database, tmp_path):
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_bytes(b"")
    run = run_in_process(pipeline(tmp_path / "*.csv"), places(database, database, tmp_path), Silent())
    assert "a.csv is empty: it has no header and no record" in run.failure.message


@pytest.mark.parametrize(
    ("second", "told"),
    [
        ("v,g\n1,a\n", "b.csv has the columns in another order (v, g) than the first object (g, v); load it by itself"),
        ("g,w\na,1\n", "b.csv has another header (g, w) than the first object (g, v); load it by itself"),
    ],
)
def test_an_object_that_lies_otherwise_is_held_with_a_way_out(database, tmp_path, second, told):
    (tmp_path / "a.csv").write_text("g,v\na,1\n")
    (tmp_path / "b.csv").write_text(second)
    run = run_in_process(pipeline(tmp_path / "*.csv"), places(database, database, tmp_path), Silent())
    assert "held" == run.status
    assert told in run.failure.message
