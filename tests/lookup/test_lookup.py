"""The step ``lookup``: what a record finds, what becomes of one that finds nothing, and what is pinned."""

import pytest
from making import load, pipeline, places, query

from chalicelib.bootstrap.local import run_log

LENIENT = [{"check": "reject_ratio", "max": 1.0}]


@pytest.fixture
def looked_up(database, tmp_path):
    """A function that loads a file with one step ``lookup`` in public.other, made by ``sql``; it returns the run."""

    def loaded(sql, data, columns=None, *, steps=(), more=(), rules=LENIENT, files=1, **asked):
        query(database, "DROP TABLE IF EXISTS public.t, public.other CASCADE")
        for statement in sql.split(";"):
            query(database, statement)
        (tmp_path / "f.csv").write_text(data)
        step = {"lookup": {"table": "other", "on": ["code"], "columns": ["name"], **asked}}
        columns = columns or dict.fromkeys(data.splitlines()[0].split(","), "text")
        document = pipeline(tmp_path / "f.csv", columns=columns, transforms=[*steps, step, *more], rules=rules)
        return load(document, places(database, database, tmp_path))

    return loaded


@pytest.fixture
def found(looked_up, database):
    """The same, and it returns the rows in the order of the records, as text."""

    def rows(*args, names="name", **asked):
        run = looked_up(*args, **asked)
        assert run.status == "succeeded", run.failure
        return query(database, f"SELECT {names} FROM public.t ORDER BY _etl_line")

    return rows


COUNTRIES = "CREATE TABLE other (code text PRIMARY KEY, name text, area int); INSERT INTO other VALUES ('FR', 'France', 5), ('DE', NULL, 6)"
DATA = "id,code\n1,FR\n2,DE\n3,XX\n4,\n5,FR\n"


def test_columns_are_added_and_null_where_nothing_is_found(found, database):
    rows = found(COUNTRIES, DATA, columns={"id": "bigint", "code": "text"}, names="id, code, name")
    assert [[1, "FR", "France"], [2, "DE", None], [3, "XX", None], [4, None, None], [5, "FR", "France"]] == rows
