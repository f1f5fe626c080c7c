"""What becomes of each record: kept with its number, filtered, or rejected with all its reasons at once."""

import json
from decimal import Decimal

import pytest

from chalicelib.core.counts import Cardinality, prove_in
from chalicelib.core.dialect import Dialect
from chalicelib.core.errors import Held, Refused
from chalicelib.engine.stream import NotStrict

AB = {"a": "bigint", "b": "text"}
DATA = b"a,b\n1,x\n2,y\n3,\nzz,z\n"


# Reasons


def test_a_reject_tells_all_its_reasons_at_once(run):
    rules = [{"check": "in", "column": "b", "values": ["x"]}, {"check": "expr", "sql": "b <> 'z'"}]
    ran = run(b"a,c,b\nq,w,z\n", {"a": "bigint", "c": "date", "b": "text"}, [{"derive": {"d": "b::int"}}], rules)
    assert ran.rejects == {1: ["type:a", "type:c", "derive:d", "rules[0]:b", "rules[1]"]}


@pytest.mark.parametrize(
    ("steps", "a", "b"),
    [
        ([], "a", "b"),
        ([{"rename": {"a": "x"}}, {"trim": "*"}, {"rename": {"x": "y", "b": "x"}}], "y", "x"),
        ([{"rename": {"a": "b", "b": "a"}}], "b", "a"),
        ([{"sql": "select b as q, a as p from input"}], "p", "q"),
    ],
)
def test_a_text_that_does_not_fit_is_no_missing_value_of_its_column_but_others_are_missed(run, steps, a, b):
    rules = [{"check": "not_null", "columns": [a, b]}]
    ran = run(b"a,b\nzz,\n,\n1,x\n", AB, steps, rules)
    assert {1: ["type:a", f"rules[0]:{b}"], 2: [f"rules[0]:{a}", f"rules[0]:{b}"]} == ran.rejects
    assert ran.lines == [3]


def test_a_required_column_says_once_that_it_is_null(run):
    ran = run(b"a,b\n,x\nzz,x\n", {"a": {"type": "bigint", "required": True}, "b": "text"})
    assert ran.rejects == {1: ["not_null:a"], 2: ["type:a"]}


def test_a_column_that_the_table_requires_rejects_null(run):
    ran = run(b"a,b\n1,\n2,x\n", AB, target={"a": "bigint", "b": "text"}, required=["b"])
    assert ran.rejects == {1: ["not_null:b"]}


# Filters


def test_a_filtered_record_is_judged_no_further(run):
    rules = [{"check": "expr", "sql": "a > 2"}]
    ran = run(DATA, AB, [{"filter": "a <> 1"}, {"derive": {"c": "b::int"}}], rules)
    assert ran.fates.filtered == 1
    assert ran.rejects == {2: ["derive:c", "rules[0]"], 4: ["type:a", "derive:c"]}
    assert ran.lines == [3]


def test_a_rejected_record_is_not_filtered_any_more(run):
    ran = run(DATA, AB, [{"filter": "false"}])
    assert (ran.fates.filtered, ran.rejects) == (3, {4: ["type:a"]})


def test_a_filter_lets_through_what_is_true_and_rejects_where_it_fails(run):
    ran = run(b"a,b\n1,1\n2,0\n3,\n4,x\n", AB, [{"filter": "cast(b as int) = 1"}])
    assert (ran.lines, ran.fates.filtered, ran.rejects) == ([1], 2, {4: ["filter"]})


def test_the_numbers_of_records_after_filters_are_those_of_the_object(run):
    data = b"a,b\n" + b"".join(b"%d,x\n" % n for n in range(45_000))
    ran = run(data, AB, [{"filter": "a % 3 = 1"}, {"filter": "a > 44000"}])
    assert all(record["a"] + 1 == record["_etl_line"] for record in ran.kept)
    assert (45_000, len(ran.kept)) == (ran.fates.read, ran.fates.kept)


# Derive and rename


def test_a_failing_expression_rejects_its_record_only(run):
    ran = run(b"a,b\n1,5\n2,x\n3,\n", AB, [{"derive": {"c": "cast(b as bigint)"}}])
    assert (ran.values, ran.rejects) == ([(1, "5", 5), (3, None, None)], {2: ["derive:c"]})


