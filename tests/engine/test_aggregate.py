"""The steps that combine records, or make several of one: what goes in and comes out is reported."""

import json

import pytest

from chalicelib.core.counts import Cardinality, prove_in
from chalicelib.core.errors import InvalidPipeline

ABC = {"a": "bigint", "b": "text", "c": "text"}
DATA = b"a,b,c\n1,x,5\n2,y,7\n,x,\n4,,1\nq,x,1\n5,x,z\n"


def law(ran, records_in, records_out):
    assert Cardinality(records_in, records_out) == ran.fates.cardinality
    prove_in(ran.fates.counts(), cardinality=ran.fates.cardinality)


# aggregate


@pytest.mark.parametrize(
    ("by", "take", "values"),
    [
        (["b"], {"n": "count(*)", "s": "cast(sum(a) as bigint)"}, [(None, 1, 4), ("x", 3, 6), ("y", 1, 2)]),
        (None, {"n": "count(*)", "most": "max(a) + 1"}, [(5, 6)]),
        (["b"], {"n": "count(a) filter (where a > 1)"}, [(None, 1), ("x", 1), ("y", 1)]),
        (["b"], {"l": "b || count(*)"}, [(None, None), ("x", "x3"), ("y", "y1")]),
        (["b"], {"n": "count(distinct a % 2)"}, [(None, 1), ("x", 1), ("y", 1)]),
    ],
)
def test_the_records_of_each_group_become_one(run, by, take, values):
    ran = run(DATA, ABC, [{"aggregate": {"take": take} | ({"by": by} if by else {})}])
    assert sorted(values, key=str) == sorted(ran.values, key=str)
    counts = ran.fates.counts()
    assert (6, 0, 5, 1, len(values)) == (counts.read, counts.kept, counts.combined, counts.rejected, counts.produced)
    law(ran, 5, len(values))
    assert {None} == set(ran.lines)


def test_a_record_for_which_an_argument_fails_is_a_reject_of_its_own(run):
    ran = run(DATA, ABC, [{"aggregate": {"by": ["b"], "take": {"s": "cast(sum(cast(c as bigint)) as bigint)"}}}])
    assert {5: ["type:a"], 6: ["aggregate"]} == ran.rejects
    assert [("x", 5), ("y", 7), (None, 1)] == sorted(ran.values, key=str)
    law(ran, 4, 3)


