"""SQL that people write: what is refused, before anything runs, and in which words."""

import re

import pytest

from chalicelib.core.errors import InvalidPipeline

AB = {"a": "bigint", "b": "text"}
DATA = b"a,b\n1,x\n2,y\n3,\nzz,z\n"


def refusal(run, step, columns=AB):
    with pytest.raises(InvalidPipeline) as error:
        run(DATA, columns, [step])
    return str(error.value)


NO_AMONT = 'there is no column "amont" at this point; did you mean "amount"?'
TWICE = "rename one of them, or leave it out"
CASE = f'the columns "amount" and "Amount" differ in case only, and would be taken for one; {TWICE}'
WIDE = "the aggregate sum looks at more than one record; put it into a sql step"
ANEW = "random answers anew each time, or of more than its arguments, so a second attempt could differ"


@pytest.mark.parametrize(
    ("step", "place", "message"),
    [
        ({"derive": {"total": "amont * 2"}}, "derive.total", NO_AMONT),
        ({"filter": "amont > 1"}, "filter", NO_AMONT),
        ({"rename": {"amont": "x"}}, "rename", NO_AMONT),
        ({"trim": ["q"]}, "trim", 'there is no column "q" at this point; the columns here are amount, b'),
        ({"rename": {"b": "Amount"}}, "rename", CASE),
        ({"derive": {"Amount": "1"}}, "derive", CASE),
        ({"sql": "select amont from input"}, "sql", NO_AMONT),
        ({"sql": "select b, amont + 1 as c from input"}, "sql", NO_AMONT),
        ({"sql": "select * exclude (amont) from input"}, "sql", NO_AMONT),
        ({"sql": "select * replace (1 as amont) from input"}, "sql", NO_AMONT),
        ({"sql": "select b from input where amont = 1"}, "sql", NO_AMONT),
        ({"sql": "select sum(amont) as s from input"}, "sql", NO_AMONT),
        ({"sql": "select amount, amount from input"}, "sql", f'two columns would be named "amount"; {TWICE}'),
        ({"sql": "select amount + 1 from input"}, "sql", "(amount + 1) has no name; give it one with AS"),
        ({"sql": "select q.* from input"}, "sql", 'Referenced table "q" not found; Candidate tables: "input"'),
        ({"sql": "select columns(*) from input"}, "sql", "COLUMNS(...) and RENAME are not supported; name the columns"),
        ({"derive": {"c": "sum(amount)"}}, "derive.c", WIDE),
        ({"derive": {"c": "random()"}}, "derive.c", f"{ANEW}; leave it out"),
    ],
)
def test_a_mistake_is_told_with_its_place_its_cause_and_a_way_out(run, step, place, message):
    with pytest.raises(InvalidPipeline) as error:
        run(b"amount,b\n1,x\n", {"amount": "bigint", "b": "text"}, [step])
    assert f"transforms[0].{place}: {message}" == str(error.value)


@pytest.mark.parametrize(
    ("rule", "place"),
    [
        ({"check": "expr", "sql": "amont > 0"}, 'rules[0].expr.sql: there is no column "amont"'),
        ({"check": "expr", "sql": "sum(amount) > 0"}, "rules[0].expr.sql: the aggregate sum looks at more than one"),
        ({"check": "in", "column": "amont", "values": [1]}, 'rules[0].in.column: there is no column "amont"'),
        (
            {"check": "in", "column": "amount", "values": ["one"]},
            "rules[0].in.values: 'one' is no number, and the column",
        ),
        ({"check": "not_null", "columns": ["amont"]}, 'rules[0].not_null.columns: there is no column "amont"'),
    ],
)
def test_a_mistake_in_a_rule_is_told_before_the_run(run, rule, place):
    with pytest.raises(InvalidPipeline, match=f"^{re.escape(place)}"):
        run(b"amount\n1\n", {"amount": "bigint"}, [], [rule])