@pytest.mark.parametrize("division", ["10 / a", "10 // a", "10 % a", "10.0 / cast(a as double)"])
def test_a_division_by_zero_rejects_its_record_as_postgresql_refuses_it(run, division):
    ran = run(b"a\n0\n5\n", {"a": "bigint"}, [{"derive": {"c": division}}])
    assert (ran.lines, ran.rejects) == ([2], {1: ["derive:c"]})


def test_an_overflow_rejects_its_record(run):
    ran = run(b"a\n9223372036854775807\n1\n", {"a": "bigint"}, [{"derive": {"a": "a + 1"}}])
    assert (ran.values, ran.rejects) == ([(2,)], {1: ["derive:a"]})


def test_expressions_of_one_step_see_the_columns_as_they_were(run):
    ran = run(b"a,b\n1,x\n", AB, [{"derive": {"a": "a + 1", "c": "a * 10"}}])
    assert ran.kept == [{"a": 2, "b": "x", "c": 10, "_etl_line": 1}]


def test_renames_of_one_step_happen_at_once(run):
    ran = run(b"a,b\n1,x\n", AB, [{"rename": {"a": "b", "b": "a"}}])
    assert ran.kept == [{"b": 1, "a": "x", "_etl_line": 1}]


def test_trim_takes_blanks_off_text_and_leaves_other_types(run):
    ran = run(b'a,b\n1,"  x y\t"\n2,"   "\n', AB, [{"trim": "*"}])
    assert ran.values == [(1, "x y"), (2, "")]


# Rules


def test_null_passes_in_and_expr_and_a_failing_condition_does_not(run):
    rules = [{"check": "in", "column": "b", "values": ["1", "x"]}, {"check": "expr", "sql": "cast(b as int) > 0"}]
    ran = run(b"a,b\n1,1\n2,\n3,x\n4,0\n", AB, [], rules)
    assert (ran.lines, ran.rejects) == ([1, 2], {3: ["rules[1]"], 4: ["rules[0]:b", "rules[1]"]})


@pytest.mark.parametrize(
    ("kind", "values", "kept"),
    [
        ("text", [1, "2.0"], [1]),
        ("bigint", [1, "3"], [1]),
        ("boolean", [True], [1]),
        ("numeric(5,2)", [1.5, 1], [1, 4]),
        ("numeric", [1.5, 1], [1, 4]),
        ("double precision", [1.5], [4]),
    ],
)
def test_in_compares_values_in_the_columns_own_type(run, kind, values, kept):
    ran = run(b"a\n1\n2\n0\n1.50\n", {"a": kind}, [], [{"check": "in", "column": "a", "values": values}])
    assert kept == ran.lines


def test_a_warning_counts_and_keeps(run):
    rules = [
        {"check": "expr", "sql": "a <> 2", "severity": "warn"},
        {"check": "not_null", "columns": ["b"], "severity": "warn"},
    ]
    ran = run(DATA, AB, [], rules)
    assert (ran.lines, dict(ran.fates.broken)) == ([1, 2, 3], {"expr:a <> 2": 1, "not_null:b": 1, "type:a": 1})


def test_a_rule_of_severity_fail_counts_and_takes_the_record_out(run):
    ran = run(DATA, AB, [], [{"check": "expr", "sql": "a <> 2", "severity": "fail"}])
    assert (ran.rejects, ran.fates.broken["expr:a <> 2"]) == ({2: ["rules[0]"], 4: ["type:a"]}, 1)


# The table's types


