"""Ten snapshots of one list over ten years, its columns renamed on the way: what replace and merge make of them."""

import json

import pytest
from making import load, pipeline, places, query

from chalicelib.core.table import TableName
from chalicelib.postgres.identifiers import quote
from chalicelib.targets.postgres import PostgresTarget

#: Every column that a snapshot ever had; those that one lacks are left as they are.
COLUMNS = (
    "Symbol", "Name", "Sector", "Security", "GICS Sector", "GICS Sub-Industry", "Headquarters Location", "Date added",
    "CIK", "Founded", "Company",
)  # fmt: skip
#: New and updated rows of each snapshot merged by Symbol, '' being NULL; counted by the issue, not by us.
MERGED = [
    (504, 0), (113, 134), (9, 194), (35, 468), (8, 25), (8, 60), (7, 19), (5, 498), (12, 46), (24, 20),
]  # fmt: skip


@pytest.fixture
def snapshots(corpora):
    folder = corpora / "history-sp500"
    if not folder.is_dir():
        pytest.skip("no history-sp500 among the corpora")
    return [(folder / each["file"], each) for each in json.loads((folder / "truth.json").read_text("utf-8"))]


@pytest.fixture
def where(database, tmp_path):
    # a default, so that a snapshot may lack the column
    columns = ", ".join(f"{quote(name)} text DEFAULT nullif('', '')" for name in COLUMNS)
    query(database, f'CREATE TABLE t ({columns}, PRIMARY KEY ("Symbol"))')
    return places(database, database, tmp_path)


def loaded(path, facts, where, **target):
    """Load one snapshot; the table's hash is that of a full scan."""
    base = pipeline(path, columns=dict.fromkeys(facts["columns"], "text"), format={"nulls": [""]}).plain()
    run = load(type(pipeline()).model_validate({**base, "target": {**base["target"], **target}}), where)
    assert ("succeeded", facts["rows"]) == (run.status, run.counts.read), run.failure
    there = PostgresTarget(where.target)
    assert run.table_hash == str(there.full_hash(TableName("public", "t")))
    there.close()
    return run.counts


def test_each_replace_leaves_the_rows_of_its_snapshot(snapshots, where):
    before = 0
    for path, facts in snapshots:
        counts = loaded(path, facts, where, write="replace")
        assert (facts["rows"], before) == (counts.loaded, counts.removed)
        before = facts["rows"]
        names = ", ".join(f'count("{name}") > 0' for name in COLUMNS)
        filled = query(where.target, f"SELECT count(*), {names} FROM t")[0]
        assert [facts["rows"], *(name in facts["columns"] for name in COLUMNS)] == filled


def test_merged_in_order_each_tells_new_from_updated_and_keeps_what_it_lacks(snapshots, where):
    found = []
    for path, facts in snapshots:
        counts = loaded(path, facts, where, write="merge", keys=["Symbol"])
        found.append((counts.loaded, counts.updated))
        assert facts["rows"] == counts.loaded + counts.updated + counts.unchanged
    assert MERGED == found
    assert [[725]] == query(where.target, "SELECT count(*) FROM t")
