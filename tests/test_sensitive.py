"""What a document masks or hashes is nowhere else in clear: not in rejects, not in the words of an error."""

import pytest
from making import Silent, pipeline, places

from chalicelib.bootstrap.local import run_in_process, run_log
from chalicelib.core.dialect import Dialect
from chalicelib.core.pipeline.steps.sensitive import hidden_columns, sensitive_fields
from chalicelib.engine.records import veiled

LENIENT = [{"check": "reject_ratio", "max": 1.0}]


@pytest.mark.parametrize(
    ("steps", "hidden"),
    [
        ([], []),
        ([{"mask": {"b": "redact"}}], [1]),
        ([{"rename": {"a": "x", "b": "a"}}, {"hash": {"columns": ["a"]}}], [1]),
        ([{"rename": {"a": "b", "b": "a"}}, {"hash": {"columns": ["a"]}}, {"mask": {"b": "clear"}}], [0, 1]),
        ([{"derive": {"d": "upper(a)"}}, {"mask": {"d": "redact"}}], None),
        ([{"derive": {"a": "b", "b": "a"}}, {"mask": {"a": "redact"}}], None),
        ([{"derive": {"d": "upper(a)"}}, {"cast": {"b": "int"}}, {"mask": {"b": "redact"}}], [1]),
        ([{"split": {"column": "b", "by": ";", "into": ["a", "d"]}}, {"mask": {"a": "redact"}}], None),
        ([{"sql": "select b as a from input"}, {"mask": {"a": "redact"}}], None),
        ([{"lookup": {"table": "o", "on": ["b"], "columns": ["n"]}}, {"mask": {"b": "redact", "n": "clear"}}], [1]),
        (
            [
                {"lookup": {"table": "o", "on": ["b"], "columns": ["n"]}},
                {"derive": {"d": "n"}},
                {"mask": {"d": "clear"}},
            ],
            None,
        ),
        ([{"lookup": {"table": "o", "on": ["b"], "columns": {"a": "n"}}}, {"mask": {"a": "redact"}}], None),
    ],
)
def test_what_is_hidden_is_followed_to_its_field(steps, hidden):
    found = sensitive_fields(pipeline(transforms=steps).transforms, ["a", "b", "c"])
    assert (None if hidden is None else frozenset(hidden)) == found


@pytest.mark.parametrize(
    ("steps", "columns", "hidden"),
    [
        ([{"mask": {"b": "redact"}}, {"trim": "*"}], ["a,b", "a,b", "a,b"], ["b", "", ""]),
        ([{"rename": {"b": "x"}}, {"mask": {"x": "clear"}}], ["a,b", "a,x", "a,x"], ["b", "x", ""]),
        ([{"derive": {"d": "a"}}, {"mask": {"b": "clear"}}], ["a,b", "a,b,d", "a,b,d"], ["b", "b,d", ""]),
        ([{"mask": {"b": "clear"}}, {"hash": {"columns": ["a"]}}], ["a,b", "a,b", "a,b"], ["a,b", "a", ""]),
        ([{"mask": {"b": "redact"}}, {"mask": {"b": "clear"}}], ["a,b", "a,b", "a,b"], ["b", "b", ""]),
        ([{"sql": "select 1 as c"}, {"mask": {"c": "redact"}}], ["a,b", "c", "c"], ["a,b", "c", ""]),
    ],
)
def test_a_column_is_hidden_up_to_the_step_that_hides_it(steps, columns, hidden):
    made = pipeline(transforms=steps).transforms
    found = [hidden_columns(made, done, ["a", "b"], names.split(",")) for done, names in enumerate(columns)]
    assert hidden == [",".join(sorted(each)) for each in found]


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"1,secret,c", b"1,***,c"),
        (b'"x ""y""","sec,ret",c', b'"x ""y""",***,c'),
        (b'1,"sec\r\nret",c', b"1,***,c"),
        (b"1,secret", b""),
        (b"1,secret,c,d", b""),
        (b'1,"secret', b""),
        (b"1,se\rcret,c", b""),
    ],
)
def test_a_field_is_hidden_or_the_whole_record_is(raw, shown):
    assert shown == veiled(raw, Dialect(), 3, {1})
    assert (raw, b"") == (veiled(raw, Dialect(), 3, ()), veiled(raw, Dialect(), 3, None))


DATA = b'id,card\n1,secret1\nx,"secret,2"\ny,secret3,z\n4\n5,secret5\n'


@pytest.mark.parametrize(
    ("steps", "status"),
    [
        ([{"mask": {"card": "redact"}}], "succeeded"),
        ([{"rename": {"card": "no"}}, {"hash": {"columns": ["no"]}}], "succeeded"),
        ([{"split": {"column": "card", "by": "5"}}, {"derive": {"n": "card::int"}}, {"hash": {"columns": ["card"]}}],
         "succeeded"),
        ([{"sql": "select max(card) as card from input"}, {"derive": {"n": "card::int"}},
          {"sql": "select max(card) as card from input"}, {"mask": {"card": "redact"}}], "succeeded"),
        ([{"sql": "select max(card::int) as card from input"}, {"mask": {"card": "clear"}}], "held"),
    ],
)  # fmt: skip
def test_no_reject_and_no_error_shows_what_is_hidden(database, tmp_path, steps, status):
    path = tmp_path / "f.csv"
    path.write_bytes(DATA)
    document = pipeline(path, columns={"id": "bigint", "card": "text"}, transforms=steps, rules=LENIENT)
    run = run_in_process(document, places(database, database, tmp_path), Silent())
    assert (status, 5 if status == "succeeded" else 0) == (run.status, run.counts.read), run.failure
    with run_log(database) as log:
        rejects = log.rejects(run.run_id, limit=100)
    assert "secret" not in repr([rejects, run])
    if run.failure:
        told = (
            "transforms[0].sql: the query fails on these records: Conversion Error (Could not convert string, INT32); "
        )
        assert ("Held", told) == (run.failure.error, run.failure.message[: len(told)])
        assert "try_cast" in run.failure.message
    if status == "succeeded":
        makes = any("sql" in step for step in steps)  # then nobody knows which field a column holds
        assert (b"" if makes else b"x,***") in [each.raw for each in rejects]
