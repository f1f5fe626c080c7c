"""The journey of a whole run, on real files and real databases: every hazard ends in a clear outcome.

Each hazard is carried out with the control plane and the target in one database and in two, and in both ways: direct
(COPY straight into the table) and staged (a ``numeric`` without precision travels as text).
"""

import gzip
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from making import load, pipeline, places, query

from chalicelib.bootstrap.local import Places, run_log
from chalicelib.core.counts import Counts
from chalicelib.core.reject import Reject
from chalicelib.core.run import Run
from chalicelib.postgres.connection import Dsn, connected

WAYS = {"direct": "bigint", "staged": "numeric"}


@dataclass
class Etl:
    """The places of a run, the way that its records go, and what a test wants to know afterwards."""

    where: Places
    folder: Path
    way: str

    def file(self, content: bytes, name: str = "f.csv") -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path

    def load(self, content: bytes | None, name: str = "f.csv", **parts: Any) -> Run:
        """Load a file of ``content``; its column ``id`` decides the way."""
        path = self.folder / name if content is None else self.file(content, name)
        parts.setdefault("columns", {"id": WAYS[self.way]})
        run = load(pipeline(path, **parts), self.where)
        self.check(run)
        return run

    def check(self, run: Run) -> None:
        """What holds after any run, however it ended."""
        with run_log(self.where.control) as log:
            assert run == log.find(run.run_id)
            rejects = log.rejects(run.run_id, limit=1_000_000)
        assert len(rejects) == run.counts.rejected
        assert [] == list(self.where.work.rglob("*.jsonl"))
        if query(self.where.target, "SELECT to_regclass('etl_stage.batches') IS NOT NULL")[0][0]:
            staged = "SELECT relname FROM pg_class WHERE relnamespace = 'etl_stage'::regnamespace AND relkind = 'r'"
            assert [["batches"]] == query(self.where.target, staged)
            entries = query(self.where.target, "SELECT 1 FROM etl_target.ledger WHERE run_id = :id", id=run.run_id)
            assert len(entries) == (run.status == "succeeded")

    def rejects(self, run: Run, original: bytes) -> list[tuple[int | None, str]]:
        """Record number and reasons of each reject; its bytes are proved to be those of the file."""
        with run_log(self.where.control) as log:
            found = log.rejects(run.run_id, limit=1000)
        return [(each.record, self._reasons(each, original)) for each in found]

    def _reasons(self, reject: Reject, original: bytes) -> str:
        assert reject.raw == original[reject.start : reject.end][:65_536]
        return "; ".join(f"{reason.rule}: {reason.message}" for reason in reject.reasons)

    def rows(self, columns: str = "id, name") -> list[list[Any]]:
        found = query(self.where.target, f"SELECT {columns} FROM public.t ORDER BY _etl_object, _etl_line")
        return [[int(v) if isinstance(v, Decimal) and v == int(v) else v for v in row] for row in found]

    def has_table(self) -> bool:
        return query(self.where.target, "SELECT to_regclass('public.t') IS NOT NULL")[0][0]


@pytest.fixture(scope="module")
def databases(server):
    """Two databases for all of this file: each test has files of its own, so no ledger entry is in another's way."""
    with connected(Dsn.parse(server)) as connection:
        names = [f"journey_{side}" for side in ("target", "control")]
        for name in names:
            connection.run(f"CREATE DATABASE {name} TEMPLATE template0")
        yield [replace(Dsn.parse(server), database=name) for name in names]
        for name in names:
            connection.run(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["one database", "two databases"])
def where(request, databases, tmp_path) -> Places:
    target, control = databases
    with connected(target) as connection:
        connection.run("DROP SCHEMA public CASCADE")
        connection.run("CREATE SCHEMA public")
    return places(target if request.param == "one database" else control, target, tmp_path)


@pytest.fixture(params=WAYS)
def etl(request, where, tmp_path) -> Etl:
    return Etl(where, tmp_path, request.param)


