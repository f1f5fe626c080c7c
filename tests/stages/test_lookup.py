"""The step ``lookup``: what a record finds, what becomes of one that finds nothing, and what is pinned when."""

import json

import pytest
from making import load, pipeline, places, query, run_id

from chalicelib.bootstrap.local import run_log
from chalicelib.core.errors import InvalidPipeline, Refused
from chalicelib.core.folder import run_prefix
from chalicelib.disk import DiskStore
from chalicelib.engine.pinning import pin
from chalicelib.postgres.connection import Dsn, connected
from chalicelib.targets.postgres import PostgresTarget

LENIENT = [{"check": "reject_ratio", "max": 1.0}]


def other(rows, code="text", name="text"):
    """The SQL that makes the table ``other``; ``rows`` are a query, or the values."""
    values = rows if rows.startswith("SELECT") else f"VALUES {rows}"
    return f"CREATE TABLE public.other (code {code}, name {name}); INSERT INTO public.other {values}"


COUNTRIES = other("('FR', 'France'), ('DE', NULL)")
DATA = "id,code\n1,FR\n2,DE\n3,XX\n4,\n5,FR\n"


@pytest.fixture
def looked_up(database, tmp_path):
    """A function that loads a file with one step ``lookup`` in public.other, made by ``sql``; it returns the run."""

    def loaded(sql, data, columns_of=None, *, before=(), after=(), **asked):
        for statement in ("DROP TABLE IF EXISTS public.t, public.other CASCADE", *sql.split(";")):
            query(database, statement)
        (tmp_path / "f.csv").write_text(data)
        step = {"lookup": {"table": "other", "on": ["code"], "columns": ["name"], **asked}}
        columns = columns_of or dict.fromkeys(data.splitlines()[0].split(","), "text")
        parts = {"columns": columns, "transforms": [*before, step, *after], "rules": LENIENT}
        return load(pipeline(tmp_path / "f.csv", **parts), places(database, database, tmp_path))

    return loaded


@pytest.fixture
def found(looked_up, database):
    """The same, but it returns the rows, in the order of the records."""

    def rows(*args, names="name", **asked):
        run = looked_up(*args, **asked)
        assert run.status == "succeeded", run.failure
        return query(database, f"SELECT {names} FROM public.t ORDER BY _etl_line")

    return rows


@pytest.fixture
def rejects(database):
    def listed(run):
        with run_log(database) as log:
            return [
                (each.record, [reason.message for reason in each.reasons]) for each in log.rejects(run.run_id, limit=99)
            ]

    return listed


def test_columns_are_added_and_null_where_nothing_is_found(found):
    rows = found(COUNTRIES, DATA, names="code, name")
    assert [["FR", "France"], ["DE", None], ["XX", None], [None, None], ["FR", "France"]] == rows


def test_a_record_without_a_row_is_a_reject_if_asked_for_and_null_finds_none(looked_up, rejects, database):
    run = looked_up(COUNTRIES, DATA, missing="reject")
    assert (5, 3, 2, {"lookup:code": 2}) == (run.counts.read, run.counts.loaded, run.counts.rejected, told(run))
    assert [(3, ["code is not in public.other (code)"]), (4, ["code is not in public.other (code)"])] == rejects(run)
    assert [[1], [2], [5]] == query(database, "SELECT _etl_line FROM public.t ORDER BY 1")


def told(run):
    return {key: count for key, count in run.broken.items() if count}


def test_a_record_without_a_row_holds_the_run_if_asked_for(looked_up, database):
    run = looked_up(COUNTRIES, DATA, missing="fail")
    assert ("held", 2) == (run.status, run.broken["lookup:code"])
    assert "lookup:code" in run.failure.message
    assert [] == query(database, "SELECT FROM pg_tables WHERE schemaname = 'public' AND tablename = 't'")
    assert "succeeded" == looked_up(COUNTRIES, "id,code\n1,FR\n2,DE\n", missing="fail").status


def test_a_reject_of_before_is_not_blamed_for_what_follows_from_it(looked_up, rejects):
    sql = other("(1, 'one')", code="int", name="text NOT NULL")
    data = "code,n\n1,1\nx,1\n2,1\n2,y\n"
    run = looked_up(sql, data, {"code": "int", "n": "int"}, missing="reject")
    unfound = "code is not in public.other (code)"
    assert [(2, ["code is no integer"]), (3, [unfound]), (4, ["n is no integer", unfound])] == rejects(run)