@pytest.mark.parametrize(
    ("columns", "steps", "target", "came"),
    [
        ({"a": "text"}, [], {"a": "bigint"}, ([1, 3], [2])),  # text is read as strictly as a field: 1.5 is no bigint
        ({"a": "text"}, [{"trim": "*"}], {"a": "numeric(3,1)"}, ([Decimal("1.0"), Decimal("1.5"), Decimal("3.0")], [])),
        ({"a": "numeric(10,2)"}, [], {"a": "smallint"}, ([1, 3], [2])),
        ({"a": "numeric(10,2)"}, [], {"a": "numeric(10,0)"}, ([1, 3], [2])),
        ({"a": "numeric(10,2)"}, [{"derive": {"a": "a * 1.0"}}], {"a": "smallint"}, ([1, 2, 3], [])),  # as it assigns
        ({"a": "numeric(10,2)"}, [{"derive": {"a": "a * 30000"}}], {"a": "smallint"}, ([30000], [2, 3])),
        ({"a": "numeric"}, [], {"a": "text"}, (["1", "1.5", "3"], [])),
        ({"a": "text"}, [{"derive": {"a": "a || '000'"}}], {"a": "varchar(4)"}, (["1000", "3000"], [2])),
    ],
)
def test_a_value_fits_the_tables_type_or_rejects_its_record(run, columns, steps, target, came):
    values, out = came
    ran = run(b"a\n1\n1.5\n3\n", columns, steps, target=target)
    assert (values, {number: ["type:a"] for number in out}) == ([value for (value,) in ran.values], ran.rejects)


# One query over one record


@pytest.mark.parametrize(
    ("sql", "kept"),
    [
        ("select * from input", {"a": 1, "b": "x"}),
        ("SELECT * FROM INPUT;", {"a": 1, "b": "x"}),
        ("from input", {"a": 1, "b": "x"}),
        ("select b, a from input -- in another order", {"b": "x", "a": 1}),
        ("select * exclude (b) from input", {"a": 1}),
        ("select * replace (a + 1 as a) from input", {"a": 2, "b": "x"}),
        ("select * exclude (a), a + 1 as a from input", {"b": "x", "a": 2}),
        ("select b as a, a as b from input", {"a": "x", "b": 1}),
        ("select i.a, i.a + 1 as c from input as i where i.b = 'x'", {"a": 1, "c": 2}),
        ("select i.* from input i", {"a": 1, "b": "x"}),
        ("select case when a > 1 then 'many' else 'one' end as c from input", {"c": "one"}),
    ],
)
def test_a_query_without_others_records_keeps_their_numbers(run, sql, kept):
    ran = run(b"a,b\n1,x\n", AB, [{"sql": sql}])
    assert ([{**kept, "_etl_line": 1}], None) == (ran.kept, ran.fates.cardinality)


def test_the_where_of_a_query_filters_and_its_outputs_reject(run):
    ran = run(DATA, AB, [{"sql": "select a, cast(b as bigint) as c from input where a <> 2"}])
    assert (ran.lines, ran.fates.filtered, ran.rejects) == ([3], 1, {1: ["sql:c"], 4: ["type:a", "sql:c"]})


def test_a_column_that_a_query_only_names_anew_keeps_its_type(run):
    ran = run(b"a\n1.50\n", {"a": "numeric"}, [{"sql": "select a as b from input"}], target={"b": "numeric"})
    assert ran.values == [("1.50",)]


# One query over the run


@pytest.mark.parametrize(
    ("sql", "values", "made"),
    [
        ("select count(*) as n, cast(sum(a) as bigint) as s from input", [(3, 6)], 1),
        ("select a, row_number() over (order by a desc) as n from input order by a", [(1, 3), (2, 2), (3, 1)], 3),
        ("select distinct a > 1 as big from input order by big", [(False,), (True,)], 2),
        ("select a from input limit 2", [(1,), (2,)], 2),
        ("select a from input order by a desc", [(3,), (2,), (1,)], 3),
        ("select i.a, j.b from input i join input j on j.a = i.a + 1 order by i.a", [(1, "y"), (2, None)], 2),
        ("with big as (select * from input where a > 1) select a from big order by a;", [(2,), (3,)], 2),
        ("select a from input where a = (select max(a) from input) -- the last", [(3,)], 1),
        ("select a from input union all select -a from input order by 1", [(-3,), (-2,), (-1,), (1,), (2,), (3,)], 6),
        ("select a from (select a from input) order by a", [(1,), (2,), (3,)], 3),
        ("select unnest([a, 0]) as a from input where a = 2", [(2,), (0,)], 2),
        ("select a from input where false order by a", [], 0),
    ],
)
def test_a_query_over_the_run_reports_what_went_in_and_came_out(run, sql, values, made):
    ran = run(DATA, AB, [{"sql": sql}])
    assert (values, {4: ["type:a"]}) == (ran.values, ran.rejects)
    assert Cardinality(3, made) == ran.fates.cardinality
    assert {None} >= set(ran.lines)
    prove_in(ran.fates.counts(), cardinality=ran.fates.cardinality)