def outcome(run: Run) -> tuple[str, str | None]:
    return run.status.value, run.failure and f"{run.failure.stage}: {run.failure.error}"


def all_loaded(size: int) -> Counts:
    return Counts(read=size, kept=size, produced=size, loaded=size)


def some_rejected(size: int, rejected: int) -> Counts:
    kept = size - rejected
    return Counts(read=size, kept=kept, rejected=rejected, produced=kept, loaded=kept)


GOOD = b"id,name\n1,one\n2,two\n3,three\n"
GOOD_ROWS = [[1, "one"], [2, "two"], [3, "three"]]


def test_a_good_file_is_loaded(etl):
    run = etl.load(GOOD)
    assert ("succeeded", None) == outcome(run)
    assert all_loaded(3) == run.counts
    assert [[*row, i] for i, row in enumerate(GOOD_ROWS, 1)] == etl.rows("id, name, _etl_line")


def test_a_missing_file_fails_and_names_its_neighbour(etl):
    etl.file(GOOD)
    run = etl.load(None, "g.csv")
    assert ("failed", "plan: NotFound") == outcome(run)
    assert run.failure.message.endswith("g.csv does not exist; did you mean " + str(etl.folder / "f.csv") + "?")
    assert not etl.has_table()


@pytest.mark.parametrize("content", [b"", b"\n\r\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
def test_an_empty_file_is_held(etl, content):
    run = etl.load(content)
    assert ("held", "plan: Held") == outcome(run)
    assert "is empty: it has no header and no record" in run.failure.message


def test_a_header_alone_with_declared_columns_makes_the_table(etl):
    run = etl.load(b"id,name\n", columns={"id": WAYS[etl.way], "name": "text"})
    assert ("succeeded", None) == outcome(run)
    assert Counts() == run.counts
    assert [] == etl.rows()


def test_a_header_alone_without_types_makes_no_table_and_the_next_file_does(etl):
    run = etl.load(b"id,name\n")
    assert ("succeeded", None) == outcome(run)
    assert not etl.has_table()
    assert ("succeeded", None) == outcome(etl.load(GOOD))
    assert GOOD_ROWS == etl.rows()


def test_a_header_alone_for_an_existing_table_changes_nothing(etl):
    before = etl.load(GOOD)
    run = etl.load(b"id,name", "g.csv")
    assert ("succeeded", None) == outcome(run)
    assert before.table_hash == run.table_hash
    assert GOOD_ROWS == etl.rows()


def test_gzip_is_loaded_and_its_rejects_count_plain_bytes(etl):
    original = GOOD + b"x,four\n"
    run = etl.load(gzip.compress(original), "f.csv.gz")
    assert some_rejected(4, 1) == run.counts
    assert [(4, f"type: id is no {WAYS[etl.way]}")] == etl.rejects(run, original)


def test_json_lines_are_loaded_and_their_rejects_have_their_bytes(etl):
    lines = [
        '{"id": 1, "name": "A"}',
        "",
        '{"id": 2, "name"}',
        '{"id": "x"}',
        '{"id": 4, "o": {"a": [1.0]}}',
        '{"id": 5}',
    ]
    content = "\n".join(lines).encode()
    run = etl.load(content, "f.jsonl")
    assert some_rejected(5, 2) == run.counts
    assert [(2, "structure"), (3, "type")] == [(number, why.split(":")[0]) for number, why in etl.rejects(run, content)]
    assert [[1, "A", None, 1], [4, None, '{"a": [1.0]}', 4], [5, None, None, 5]] == etl.rows(
        "id, name, o::text, _etl_line"
    )


@pytest.mark.parametrize("size", [3, 100_000], ids=["small", "large"])
def test_a_truncated_gzip_is_held(etl, size):
    content = gzip.compress(b"id,name\n" + b"".join(b"%d,n%d\n" % (n, n * 7919) for n in range(size)))
    run = etl.load(content[:-20], "f.csv.gz")
    assert "held" == run.status
    assert run.failure.stage in ("plan", "extract")
    assert "is a damaged gzip file" in run.failure.message
    assert not etl.has_table()


HAZARDS = {
    "invalid UTF-8": (b"2,b\xffd", "structure: the record is not valid UTF-8 at byte 4"),
    "a NUL": (b"2,b\0d", "structure: the record contains a NUL byte"),
    "a field too few": (b"2", "structure: the record has 1 field, 2 are expected"),
    "a field too many": (b"2,b,c", "structure: the record has 3 fields, 2 are expected"),
    "text after a closing quote": (b'2,"b"x', "structure: the record has text after a closing quote at byte 6"),
    "a quoted newline in a broken record": (b'2,"b\nc",d', "structure: the record has 3 fields, 2 are expected"),
    "another type": (b"1.5x,b", "type: id is no {type}"),
}


@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("hazard", HAZARDS)
def test_a_broken_record_is_rejected_with_its_bytes_and_the_others_are_loaded(etl, hazard, end):
    record, reason = HAZARDS[hazard]
    original = end.join([b"id,name", b"1,one", record, b'3,"three"', b""])
    run = etl.load(original)
    assert ("succeeded", None) == outcome(run)
    assert some_rejected(3, 1) == run.counts
    assert [(2, reason.format(type=WAYS[etl.way]))] == etl.rejects(run, original)
    assert [[1, "one", 1], [3, "three", 3]] == etl.rows("id, name, _etl_line")
    with run_log(etl.where.control) as log:
        assert [record] == [each.raw for each in log.rejects(run.run_id, limit=10)]


def test_an_unterminated_quote_is_one_reject_to_the_end(etl):
    original = b'id,name\n1,one\n2,"two\n3,three\n4,four\n'
    run = etl.load(original)
    assert some_rejected(2, 1) == run.counts
    assert [(2, "structure: the record opens a quote that never closes")] == etl.rejects(run, original)
    assert [[1, "one"]] == etl.rows()


@pytest.mark.parametrize("first", [True, False], ids=["first", "second"])
def test_a_cell_of_10_mb_is_loaded_whole(etl, first):
    records = [b"1,one", b"2," + b"x" * 10_000_000]
    run = etl.load(b"\n".join([b"id,name", *(reversed(records) if first else records), b""]))
    assert ("succeeded", None) == outcome(run)
    assert all_loaded(2) == run.counts
    assert [[3], [10_000_000]] == sorted(etl.rows("length(name)"))


def test_a_record_over_the_limit_is_rejected_with_its_head(etl):
    original = b"id,name\n1,one\n2," + b"x" * 2_000_000 + b"\n3,three\n"
    run = etl.load(original, limits={"max_record_mb": 1})
    assert [(2, "structure: the record is 2,000,002 bytes long, the limit is 1,048,576")] == etl.rejects(run, original)
    assert [[1, "one"], [3, "three"]] == etl.rows()


READABLE = {
    "mixed line ends": b"id,name\r\n1,one\n2,two\r\n3,three\n",
    "a byte order mark": b"\xef\xbb\xbf" + GOOD,
    "CRLF": GOOD.replace(b"\n", b"\r\n"),
    "no last newline": GOOD.rstrip(),
    "blank lines": b"id,name\n\n1,one\n\n\n2,two\n3,three\n\n",
    "semicolons": GOOD.replace(b",", b";"),
    "tabs": GOOD.replace(b",", b"\t"),
    "quotes": b'"id","name"\n"1","one"\n"2","two"\n"3","three"\n',
    "empty fields at the end": b"id,name\n1,one\n2,two,,\n3,three\n",
}


@pytest.mark.parametrize("content", READABLE)
def test_what_can_be_read_is_loaded_whole(etl, content):
    run = etl.load(READABLE[content])
    assert ("succeeded", None) == outcome(run)
    assert all_loaded(3) == run.counts
    assert GOOD_ROWS == etl.rows()


def test_quoted_newlines_quotes_and_delimiters_are_values(etl):
    run = etl.load(b'id,name\n1,"a\nb"\n2,"c\r\nd"\n3,"e ""f"", g"\n4,""\n5,\n')
    assert all_loaded(5) == run.counts
    assert ["a\nb", "c\r\nd", 'e "f", g', None, None] == [name for _, name in etl.rows()]


ODD = [
    "select", "my column", 'q"q', "émoji 😀", "a:b", "$1", "%s", "it's", '"; DROP TABLE t; --', "A", "t", "f0",
    "_v", "é" * 31, "x" * 63, "order by", "--", "/*", "\\", "{a}", "input",
]  # fmt: skip


def test_odd_names_are_columns_as_they_are(etl):
    header = ",".join(["id", *('"' + name.replace('"', '""') + '"' for name in ODD)])
    record = ",".join(["1", *(f"v{i}" for i in range(len(ODD)))])
    run = etl.load(f"{header}\n{record}\n".encode())
    assert ("succeeded", None) == outcome(run)
    names = query(
        etl.where.target,
        "SELECT attname FROM pg_attribute WHERE attrelid = 'public.t'::regclass AND attnum > 0 ORDER BY attnum",
    )
    assert ["id", *ODD, "_etl_run", "_etl_object", "_etl_line"] == [name for (name,) in names]
    (values,) = query(etl.where.target, "SELECT * FROM public.t")
    assert [f"v{i}" for i in range(len(ODD))] == values[1:-3]
    assert ("succeeded", None) == outcome(etl.load(f"{header}\n{record.replace('v', 'w')}\n".encode(), "g.csv"))


@pytest.mark.parametrize("name", ["xmin", "ctid", "tableoid", "x" * 64, "é" * 32, "_etl_run", "id"])
def test_a_name_that_cannot_be_a_column_is_held_by_name(etl, name):
    run = etl.load(f"id,{name}\n1,one\n".encode(), format={"header": True})
    assert ("held", "plan: Held") == outcome(run)
    assert f'"{name}"' in run.failure.message
    assert not etl.has_table()


def test_1500_columns_are_loaded(etl):
    names = ["id", *(f"c{i}" for i in range(1499))]
    content = "\n".join([",".join(names), *(",".join([str(n), *["x"] * 1499]) for n in range(3)), ""])
    run = etl.load(content.encode())
    assert ("succeeded", None) == outcome(run)
    assert all_loaded(3) == run.counts
    assert [[0, "x", "x"], [1, "x", "x"], [2, "x", "x"]] == etl.rows("id, c0, c1498")


def test_when_all_records_are_rejected_the_run_is_held(etl):
    original = b"id,name\nx,one\ny,two\n"
    run = etl.load(original)
    assert ("held", "publish: Held") == outcome(run)
    assert "all 2 records rejected" in run.failure.message
    assert (2, 2) == (run.counts.read, run.counts.rejected)
    assert [1, 2] == [record for record, _ in etl.rejects(run, original)]
    assert not etl.has_table()


def test_when_every_record_is_ragged_the_run_is_held(etl):
    run = etl.load(b"id,name\n1\n2\n")
    assert ("held", "publish: Held") == outcome(run)
    assert (2, 2) == (run.counts.read, run.counts.rejected)
    assert not etl.has_table()


def test_a_run_with_too_many_rejects_is_held_and_the_table_stays(etl):
    before = etl.load(GOOD)
    content = b"id,name\n" + b"".join(b"%d,n\n" % n for n in range(90)) + b"x,n\n" * 11
    run = etl.load(content, "g.csv")
    assert ("held", "publish: Held") == outcome(run)
    assert "11 of 101 records rejected, the limit is 10.0%" in run.failure.message
    assert GOOD_ROWS == etl.rows()
    again = etl.load(content, "g.csv", rules=[{"check": "reject_ratio", "max": 0.2}])
    assert some_rejected(101, 11) == again.counts
    assert before.table_hash != again.table_hash


def test_equal_records_all_stay(etl):
    run = etl.load(b"id,name\n" + b"1,one\n" * 50)
    assert all_loaded(50) == run.counts
    assert [[1, "one"]] * 50 == etl.rows()


def test_a_second_file_with_another_header_is_held(etl):
    etl.load(GOOD)
    run = etl.load(b"id,nome\n4,four\n", "g.csv")
    assert ("held", "plan: Held") == outcome(run)
    assert 'has no column nome; did you mean "name"?' in run.failure.message
    assert GOOD_ROWS == etl.rows()


def test_several_files_are_one_run(etl):
    for name in ("a.csv", "b.csv"):
        etl.file(GOOD, name)
    run = etl.load(GOOD, "c.csv")
    many = etl.load(None, "[ab].csv")
    assert (all_loaded(3), all_loaded(6)) == (run.counts, many.counts)
    assert GOOD_ROWS * 3 == etl.rows()


@pytest.mark.parametrize("broken", [0, 1, 2])
def test_without_provenance_a_broken_file_of_several_costs_no_other_its_records(etl, broken):
    for i, name in enumerate(("a.csv", "b.csv", "c.csv")):
        etl.file(GOOD + b"4\n" if i == broken else GOOD, name)
    run = etl.load(None, "*.csv", provenance=False)
    assert some_rejected(10, 1) == run.counts
    assert [[9]] == query(etl.where.target, "SELECT count(*) FROM public.t")


def test_steps_and_rules_have_their_part_in_the_counts(etl):
    run = etl.load(
        GOOD + b"4,\n5,five\n",
        transforms=[{"filter": "id <> 2"}, {"derive": {"size": "length(name)"}}],
        rules=[{"check": "not_null", "columns": ["name"]}],
    )
    assert Counts(read=5, kept=3, filtered=1, rejected=1, produced=3, loaded=3) == run.counts
    assert [[1, 3], [3, 5], [5, 4]] == etl.rows("id, size")


def test_a_constraint_of_the_table_holds_the_run(etl):
    query(etl.where.target, f"CREATE TABLE public.t (id {WAYS[etl.way]} UNIQUE, name text)")
    run = etl.load(GOOD + b"x,no number\n3,again\n4,four\n", transforms=[{"filter": "id <> 4"}])
    stage = {"direct": "transform", "staged": "publish"}[etl.way]  # where the records meet the table
    assert ("held", f"{stage}: Held") == outcome(run)
    assert "duplicate key value violates unique constraint" in run.failure.message
    assert Counts(read=6, kept=4, filtered=1, rejected=1, produced=4) == run.counts
    assert ["type:id"] == [key for key in run.broken if key != "filter"]
    assert [[0]] == query(etl.where.target, "SELECT count(*) FROM public.t")


def test_a_view_is_refused(etl):
    query(etl.where.target, "CREATE VIEW public.t AS SELECT 1::bigint AS id, 'x' AS name")
    run = etl.load(GOOD)
    assert ("failed", "plan: Refused") == outcome(run)
    assert "public.t is no plain table" in run.failure.message


def test_names_that_differ_in_case_only_are_held(etl):
    run = etl.load(b"id,Name,name\n1,one,eins\n")
    assert ("held", "plan: Held") == outcome(run)
    assert 'its columns "Name" and "name" differ in letter case only; rename one' in run.failure.message


@pytest.mark.parametrize("broken", [1, 70_000])
def test_a_broken_record_far_behind_is_rejected_alone(etl, broken):
    lines = [b"id,name", *(b"%d,n" % n for n in range(1, 80_001))]
    lines[broken] += b",x"
    original = b"\n".join([*lines, b""])
    run = etl.load(original)
    assert some_rejected(80_000, 1) == run.counts
    assert [(broken, "structure: the record has 3 fields, 2 are expected")] == etl.rejects(run, original)