#: The type of the table's key -> what stands there, the texts that find it, and those that do not.
COMPARED = {
    "bigint": ("7", ["7", "007", " 7", "+7"], ["7.0", "8", "x"]),
    "smallint": ("7", ["7"], ["70000", "1e3"]),
    "numeric": ("1.50", ["1.5", "01.500", "+1.5", "15e-1", " 1.5 "], ["-1.5", "1.501", "x", "NaN"]),
    "numeric(5,2)": ("0.00", ["0", "-0", ".0", "0e9"], ["0.001", "1"]),
    "numeric(50,2)": (f"-{'1234567890' * 4}.10", [f"-{'1234567890' * 4}.1"], [f"-{'1234567890' * 4}.101"]),
    "double precision": ("0.1", ["0.1", "1e-1", ".10"], ["0.1000001", "x"]),
    "text": ("Ab ", ["Ab "], ["Ab", "ab "]),
    "varchar(3)": ("abc", ["abc"], ["abcd", "ABC"]),
    "char(4)": ("ab", ["ab", "ab  "], [" ab"]),
    "boolean": ("t", ["true", "yes", "1"], ["false", "2"]),
    "date": ("2024-01-05", ["2024-01-05", "2024/1/5"], ["2024-01-06", "05.01.2024"]),
    "timestamp": ("2024-01-05 10:00", ["2024-01-05T10:00:00", "2024-01-05 10:00"], ["2024-01-05"]),
    "timestamptz": ("2024-01-05 10:00+00", ["2024-01-05 12:00+02", "2024-01-05 10:00"], ["2024-01-05 10:00+01"]),
    "uuid": ("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", ["A0EEBC999C0B4EF8BB6D6BB9BD380A11"], ["a0eebc99"]),
    "inet": ("10.0.0.1", ["10.0.0.1/32"], ["10.0.0.1", "10.0.0.2"]),
    "int[]": ("{1,2}", ["{1,2}"], ["{1, 2}"]),
    "bytea": ("\\x00ff", ["\\x00ff"], ["\\x00FF"]),
}


@pytest.mark.parametrize("first", range(0, len(COMPARED), 6))
def test_a_text_is_compared_as_a_value_of_the_columns_type(database, tmp_path, first):
    some = dict(list(COMPARED.items())[first : first + 6])
    cases = [([*equal, *unequal], len(equal)) for _, equal, unequal in some.values()]
    size = max(len(texts) for texts, _ in cases)
    lines = [[texts[row] if row < len(texts) else "" for texts, _ in cases] for row in range(size)]
    found = looked_up_in(database, tmp_path, [(kind, "text", stored) for kind, (stored, *_) in some.items()], lines)
    for kind, (_, equal), values in zip(some, cases, zip(*found, strict=True), strict=True):
        assert (kind, [row < equal for row in range(size)]) == (kind, [value == "found" for value in values])


#: The type of the record's column, that of the table's key, what stands there; and what is found by which value.
OTHERS = [
    ("bigint", "smallint", "7", {"7": True, "70000": False}),
    ("numeric(6,2)", "bigint", "7", {"7.00": True, "7.01": False}),
    ("double precision", "numeric(9,3)", "0.5", {"0.5": True, "0.50001": False}),
    ("double precision", "bigint", "7", {"7": True, "1e30": False}),
    ("timestamp", "date", "2024-01-05", {"2024-01-05 00:00:00": True, "2024-01-05 00:00:01": False}),
    ("date", "timestamptz", "2024-01-05 00:00+00", {"2024-01-05": True, "2024-01-06": False}),
    ("bigint", "text", "7", {"07": True, "8": False}),
]


def test_values_of_other_types_are_equal_only_where_nothing_is_lost(database, tmp_path):
    lines = [[list(texts)[row] for *_, texts in OTHERS] for row in range(2)]
    found = looked_up_in(database, tmp_path, [(theirs, ours, stored) for ours, theirs, stored, _ in OTHERS], lines)
    for case, values in zip(OTHERS, zip(*found, strict=True), strict=True):
        assert (case, [True, False]) == (case, [value == "found" for value in values])


