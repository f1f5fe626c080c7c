"""Text that SQL made: what PostgreSQL cannot hold rejects its record, and no other."""

import pytest

DATA = b"id,v\n1,65\n2,0\n3,66\n"
COLUMNS = {"id": "bigint", "v": "integer"}


@pytest.mark.parametrize(
    ("steps", "kind"),
    [
        ([{"derive": {"x": "chr(v)"}}], "text"),
        ([{"derive": {"x": "'a' || chr(v)"}}], "varchar(5)"),
        ([{"derive": {"x": "chr(v)"}}], "char(2)"),
        ([{"derive": {"x": "chr(v)"}}, {"cast": {"x": "text"}}], "text"),
        ([{"derive": {"x": "to_json(chr(v))"}}], "jsonb"),
        ([{"derive": {"x": "json_object('k', chr(v))"}}], "jsonb"),
        ([{"derive": {"x": "concat('\"', chr(v), '\"')"}}], "json"),
        ([{"derive": {"x": "concat('\"', chr(v), '\"')"}}], "jsonb"),
        ([{"sql": "select id, v, max(chr(v)) as x from input group by id, v"}], "text"),
    ],
)
def test_a_nul_character_that_a_step_makes_rejects_its_record_alone(run, steps, kind):
    ran = run(DATA, COLUMNS, steps, target={"id": "bigint", "v": "integer", "x": kind})
    assert [1, 3] == sorted(record["id"] for record in ran.kept)
    assert 1 == len(ran.fates.rejected) + len(ran.fates.late)
    assert {"type:x": 1} == dict(ran.fates.broken)


@pytest.mark.parametrize("text", ["chr(55296)", "chr(57343)"])
def test_the_engine_makes_no_lone_surrogates(run, text):
    ran = run(b"id\n1\n", {"id": "bigint"}, [{"derive": {"x": text}}])
    assert all(record["x"].encode() for record in ran.kept)