def test_steps_and_rules_around_a_query_over_the_run_see_what_is_there(run):
    steps = [
        {"filter": "a <> 2"},
        {"sql": "select b, cast(sum(a) as bigint) as s from input group by b order by s"},
        {"derive": {"t": "cast(b as int)"}},
        {"filter": "s <> 30"},
        {"rename": {"s": "total"}},
    ]
    rules = [{"check": "expr", "sql": "total < 50"}]
    data = b"a,b\n1,7\n2,7\nq,7\n10,8\n20,8\n3,x\n60,9\n"
    ran = run(data, AB, steps, rules)
    assert ran.kept == [{"b": "7", "total": 1, "t": 7, "_etl_line": None}]
    assert (ran.rejects, ran.fates.filtered) == ({3: ["type:a"]}, 1)
    late = [(json.loads(values), [r.rule for r in ran.fates.reasons(code)]) for values, code, _ in ran.fates.late]
    assert late == [
        ({"b": "x", "total": 3, "t": None}, ["derive"]),
        ({"b": "9", "total": 60, "t": 9}, ["expr"]),
    ]
    counts = ran.fates.counts()
    assert (counts.read, counts.kept, counts.produced, counts.late, counts.sifted) == (7, 5, 4, 2, 1)
    prove_in(counts, cardinality=ran.fates.cardinality)


def test_two_queries_over_the_run_follow_each_other(run):
    steps = [
        {"sql": "select b, count(*) as n from input group by b order by b"},
        {"filter": "b <> 'q'"},
        {"sql": "select cast(sum(n) as bigint) as n from input"},
    ]
    ran = run(b"a,b\n1,p\n2,p\n3,q\n4,r\n", AB, steps)
    assert ([(3,)], Cardinality(4, 2), 1) == (ran.values, ran.fates.cardinality, ran.fates.sifted)
    prove_in(ran.fates.counts(), cardinality=ran.fates.cardinality)


def test_a_query_that_fails_on_the_records_names_its_place(run):
    with pytest.raises(Held, match=r"^transforms\[1\]\.sql: the query fails on these records: .*'x'"):
        run(DATA, AB, [{"trim": "*"}, {"sql": "select sum(cast(b as int)) as s from input"}])


def test_odd_names_pass_through_every_step(run):
    columns = {'a"b': "text", "select": "bigint", "x y": "text", "é; drop table t --": "text"}
    steps = [
        {"trim": "*"},
        {"rename": {'a"b': "it's"}},
        {"derive": {"c.d": '"select" + 1'}},
        {"filter": "\"x y\" = '2'"},
    ]
    ran = run(b"1,2,2,3\n", columns, steps, dialect=Dialect(header=False))
    assert ran.kept == [{"it's": "1", "select": 2, "x y": "2", "é; drop table t --": "3", "c.d": 3, "_etl_line": 1}]


def test_a_record_that_breaks_the_structure_far_into_the_object_is_no_crash(run):
    with pytest.raises(NotStrict, match="CSV Error"):
        run(b"a,b\n" + b"1,x\n" * 100_000 + b"1,x,y\n" + b"1,x\n" * 100_000, AB)


def test_a_step_that_takes_too_long_is_stopped_with_a_sentence(run):
    with pytest.raises(Refused, match="stopped at its time limit"):
        run(
            b"a\n" + b"".join(b"%d\n" % n for n in range(20_000)),
            {"a": "bigint"},
            [{"sql": "select count(*) as n from input i, input j, input k where (i.a + j.a * k.a) % 1000003 = 5"}],
            timeout_s=0.5,
        )