def looked_up_in(database, folder, tables, lines):
    """What each column of ``lines`` finds in its own table, given as the types on both sides and the one key there."""
    steps = []
    for i, (theirs, _, stored) in enumerate(tables):
        query(database, f"CREATE TABLE public.o{i} (code {theirs}, name text)")
        query(database, f"INSERT INTO public.o{i} VALUES (:stored::text::{theirs}, 'found')", stored=stored)
        steps.append({"lookup": {"table": f"o{i}", "on": {f"c{i}": "code"}, "columns": {f"n{i}": "name"}}})
    rows = [",".join(f'"{text}"' for text in line) for line in lines]
    (folder / "f.csv").write_text("\n".join([",".join(f"c{i}" for i in range(len(tables))), *rows, ""]))
    columns = {f"c{i}": ours for i, (_, ours, _) in enumerate(tables)}
    run = load(pipeline(folder / "f.csv", columns=columns, transforms=steps), places(database, database, folder))
    assert run.status == "succeeded", run.failure
    names = ", ".join(f"n{i}" for i in range(len(tables)))
    return query(database, f"SELECT {names} FROM public.t ORDER BY _etl_line")


KINDS = {
    "smallint": "1", "numeric(9,3)": "2.5", "numeric": "1.50", "character(3)": "ab", "character varying(9)": "v",
    "date": "2024-02-29", "timestamp with time zone": "2024-01-05 12:00+02", "jsonb": '{"a": 1}',
    "uuid": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "boolean": "t", "real": "0.1", "time without time zone": "10:00",
    "interval": "1 day", "integer[]": "{1,2}",
}  # fmt: skip


def test_looked_up_columns_keep_their_types_and_a_type_that_we_have_not_becomes_text(looked_up, database):
    names = {f"c{i}": kind for i, kind in enumerate(KINDS)}
    listed = ", ".join(f"{name} {kind}" for name, kind in names.items())
    values = ", ".join(f"'{value}'" for value in KINDS.values())
    query(database, f"ALTER DATABASE {database.database} SET datestyle = 'German'")
    rows = f"INSERT INTO public.other SELECT 'k', {values}; INSERT INTO public.other VALUES ('n')"
    sql = f"CREATE TABLE public.other (code text, {listed}); {rows}"
    run = looked_up(sql, "code\nk\nn\n", columns_of={"code": "text"}, columns=list(names))
    assert run.status == "succeeded", run.failure
    same = " AND ".join(f"t.{name} = o.{name}::{text(kind)}" for name, kind in names.items() if kind != "interval")
    assert [["k"]] == query(
        database, f"SELECT code FROM public.t JOIN public.other o USING (code) WHERE {same} AND t.c12 = '1 day'"
    )
    assert [[0]] == query(database, f"SELECT num_nonnulls({', '.join(names)}) FROM public.t WHERE code = 'n'")
    made = "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'public.t'::regclass"
    found = query(database, f"{made} AND attname ~ '^c[0-9]+$' ORDER BY attnum")
    assert [text(kind) for kind in KINDS] == [kind for (kind,) in found]


def text(kind):
    return "text" if kind in ("interval", "integer[]") else kind


def test_odd_names_on_both_sides(looked_up, database):
    name = '"my.schema"."a ""b"" é"'
    sql = f'CREATE SCHEMA "my.schema"; CREATE TABLE {name} ("k 1" int, "select" text)'
    sql += f"; INSERT INTO {name} VALUES (1, 'x')"
    asked = {"table": name, "on": {"k0": "k 1"}, "columns": {'n "ew': "select"}}
    run = looked_up(sql, 'k0,"v ""0"""\n1,y\n', {"k0": "text", 'v "0"': "text"}, **asked)
    assert run.status == "succeeded", run.failure
    assert [["1", "y", "x"]] == query(database, 'SELECT k0, "v ""0""", "n ""ew" FROM public.t')


def test_a_column_of_that_name_is_replaced_and_several_columns_may_be_the_key(found):
    rows = "(1, 'x', 'one'), (1, 'y', 'two'), (1, NULL, '')"
    sql = f"CREATE TABLE public.other (a int, b text, n text); INSERT INTO public.other VALUES {rows}"
    rows = found(sql, "a,b\n1,y\n01,x\n1,\n2,x\n", on=["a", "b"], columns={"b": "n", "c": "b"}, names="a, b, c")
    assert [["1", "two", "y"], ["01", "one", "x"], ["1", None, None], ["2", None, None]] == rows


