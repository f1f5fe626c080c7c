"""scd2: a history without holes or overlaps, whatever comes out of order, twice, or to take something away."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from modes import Table, counted

SCD2 = {"write": "scd2", "keys": ["id"], "effective_at": "at"}
GONE = {**SCD2, "delete_when": "name = 'gone'"}


@pytest.fixture
def table(database, tmp_path):
    return Table(database, tmp_path, {"id": "bigint", "name": "text", "at": "date", "n": "integer"})


def history(table):
    """Key, name and days of May 2024 from which and to which each version was current."""
    days = "extract(day FROM valid_from)::int, extract(day FROM valid_to)::int, is_current"
    return table.rows(f"id, name, {days}", "ORDER BY id, valid_from")


def day(*records):
    return "id,name,at\n" + "".join(f"{key},{name},2024-05-{at:02}\n" for key, name, at in records)


def test_a_change_closes_the_version_before_and_opens_one(table):
    assert {"loaded": 2} == counted(table.load(day((1, "a", 1), (2, "b", 1)), **SCD2))
    assert {"loaded": 2, "unchanged": 1} == counted(table.load(day((1, "A", 3), (2, "b", 3), (3, "c", 3)), **SCD2))
    assert [
        [1, "a", 1, 3, False],
        [1, "A", 3, None, True],
        [2, "b", 1, None, True],
        [3, "c", 3, None, True],
    ] == history(table)


def test_several_versions_of_one_key_in_one_run_are_versions(table):
    assert {"loaded": 3} == counted(table.load(day((1, "c", 9), (1, "a", 1), (1, "b", 5)), **SCD2))
    assert [[1, "a", 1, 5, False], [1, "b", 5, 9, False], [1, "c", 9, None, True]] == history(table)


def test_of_a_tie_in_a_run_the_highest_order_wins(table):
    run = table.load(day((1, "a", 1), (1, "b", 1)), **SCD2)
    assert {"loaded": 1, "deduplicated": 1} == counted(run)
    run = table.load("id,name,at,n\n2,a,2024-05-01,7\n2,b,2024-05-01,5\n", order_by="n", **SCD2)
    assert "held" == run.status  # the table has no column n
    assert [[1, "b", 1, None, True]] == history(table)


def test_a_tie_with_the_table_corrects_the_version(table):
    table.load(day((1, "a", 1), (1, "b", 5)), **SCD2)
    assert {"updated": 1} == counted(table.load(day((1, "A", 1)), **SCD2))
    assert [[1, "A", 1, 5, False], [1, "b", 5, None, True]] == history(table)
    assert [["u", "a"]] == table.run("SELECT _etl_op::text, name FROM etl_target.before_1")


def test_a_record_out_of_order_finds_its_place(table):
    table.load(day((1, "a", 1), (1, "c", 9)), **SCD2)
    assert {"loaded": 1} == counted(table.load(day((1, "b", 5)), **SCD2))
    assert [[1, "a", 1, 5, False], [1, "b", 5, 9, False], [1, "c", 9, None, True]] == history(table)
    assert {"unchanged": 1} == counted(table.load(day((1, "b", 7)), **SCD2))


def test_a_record_before_all_others_begins_the_history(table):
    table.load(day((1, "b", 5)), **SCD2)
    assert {"loaded": 1} == counted(table.load(day((1, "a", 2)), **SCD2))
    assert [[1, "a", 2, 5, False], [1, "b", 5, None, True]] == history(table)


def test_a_deletion_closes_and_a_later_record_opens_again(table):
    table.load(day((1, "a", 1)), **GONE)
    assert {"updated": 1, "removed": 1} == counted(table.load(day((1, "gone", 4)), **GONE))
    assert [[1, "a", 1, 4, False]] == history(table)
    assert {"unchanged": 2} == counted(table.load(day((1, "gone", 6), (2, "gone", 6)), **GONE))
    assert {"loaded": 1} == counted(table.load(day((1, "a", 8)), **GONE))
    assert [[1, "a", 1, 4, False], [1, "a", 8, None, True]] == history(table)
    assert {"unchanged": 1} == counted(table.load(day((1, "gone", 4)), **GONE))


def test_a_deletion_out_of_order_leaves_what_came_after_it(table):
    table.load(day((1, "a", 1), (1, "b", 9)), **GONE)
    assert {"updated": 1, "removed": 1} == counted(table.load(day((1, "gone", 4)), **GONE))
    assert [[1, "a", 1, 4, False], [1, "b", 9, None, True]] == history(table)


def test_a_deletion_at_the_very_beginning_of_a_version_takes_it_away(table):
    table.load(day((1, "a", 1), (1, "b", 5), (1, "c", 9)), **GONE)
    assert {"updated": 1, "removed": 1} == counted(table.load(day((1, "gone", 5)), **GONE))
    assert [[1, "a", 1, 5, False], [1, "c", 9, None, True]] == history(table)


def test_a_record_at_the_very_moment_of_a_deletion_opens_again(table):
    table.load(day((1, "a", 1), (1, "gone", 5)), **GONE)
    assert {"loaded": 1} == counted(table.load(day((1, "b", 5)), **GONE))
    assert [[1, "a", 1, 5, False], [1, "b", 5, None, True]] == history(table)


def test_without_effective_at_a_version_begins_with_its_run(table):
    plain = {"write": "scd2", "keys": ["id"]}
    table.load("id,name\n1,a\n2,b\n", **plain)
    assert {"loaded": 1, "unchanged": 1} == counted(table.load("id,name\n1,A\n2,b\n", **plain))
    first, second, other = table.rows("valid_from, valid_to, is_current", "ORDER BY id, valid_from")
    assert (first[1], None, False, True) == (second[0], second[1], first[2], second[2])
    assert first[0] == other[0] < second[0]
    assert abs(datetime.now(UTC) - second[0]) < timedelta(minutes=5)


def test_a_record_without_its_time_is_a_reject(table):
    run = table.load("id,name,at\n1,a,2024-05-01\n2,b,\n", **SCD2)
    assert ({"loaded": 1, "rejected": 1}, {"not_null:at": 1}) == (counted(run), run.broken)


def test_data_may_not_bring_the_columns_that_scd2_keeps(table):
    run = table.load("id,name,at,is_current\n1,a,2024-05-01,true\n", **SCD2)
    assert ("held", True) == (run.status, "a column is_current, which scd2 keeps by itself" in run.failure.message)


def test_a_table_without_the_columns_is_refused(table):
    table.run("CREATE TABLE t (id bigint, name text, at date)")
    run = table.load(day((1, "a", 1)), **SCD2)
    assert ("failed", True) == (run.status, "the column valid_from is missing" in run.failure.message)


def test_what_is_effective_must_be_a_time(table):
    run = table.load("id,name,n\n1,a,5\n", **{**SCD2, "effective_at": "n"})
    assert ("failed", True) == (run.status, '"n" is integer; a date or a timestamp says when' in run.failure.message)


RUNS = st.lists(
    st.lists(
        st.tuples(st.integers(1, 2), st.sampled_from(["a", "b", "gone"]), st.integers(1, 6)), min_size=1, max_size=5
    ),
    min_size=1,
    max_size=5,
)


def moments_of(runs):
    """What each key is called from which day on, None where it is gone; what says nothing new does not stay."""
    lines = {}
    for run in runs:
        fresh = {(key, at): None if name == "gone" else name for key, name, at in run}
        for key in {key for key, _ in fresh}:
            lines[key] = _drawn(lines.get(key, {}), {at: name for (k, at), name in fresh.items() if k == key})
    return lines


def _drawn(line, fresh):
    """A key's line with the moments of one run: those that say what was said before do not stay.

    Nor does an end with no version before it: the table has no row to remember it by.
    """
    known = set(line)
    drawn, said = {}, None
    for at, name in sorted({**line, **fresh}.items()):
        if (at in known or name != said) and (name is not None or said is not None):
            drawn[at] = name
        said = name
    return drawn


def expected(line):
    """The versions of a line: name, from, to."""
    moments = sorted(line.items())
    ends = [*(at for at, _ in moments[1:]), None]
    return [(name, at, end) for (at, name), end in zip(moments, ends, strict=False) if name is not None]


@settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(RUNS)
def test_any_runs_give_the_history_that_their_moments_tell(table, runs):
    table.run("DROP TABLE IF EXISTS public.t")
    for run in runs:
        told = table.load(day(*run), **GONE)
        assert "succeeded" == told.status
    found = {}
    for key, name, since, to, current in history(table):
        assert current == (to is None)
        found.setdefault(key, []).append((name, since, to))
    lines = {key: expected(line) for key, line in moments_of(runs).items()}
    assert {key: versions for key, versions in lines.items() if versions} == found
