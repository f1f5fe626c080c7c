"""The step ``deduplicate``: one of several equal records stays, the others are counted, all keep their numbers."""

import pytest

from chalicelib.core.counts import prove_in
from chalicelib.core.errors import InvalidPipeline

ABC = {"a": "bigint", "b": "text", "c": "bigint"}
DATA = b"a,b,c\n1,x,5\n2,y,1\n1,z,4\n1,w,\n,n,1\n,m,2\nq,q,1\n"


@pytest.mark.parametrize(
    ("how", "lines"),
    [
        ({"columns": ["a"]}, [2, 4, 6]),
        ({"columns": ["a"], "keep": "first"}, [1, 2, 5]),
        ({"columns": ["a"], "order_by": ["c"]}, [1, 2, 6]),
        ({"columns": ["a"], "order_by": ["c"], "keep": "first"}, [2, 4, 5]),  # null is first
        ({"columns": ["a", "b"]}, [1, 2, 3, 4, 5, 6]),
    ],
)
def test_the_first_or_last_stays_in_the_order_of_columns_and_then_as_read(run, how, lines):
    ran = run(DATA, ABC, [{"deduplicate": how}])
    assert (lines, {7: ["type:a"]}) == (ran.lines, ran.rejects)
    counts = ran.fates.counts()
    assert (7, len(lines), 6 - len(lines), 1) == (counts.read, counts.kept, counts.deduplicated, counts.rejected)
    prove_in(counts)
    assert ran.fates.cardinality is None


def test_what_is_out_before_is_no_duplicate_and_what_is_out_by_it_is_judged_no_further(run):
    steps = [{"filter": "c <> 4"}, {"deduplicate": {"columns": ["a"], "keep": "first"}}, {"derive": {"d": "b::int"}}]
    ran = run(b"a,b,c\n1,q,4\n1,1,5\n1,x,6\n2,y,1\n", ABC, steps, [{"check": "expr", "sql": "a < 2"}])
    assert ran.kept == [{"a": 1, "b": "1", "c": 5, "d": 1, "_etl_line": 2}]
    assert ran.rejects == {4: ["derive:d", "rules[0]"]}
    assert (1, 1, 1, 1) == (ran.fates.kept, ran.fates.filtered, ran.fates.deduplicated, len(ran.rejects))


def test_two_of_them_follow_each_other_and_many_records_keep_their_order(run):
    data = b"a,b,c\n" + b"".join(b"%d,x%d,%d\n" % (n % 30_000, n % 7, n) for n in range(90_000))
    steps = [{"deduplicate": {"columns": ["a"], "keep": "first"}}, {"deduplicate": {"columns": ["b"]}}]
    ran = run(data, ABC, steps)
    assert (ran.lines, ran.fates.deduplicated) == (list(range(29_994, 30_001)), 89_993)
    assert all(record["c"] + 1 == record["_etl_line"] for record in ran.kept)


def test_after_a_query_over_the_run_the_others_are_sifted(run):
    steps = [{"sql": "select b, c from input order by c"}, {"deduplicate": {"columns": ["b"]}}]
    ran = run(b"a,b,c\n1,x,2\n2,x,1\n3,y,1\n", ABC, steps)
    assert sorted(ran.values) == [("x", 2), ("y", 1)]
    assert ([], 1, {"deduplicate": 1}) == (ran.fates.late, ran.fates.sifted, dict(ran.fates.broken))
    prove_in(ran.fates.counts(), cardinality=ran.fates.cardinality)


@pytest.mark.parametrize(
    ("how", "place"), [({"columns": ["amont"]}, "columns"), ({"columns": ["b"], "order_by": ["amont"]}, "order_by")]
)
def test_an_unknown_column_is_told_with_its_place_and_the_nearest(run, how, place):
    with pytest.raises(InvalidPipeline) as error:
        run(b"amount,b\n1,x\n", {"amount": "bigint", "b": "text"}, [{"deduplicate": how}])
    told = 'there is no column "amont" at this point; did you mean "amount"?'
    assert str(error.value) == f"transforms[0].deduplicate.{place}: {told}"