def test_steps_before_and_after_see_one_another_whatever_their_scope(found):
    sql = other("SELECT i, 'n' || i % 3 FROM generate_series(1, 9) i", code="int")
    data = "code\n" + "".join(f"{i % 12}\n" for i in range(40))
    rows = found(
        sql, data, {"code": "int"}, names="code, name",
        before=[{"deduplicate": {"columns": ["code"]}}, {"filter": "code <> 5"}],
        after=[
            {"lookup": {"table": "other", "on": {"name": "code"}, "columns": {"again": "name"}}},
            {"filter": "name is not null and again is null"},
            {"deduplicate": {"columns": ["name"], "order_by": ["code"]}},
        ],
    )  # fmt: skip
    assert [[7, "n1"], [8, "n2"], [9, "n0"]] == rows


def test_many_records_keep_their_order_and_numbers(found):
    sql = other("SELECT i, 'n' || i FROM generate_series(0, 99) i", code="int")
    size = 70_000
    data = "code,n\n" + "".join(f"{i % 150},{i}\n" for i in range(size))
    rows = found(sql, data, {"code": "int", "n": "int"}, names="n = _etl_line - 1 AND name IS NOT DISTINCT FROM"
                 " CASE WHEN code < 100 THEN 'n' || code END, count(*) OVER ()")  # fmt: skip
    assert [[True, size]] * size == rows


REFUSED = {
    "no table": ("SELECT 1", {}, """transforms[0].lookup.table: there is no table public.other in the target's database;
 create it first, or name another"""),
    "no column on": (COUNTRIES, {"on": {"code": "cod"}},
        """transforms[0].lookup.on: public.other has no column "cod"; did you mean "code"?"""),
    "no column": (COUNTRIES, {"columns": ["x"]},
        """transforms[0].lookup.columns: public.other has no column "x"; allowed: code, name"""),
    "no field": (COUNTRIES, {"on": {"kode": "code"}},
        """transforms[0].lookup.on: there is no column "kode" at this point; did you mean "code"?"""),
    "no key": (other("('a', '1'), ('a', '2'), ('b', '1'), ('a', '3'), ('b', '2'), ('c', '1'), (NULL, '1'), (NULL, '')"),
        {},
        """transforms[0].lookup.on: code is no key of public.other: 2 values stand in several rows (a in 3);
 compare more columns, or look up a view with one row each"""),
    "equal numbers": (other("(1.0, '1'), (1.00, '2')", code="numeric"), {},
        """transforms[0].lookup.on: code is no key of public.other: 1 value stands in several rows (1. in 2);
 compare more columns, or look up a view with one row each"""),
    "infinite": (other("('a', 'infinity')", name="date"), {},
        """transforms[0].lookup.columns: 1 value of name (date) of public.other cannot be carried, as infinity and NaN
 cannot; leave it out, or look up a view that has it as text"""),
    "no type": (other("(true, 'x')", code="boolean"), {"before": [{"cast": {"code": "date"}}]},
        """transforms[1].lookup.on.code: no value of date is a boolean; compute it in a derive step, or cast it to text
 first"""),
    "too big": (other("SELECT i, repeat('x', 1000) FROM generate_series(1, 1100) i"), {},
        """public.other: 1,100 rows of code, name are 1.1 MB, the limit is 1 MB; look up fewer columns, or a view with
 fewer rows, or raise limits.lookup_mb"""),
    "too many": (other("SELECT i, '' FROM generate_series(1, 70000) i"), {},
        """public.other: more than 65,537 rows of code, name are more than 1.3 MB, the limit is 1 MB; look up fewer
 columns, or a view with fewer rows, or raise limits.lookup_mb"""),
}  # fmt: skip