NEAR = 'there is no column "amont" at this point; did you mean "amount"?'


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ({"aggregate": {"by": ["amont"], "take": {"n": "count(*)"}}}, f"aggregate.by: {NEAR}"),
        ({"aggregate": {"take": {"n": "sum(amont)"}}}, f"aggregate.take.n: {NEAR}"),
        ({"aggregate": {"take": {"n": "sum(amont + 1)"}}}, f"aggregate.take.n: {NEAR}"),
        ({"aggregate": {"take": {"n": "amount"}}},
         "aggregate.take.n: amount combines no records; write an aggregate, such as max(amount)"),
        ({"aggregate": {"take": {"n": "sum(count(*))"}}},
         "aggregate.take.n: an aggregate within another; put it into a sql step"),
        ({"aggregate": {"take": {"n": "sum(amount) over ()"}}},
         "aggregate.take.n: the window function sum is no aggregate; put it into a sql step"),
        ({"aggregate": {"take": {"n": "(select 1)"}}},
         "aggregate.take.n: a subquery is no aggregate; put it into a sql step"),
        ({"aggregate": {"take": {"n": "sum(amount) from input"}}}, "aggregate.take.n: syntax error at or near"),
        ({"pivot": {"by": ["b"], "column": "amont", "values": {"x": "1"}, "take": "count(*)"}},
         f"pivot.column: {NEAR}"),
        ({"pivot": {"by": ["b"], "column": "c", "values": {"x": "1"}, "take": "sum(amount) + 1"}},
         "pivot.take: sum(amount) + 1 is more than one aggregate; compute further in a derive step"),
        ({"unpivot": {"columns": ["amont"], "name": "n", "value": "v"}}, f"unpivot.columns: {NEAR}"),
        ({"unpivot": {"columns": ["amount", "b"], "name": "n", "value": "v"}},
         "unpivot.columns: amount is bigint and b is varchar; bring them to one type in a cast step before"),
        ({"unpivot": {"columns": ["b"], "name": "c", "value": "v"}}, 'unpivot: two columns would be named "c"'),
        ({"split": {"column": "amont", "by": ","}}, f"split.column: {NEAR}"),
        ({"split": {"column": "amount", "by": ","}},
         "split.column: amount is bigint, only text can be split; cast it to text before"),
        ({"split": {"column": "b", "by": ",", "into": ["c", "d"]}}, 'split: two columns would be named "c"'),
        ({"mask": {"amont": "redact"}}, f"mask: {NEAR}"),
        ({"mask": {"amount": "redact"}},
         "mask.amount: amount is bigint, only text can be masked so; write clear, or cast it to text before"),
        ({"hash": {"columns": ["amont"]}}, f"hash.columns: {NEAR}"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place_its_cause_and_a_way_out_before_anything_runs(run, step, told):
    with pytest.raises(InvalidPipeline) as error:
        run(b"amount,b,c\n1,x,y\n", {"amount": "bigint", "b": "text", "c": "text"}, [step])
    assert str(error.value).startswith(f"transforms[0].{told}")


# pivot


def test_values_become_columns_and_one_that_is_not_listed_is_a_reject(run):
    data = b"a,b,c\n1,x,5\n1,y,7\n2,x,1\n2,z,1\n2,,1\n1,x,q\n1,x,3\n"
    pivot = {"by": ["a"], "column": "b", "values": {"xs": "x", "ys": "y"}, "take": "sum(cast(c as int))"}
    ran = run(data, ABC, [{"pivot": pivot}, {"cast": {"xs": "bigint", "ys": "bigint"}}])
    assert [(1, 8, 7), (2, 1, None)] == sorted(ran.values)
    assert {4: ["pivot:b"], 5: ["pivot:b"], 6: ["pivot"]} == ran.rejects
    law(ran, 4, 2)


# unpivot


def test_columns_become_records_that_keep_their_records_number(run):
    data = b"a,b,c\n1,x,5\nq,x,1\n2,,7\n"
    ran = run(data, ABC, [{"unpivot": {"columns": ["b", "c"], "name": "n", "value": "v"}}])
    assert [(1, "b", "x"), (1, "c", "5"), (2, "b", None), (2, "c", "7")] == ran.values
    assert ([1, 1, 3, 3], {2: ["type:a"]}) == (ran.lines, ran.rejects)
    law(ran, 2, 4)


def test_nulls_can_be_left_out_and_all_columns_unpivoted(run):
    unpivot = {"columns": ["b", "c"], "name": "n", "value": "v", "nulls": "drop"}
    ran = run(b"b,c\n,x\ny,z\n", None, [{"unpivot": unpivot}])
    assert [("c", "x"), ("b", "y"), ("c", "z")] == ran.values
    law(ran, 2, 3)


def test_a_made_record_that_is_turned_away_has_its_values_and_the_number_of_its_record(run):
    steps = [{"unpivot": {"columns": ["b", "c"], "name": "n", "value": "v"}}, {"cast": {"v": "bigint"}}]
    ran = run(b"a,b,c\n1,5,6\n2,7,x\n", ABC, steps)
    assert [1, 1, 2] == ran.lines
    ((values, code, record),) = ran.fates.late
    assert ({"a": 2, "n": "c", "v": None}, ["type:v"], 2) == (
        json.loads(values), [reason.key for reason in ran.fates.reasons(code)], record,
    )  # fmt: skip
    law(ran, 2, 4)


# split


def test_parts_become_columns_in_the_place_of_the_text(run):
    step = {"split": {"column": "b", "by": ";", "into": ["p", "q"]}}
    ran = run(b"a,b,c\n1,x;y,5\n2,x,6\n3,,7\n4,x;y;z,8\n5,;,9\n", ABC, [step])
    assert [(1, "x", "y", "5"), (3, None, None, "7"), (5, "", "", "9")] == ran.values
    assert {2: ["split:b"], 4: ["split:b"]} == ran.rejects
    assert ran.fates.cardinality is None


def test_loose_parts_fit_in_any_number(run):
    step = {"split": {"column": "b", "by": "', '", "into": ["p", "b"], "loose": True}}
    ran = run(b"a,b,c\n1,\"x', 'y\",5\n2,x,6\n3,,7\n4,\"x', 'y', 'z\",8\n", ABC, [step])
    assert [("x", "y"), ("x", None), (None, None), ("x", "y', 'z")] == [(p, b) for _, p, b, _ in ran.values]


def test_parts_become_records_and_null_stays_one(run):
    ran = run(b"a,b,c\n1,x;y,5\n2,,6\n3,z,7\n", ABC, [{"split": {"column": "b", "by": ";"}}])
    assert [(1, "x", "5"), (1, "y", "5"), (2, None, "6"), (3, "z", "7")] == ran.values
    assert [1, 1, 2, 3] == ran.lines
    law(ran, 3, 4)


# mask and hash


@pytest.mark.parametrize(
    ("way", "values"),
    [
        ("redact", ["***", None, "***", "***"]),
        ("clear", [None, None, None, None]),
        ("keep_last 4", ["*****6789", None, "****", "**"]),
        ("keep_first 2", ["12*******", None, "ab**", "**"]),
    ],
)
def test_a_mask_hides_all_or_the_most_of_a_text(run, way, values):
    ran = run("a\n123456789\n\nabcd\né1\n".encode(), {"a": "text"}, [{"mask": {"a": way}}])
    assert values == [value for (value,) in ran.values]


def test_a_number_can_be_cleared_and_stays_one(run):
    ran = run(b"a\n5\n", {"a": "bigint"}, [{"mask": {"a": "clear"}}, {"derive": {"b": "a + 1"}}])
    assert [(None, None)] == ran.values


def test_a_hash_is_the_sha_256_of_the_text_and_null_stays_null(run):
    ran = run(b"a,b\nabc,1\n,2\n", {"a": "text", "b": "bigint"}, [{"hash": {"columns": ["a", "b"]}}])
    digests = ("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
               "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b")  # fmt: skip
    assert [digests, (None, "d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35")] == ran.values