@pytest.mark.parametrize(
    "text",
    [
        "1) as x, (2", "1; drop table input", "1 /* ", "1) --", "(select 1)", "exists (select 1)", "a in (select 1)",
        "from input", "read_csv('/etc/passwd')", "read_text('/etc/passwd')", "glob('/*')", "getenv('HOME')", "*",
        "columns(*)", "_etl_fate", "t0", "f0", "row_number() over ()", "max(a) over ()", "count(*)", "unnest([1, 2])",
        "generate_subscripts(a, 1)", "random()", "uuid()", "nextval('s')", "a AS c", "a c", "distinct a", "(1", "\n)",
        "?", "$1", "$$", "a; -- x", "pg_read_file('/etc/passwd')", "lo_import('/etc/passwd')", "query('select 1')",
        "query_table('input')", "current_query()::int[999999999999]", "'", '"', "set('x')",
    ],
)  # fmt: skip
@pytest.mark.parametrize("step", ["derive", "filter"])
def test_an_expression_cannot_be_more_than_one(run, text, step):
    written = {"c": text} if step == "derive" else text
    place = f"transforms[0].{step}" + (".c" if step == "derive" else "")
    assert refusal(run, {step: written}).startswith(f"{place}: ")


@pytest.mark.parametrize("text", ["a -- ", "a /* x */", "a\n-- x", "(a)"])
def test_comments_stay_within_their_expression(run, text):
    ran = run(b"a,b\n1,x\n", AB, [{"derive": {"c": text}}])
    assert ran.values == [(1, "x", 1)]


@pytest.mark.parametrize(
    "text",
    [
        "select 1 as x", "select a from other", "select * from read_csv('/etc/passwd')", "select * from '/etc/passwd'",
        "select * from input, '/etc/passwd'", "copy input to '/tmp/x'", "copy (select 1) to '/tmp/x'", "describe input",
        "attach '/tmp/x.db'", "set memory_limit = '9GB'", "reset memory_limit", "pragma version", "install httpfs",
        "load httpfs", "select 1; select 2", "select a from input; drop table input", "insert into input values (1)",
        "create table x as select 1", "export database '/tmp'", "call duckdb_settings()", "explain select * from input",
        "select getenv('HOME') as x from input", "select a from _etl_input", "select f0 from _etl_input, input",
        "select * from input, range(3)", "select * from duckdb_settings()", "select * from duckdb_settings, input",
        "select * from information_schema.tables, input", "select a from main.input", "values (1)", "show tables",
        "select * from query('select 1'), input", "select * from glob('/*')", "select _etl_fate from input",
        "select sum(_etl_fate) as x from input", "select a from input) union (select 1", "summarize input",
        "select * from read_text('/etc/passwd') union all select b from input", "update input set a = 1",
        "select a from input where exists (select * from read_csv('/etc/passwd'))", "prepare x as select 1", "vacuum",
    ],
)  # fmt: skip
def test_a_query_reads_its_input_and_nothing_else(run, text):
    assert refusal(run, {"sql": text}).startswith("transforms[0].sql: ")