@pytest.mark.parametrize(("sql", "asked", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_looked_up_is_refused_with_its_place(database, tmp_path, sql, asked, message):
    for statement in sql.split(";"):
        query(database, statement)
    (tmp_path / "f.csv").write_text("code\n2024-01-01\n")
    asked = {"table": "other", "on": ["code"], "columns": ["name"], **asked}
    steps = asked.pop("before", [])
    step = {"lookup": asked}
    parts = {"columns": {"code": "text"}, "transforms": [*steps, step], "limits": {"lookup_mb": 1}}
    run = load(pipeline(tmp_path / "f.csv", **parts), places(database, database, tmp_path))
    assert ("failed", message.replace("\n", "")) == (run.status, run.failure.message)
    assert not list((tmp_path / "work" / run_prefix(run.run_id)).rglob("*.parquet"))


def test_rows_that_say_the_same_of_a_key_are_one(found):
    assert [["A"], [None]] == found(other("('a', 'A'), ('a', 'A'), ('b', NULL), ('b', NULL)"), "code\na\nb\n")


def test_an_error_tells_no_key_if_a_step_hides_something(looked_up):
    run = looked_up(
        other("('secret', '1'), ('secret', '2')"), "code\nsecret\n", after=[{"hash": {"columns": ["code"]}}]
    )
    assert ("failed", False) == (run.status, "secret" in run.failure.message)


def test_a_table_that_this_user_may_not_read_is_told(database, tmp_path):
    query(database, "DROP ROLE IF EXISTS looker")
    query(database, "CREATE ROLE looker LOGIN PASSWORD 'x'")
    try:
        for sql in (f"GRANT CREATE ON DATABASE {database.database} TO looker", *COUNTRIES.split(";")):
            query(database, sql)
        dsn = Dsn(database.host, database.port, "looker", database.database, "x")
        target, work = PostgresTarget(dsn), DiskStore(tmp_path)
        step = {"lookup": {"table": "other", "on": ["code"], "columns": ["name"]}}
        with pytest.raises(Refused, match=r"public\.other: permission denied for table other; grant"):
            pin(run_id(1), pipeline(transforms=[step]), target=target, work=work)
        query(database, "GRANT SELECT ON public.other TO looker")
        (pinned,) = pin(run_id(1), pipeline(transforms=[step]), target=target, work=work)
        assert "looks up public.other (code, name): 2 rows, as they are now" == pinned.note
        target.close()
    finally:
        query(database, f"REVOKE CREATE ON DATABASE {database.database} FROM looker")
        query(database, "DROP OWNED BY looker")
        query(database, "DROP ROLE looker")


def test_what_was_pinned_for_a_run_stays_whatever_becomes_of_the_table(database, tmp_path):
    for sql in COUNTRIES.split(";"):
        query(database, sql)
    target, work = PostgresTarget(database), DiskStore(tmp_path)
    step = {"lookup": {"table": "other", "on": ["code"], "columns": ["name"]}}
    document = pipeline(transforms=[step])
    first = pin(run_id(1), document, target=target, work=work)
    query(database, "UPDATE public.other SET name = 'other'")
    other = pin(run_id(2), document, target=target, work=work)
    query(database, "DROP TABLE public.other")
    assert first == pin(run_id(1), document, target=target, work=work)
    assert first[0].key.rpartition("/")[2] != other[0].key.rpartition("/")[2]
    with pytest.raises(InvalidPipeline, match=r"there is no table public\.other"):
        pin(run_id(3), document, target=target, work=work)
    target.close()


def test_a_view_a_partitioned_table_and_an_empty_one_can_be_looked_up(found):
    view = "CREATE VIEW public.v AS SELECT 'a' AS code, 'b' AS name"
    assert [["b"]] == found(view, "code\na\n", table="v")
    parts = f"{other('').partition(';')[0]} PARTITION BY LIST (code)"
    parts += "; CREATE TABLE public.p PARTITION OF public.other DEFAULT"
    assert [["c"]] == found(f"{parts}; INSERT INTO public.other VALUES ('a', 'c')", "code\na\n")
    assert [[None]] == found(other("SELECT 'a', 'b' WHERE false"), "code\na\n")


def test_rows_that_are_not_committed_are_not_pinned(database, tmp_path):
    for sql in COUNTRIES.split(";"):
        query(database, sql)
    target, work = PostgresTarget(database), DiskStore(tmp_path)
    step = {"lookup": {"table": "other", "on": ["code"], "columns": ["name"]}}
    with connected(database) as holder:
        holder.run("BEGIN")
        holder.run("INSERT INTO public.other VALUES ('XX', 'not committed')")
        (pinned,) = pin(run_id(1), pipeline(transforms=[step]), target=target, work=work)
        assert 2 == pinned.rows
        holder.run("ROLLBACK")
    target.close()
    assert {"code", "name"} == {c["name"] for k in ("keys", "columns") for c in json.loads(
        (tmp_path / run_prefix(run_id(1)) / "lookups/00000/pinned.json").read_bytes())[k]}  # fmt: skip
