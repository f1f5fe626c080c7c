"""Named statements: each file is read whole, each name is there."""

import pytest

from chalicelib.postgres.statements import statements


def test_statements_are_found_by_name_without_their_name_line():
    found = statements("chalicelib.store", "runs.sql")
    assert {"save_run", "add_event", "runs", "find_runs", "events", "forget_rejects", "rejects"} <= set(found)
    assert found["forget_rejects"] == "DELETE FROM etl.rejects WHERE run_id = :run_id"


@pytest.mark.parametrize(
    ("package", "name"), [("chalicelib.store", "runs.sql"), ("chalicelib.targets.postgres", "ledger.sql")]
)
def test_each_statement_is_one(package, name):
    assert all(text and ";" not in text for text in statements(package, name).values())