def test_names_that_the_engine_takes_for_one_are_refused(run):
    with pytest.raises(InvalidPipeline, match=r'^columns: the columns "Id" and "ID" differ in case only'):
        run(b"Id,ID\n1,2\n")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("getenv('HOME')", "getenv is no function that may be called here; leave it out"),
        ("uper(b)", 'uper is no function that may be called here; did you mean "upper"?'),
        ("current_setting('x')", "current_setting answers anew each time, or of more than its arguments"),
        ("now()", "now answers anew each time, or of more than its arguments"),
        ("pg_typeof(a)", "pg_typeof is no function that may be called here"),
        ("version()", "version is no function that may be called here"),
        ("main.upper(b)", "upper is no function that may be called here"),
        ("write_log(b)", "write_log answers anew each time"),
        ("read_csv(b)", "read_csv is no function that may be called here"),
        ("json_execute_serialized_sql(b)", "json_execute_serialized_sql is no function that may be called here; leave"),
        ("read_text(b)", "read_text is no function that may be called here; leave it out"),
        ("json_serialize_sq(b)", "json_serialize_sq is no function that may be called here; leave it out"),
        ("list_transform([a], x -> x + 1)[1]", "x -> x + 1 is no lambda here; write lambda x: x + 1"),
        ("$1", "the query has a parameter"),
    ],
)
@pytest.mark.parametrize("step", ["derive", "filter", "sql", "aggregate"])
def test_a_function_that_does_more_than_compute_is_refused_with_its_place(run, text, told, step):
    written = {
        "derive": ({"c": text}, "derive.c"),
        "filter": (f"{text} is null", "filter"),
        "sql": (f"select {text} as c from input where a in (select max(a) from input)", "sql"),
        "aggregate": ({"take": {"c": f"max({text})"}}, "aggregate.take.c"),
    }
    document, place = written[step]
    assert refusal(run, {step: document}).startswith(f"transforms[0].{place}: {told}")


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("select * from read_csv('/etc/passwd')", "the query calls a table function"),
        ("select a from input where a in (select * from glob('*'))", "the query calls a table function"),
        ("select * from (describe input), input", "the query describes a table"),
        ("select * from (values (1)) v, input", "the query lists values"),
        ("with recursive r as (select 1 as a union all select a + 1 from r) select r.a from r, input",
         "the query is recursive"),
        ("pivot input on b using max(a)", "this is no SELECT"),
        ("select * from (pivot input on b in ('x') using max(a))", "the query pivots; there are the steps pivot"),
        ("select a from input where a = (select max(a) from other)", "the query reads other"),
        ("select * from input using sample 2", "the query samples its records"),
        ("select * from input tablesample 10%", "the query samples its records"),
        ("select * from (select * from input) tablesample reservoir(2)", "the query samples its records"),
        ("select a from input where a in (select a from input using sample 1)", "the query samples its records"),
        ("select * from input tablesample reservoir(2 rows) repeatable (1)", "the query samples its records"),
    ],
)  # fmt: skip
def test_a_query_that_reads_other_things_is_refused_with_its_place(run, sql, told):
    assert refusal(run, {"sql": sql}).startswith(f"transforms[0].sql: {told}")


@pytest.mark.parametrize(
    "text",
    [
        "coalesce(b, 'x') || upper(b)", "case when a > 1 then 2 else a end", "a between 1 and 2 and not (b like 'x%')",
        "list_transform([a, 2], lambda x: x + 1)[1]", "struct_pack(x := a).x", "extract(year from date '2024-01-01')",
        "cast(b as varchar) in ('x', 'y')", "split_part(b, ',', 1)", "nullif(b, 'x')", "b collate nocase = 'X'",
        "date_trunc('day', timestamp '2024-01-01 01:00:00')", "regexp_replace(b, 'x', 'y')", "try_cast(b as int)",
        "a is distinct from 5", "if(a > 1, 1, 2)", "b ~ 'x'", "strftime(date '2024-01-01', '%Y')",
    ],
)  # fmt: skip
def test_an_expression_that_only_computes_is_taken(run, text):
    assert [1, 2] == run(b"a,b\n1,x\n2,y\n", AB, [{"derive": {"c": text}}]).lines


def test_a_list_of_numbers_is_a_value_of_one_record(run):
    steps = [{"derive": {"n": "len(range(a))", "s": "list_sum(generate_series(1, a))"}}]
    assert [(1, 1), (2, 3)] == [(r["n"], r["s"]) for r in run(b"a,b\n1,x\n2,y\n", AB, steps).kept]


@pytest.mark.parametrize(
    ("step", "place"),
    [
        ({"filter": "a"}, "transforms[0].filter: a is bigint"),
        ({"filter": "b"}, "transforms[0].filter: b is varchar"),
        ({"sql": "select a from input where a + 1"}, "transforms[0].sql: (a + 1) is bigint"),
    ],
)
def test_what_is_neither_true_nor_false_is_no_condition(run, step, place):
    told = f"{place}, no condition; compare it with something, or cast it to boolean"
    assert told == refusal(run, step)
    with pytest.raises(InvalidPipeline, match=r"^rules\[0\]\.expr\.sql: a is bigint, no condition"):
        run(DATA, AB, [], [{"check": "expr", "sql": "a"}])


@pytest.mark.parametrize("text", ["a > 1", "null", "b", "a is null"])
def test_a_condition_is_what_compares_or_is_boolean(run, text):
    run(b"a,b\n1,true\n", {"a": "bigint", "b": "boolean"}, [{"filter": text}], [{"check": "expr", "sql": text}])
