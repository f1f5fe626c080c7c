"""The pipeline's models: canonical text, digests, combinations that cannot work, and the published schema."""

import json
from hashlib import sha256

import pytest
from pydantic import ValidationError

from chalicelib.core.document import parse_pipeline
from chalicelib.core.pipeline import Pipeline, S3Source, json_schema
from chalicelib.core.pipeline.base import Model
from chalicelib.core.pipeline.planned import PLANNED
from chalicelib.core.table import TableName
from chalicelib.core.types import ColumnType

SMALL = {
    "version": 1,
    "name": "orders",
    "source": {"type": "file", "path": "orders.csv"},
    "target": {"type": "postgres", "table": "orders"},
}


def build(**parts):
    return Pipeline.model_validate(SMALL | parts)


def faults(**parts):
    with pytest.raises(ValidationError) as caught:
        build(**parts)
    return [fault.text for error in caught.value.errors() for fault in error.get("ctx", {}).get("faults", ())]


def test_a_small_document_gets_safe_defaults():
    pipeline = build()
    assert pipeline.target.connection == "default"
    assert pipeline.target.write == "append"
    assert pipeline.target.provenance is True
    assert pipeline.target.table == TableName("public", "orders")
    assert pipeline.source.format is None
    assert (pipeline.limits.timeout_minutes, pipeline.limits.max_record_mb) == (60, 64)
    assert (pipeline.parallel.batch_mb, pipeline.parallel.max_workers) == (32, 50)
    assert (pipeline.columns, pipeline.transforms, pipeline.rules, pipeline.triggers) == ({}, (), (), ())


def test_a_rule_rejects_records_and_fails_runs_unless_it_says_otherwise():
    rules = [{"check": "not_null", "columns": ["a"]}, {"check": "row_count", "min": 1}]
    assert [rule.severity for rule in build(rules=rules).rules] == ["reject", "fail"]


def test_the_parts_of_an_s3_uri_can_be_asked_for():
    source = build(source={"type": "s3", "uri": "s3://landing/in/*.csv"}).source
    assert (source.bucket, source.key) == ("landing", "in/*.csv")


def test_a_step_knows_its_word():
    steps = [
        {"trim": "*"},
        {"rename": {"a": "b"}},
        {"derive": {"c": "1"}},
        {"filter": "true"},
        {"sql": "select 1"},
    ]
    assert [step.step for step in build(transforms=steps).transforms] == [
        "trim",
        "rename",
        "derive",
        "filter",
        "sql",
    ]


def test_a_pipeline_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        build().name = "other"


def test_the_canonical_text_is_minimal_json_without_defaults():
    expected = (
        '{"name":"orders","source":{"path":"orders.csv","type":"file"},'
        '"target":{"table":"public.orders","type":"postgres"},"version":1}'
    )
    assert build().canonical() == expected
    assert build().digest() == sha256(expected.encode()).hexdigest()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"columns": {"a": "int8"}}, {"columns": {"a": {"type": "bigint", "required": False}}}),
        ({"columns": {"a": ColumnType("bigint")}}, {"columns": {"a": "BIGINT"}}),
        ({"limits": {"timeout_minutes": 60}}, {}),
        ({"description": None, "transforms": [], "rules": [], "triggers": []}, {}),
        ({"target": {"table": "public.orders", "write": "append", "type": "postgres"}}, {}),
        (
            {"source": {"type": "file", "path": "a.csv", "format": {"type": "csv", "header": True}}},
            {"source": {"type": "file", "path": "a.csv", "format": {"header": True}}},
        ),
        (
            {"transforms": [{"lookup": {"table": "o", "on": ["b", "a"], "columns": ["c"]}}]},
            {
                "transforms": [
                    {
                        "lookup": {
                            "table": "public.o",
                            "on": {"a": "a", "b": "b"},
                            "columns": {"c": "c"},
                            "missing": "keep",
                        }
                    }
                ]
            },
        ),
        (
            {"transforms": [{"rename": {"a": "x", "b": "y"}}]},
            {"transforms": [{"rename": {"b": "y", "a": "x"}}]},
        ),
    ],
)
def test_documents_that_mean_the_same_have_one_digest(one, other):
    assert build(**one).digest() == build(**other).digest()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            {"columns": {"a": "text", "b": "text"}},
            {"columns": {"b": "text", "a": "text"}},
        ),  # read by position
        ({"columns": {"a": "text"}}, {"columns": {"A": "text"}}),
        ({"transforms": [{"trim": "*"}, {"filter": "a"}]}, {"transforms": [{"filter": "a"}, {"trim": "*"}]}),
        ({"description": "a"}, {}),
        (
            {"source": {"type": "file", "path": "orders.csv", "format": {"nulls": []}}},
            {"source": {"type": "file", "path": "orders.csv"}},
        ),
        (
            {"rules": [{"check": "in", "column": "a", "values": [1]}]},
            {"rules": [{"check": "in", "column": "a", "values": ["1"]}]},
        ),
    ],
)
def test_documents_that_mean_different_things_have_different_digests(one, other):
    assert build(**one).digest() != build(**other).digest()


def test_the_canonical_text_read_again_is_the_same_pipeline():
    pipeline = build(
        source={
            "type": "s3",
            "uri": "s3://landing/é/*.csv",
            "format": {"delimiter": "\t", "nulls": ["", "NULL"]},
        },
        columns={"z": "int8", "a": {"type": "timestamptz", "timezone": "Europe/Paris", "format": "%Y-%m-%d"}},
        transforms=[{"trim": ["z"]}, {"derive": {"y": "z * 2", "x": "'\U0001f600 \u2028 \x7f'"}}],
        rules=[{"check": "in", "column": "z", "values": [1, 2.5, True, "no", "2024-01-01", 1e300]}],
        triggers=[{"type": "object"}],
    )
    again = parse_pipeline(pipeline.canonical())
    assert again == pipeline
    assert list(again.columns) == ["z", "a"]
    assert again.canonical() == pipeline.canonical()


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (
            {"columns": {"a": "text", "b": "text"}, "transforms": [{"rename": {"a": "b"}}]},
            '"a" is renamed to "b", which exists; choose another name',
        ),
        (
            {"transforms": [{"rename": {"a": "b"}}, {"rename": {"a": "c"}}]},
            '"a" was renamed by an earlier step; use its new name',
        ),
        (
            {"transforms": [{"rename": {"a": "c", "b": "c"}}]},
            '"a" and "b" are both renamed to "c"; choose two names',
        ),
        ({"transforms": [{"rename": {"a": "a"}}]}, '"a" is renamed to itself; remove it'),
        (
            {"transforms": [{"derive": {"b": "1"}}, {"rename": {"a": "b"}}]},
            '"a" is renamed to "b", which exists; choose another name',
        ),
        (
            {"columns": {"a": {"type": "date", "timezone": "UTC"}}},
            "date takes no timezone; only timestamptz does",
        ),
        (
            {"columns": {"a": {"type": "text", "format": "%Y"}}},
            "text takes no format; only date, time and timestamp types do",
        ),
        ({"rules": [{"check": "row_count"}]}, "row_count has neither min nor max; give at least one"),
        (
            {"rules": [{"check": "row_count", "min": 3, "max": 2}]},
            "min 3 is above max 2; no run can pass, swap them",
        ),
        (
            {"rules": [{"check": "row_count", "min": 1}, {"check": "row_count", "max": 9}]},
            "a second row_count rule; keep one",
        ),
        (
            {"rules": [{"check": "reject_ratio", "max": 0}, {"check": "reject_ratio", "max": 1}]},
            "a second reject_ratio rule; keep one",
        ),
        (
            {"source": {"type": "file", "path": "a", "format": {"delimiter": '"', "quote": '"'}}},
            'the delimiter and the quote are both "\\""; change one',
        ),
        (
            {"triggers": [{"type": "object"}]},
            "an object trigger needs an s3 source, this one is file; remove it",
        ),
        (
            {"columns": {f"c{i}": "text" for i in range(1598)}},
            "1,598 columns, PostgreSQL has room for 1,597 beside the provenance; declare fewer",
        ),
    ],
)
def test_a_combination_that_cannot_work_is_refused(parts, expected):
    assert faults(**parts) == [expected]


@pytest.mark.parametrize(
    "parts",
    [
        {"columns": {"a": "text", "b": "text"}, "transforms": [{"rename": {"a": "b", "b": "a"}}]},
        {"columns": {"a": "text", "A": "text"}},
        {"columns": {"a": "text"}, "transforms": [{"rename": {"a": "b"}}, {"rename": {"b": "a"}}]},
        {"columns": {"a": "text"}, "transforms": [{"sql": "select 1 as x"}, {"rename": {"x": "a"}}]},
        {"transforms": [{"rename": {"a": "b"}}, {"derive": {"a": "1"}}, {"rename": {"a": "c"}}]},
        {"columns": {f"c{i}": "text" for i in range(1597)}},
        {"rules": [{"check": "row_count", "min": 2, "max": 2}]},
        {"rules": [{"check": "not_null", "columns": ["a"]}, {"check": "not_null", "columns": ["a"]}]},
    ],
)
def test_a_combination_that_looks_odd_but_works_is_taken(parts):
    assert isinstance(build(**parts), Pipeline)


def test_without_provenance_there_is_room_for_1600_columns():
    target = SMALL["target"] | {"provenance": False}
    assert len(build(columns={f"c{i}": "text" for i in range(1600)}, target=target).columns) == 1600


def schema_objects(value):
    if isinstance(value, dict):
        yield value
        for each in value.values():
            yield from schema_objects(each)
    if isinstance(value, list):
        for each in value:
            yield from schema_objects(each)


def test_the_json_schema_names_its_draft_and_describes_every_key():
    schema = json_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert (schema["$id"], schema["title"]) == ("urn:etlplus:pipeline:1", "ETL Plus pipeline")
    assert json.loads(json.dumps(schema)) == schema
    keys = [
        (name, key)
        for part in schema_objects(schema)
        if isinstance(part.get("properties"), dict) and part.get("type") == "object"
        for name, key in part["properties"].items()
    ]
    assert len(keys) > 40
    assert [name for name, key in keys if not key.get("description")] == []


def test_every_model_refuses_unknown_keys_and_is_frozen():
    def models(model):
        for each in model.__subclasses__():
            yield each
            yield from models(each)

    assert all(m.model_config["extra"] == "forbid" and m.model_config["frozen"] for m in models(Model))


def test_what_is_planned_is_not_there_yet():
    assert PLANNED.isdisjoint(Pipeline.model_fields)
    assert PLANNED.isdisjoint(f"target.{key}" for key in Pipeline.model_fields["target"].annotation.model_fields)


@pytest.mark.parametrize(
    ("pattern", "key", "takes"),
    [
        ("orders/*.csv", "orders/a.csv", True),
        ("orders/*.csv", "orders/old/a.csv", False),
        ("orders/*.csv", "orders/a.csv.gz", False),
        ("orders/**.csv", "orders/old/a.csv", True),
        ("orders/a?.csv", "orders/a1.csv", True),
        ("orders/a?.csv", "orders/a/.csv", False),
        ("orders/[a].csv", "orders/a.csv", False),
        ("orders/[a].csv", "orders/[a].csv", True),
    ],
)
def test_wildcards_of_a_key_stand_within_a_folder_and_two_stars_across(pattern, key, takes):
    source = S3Source(type="s3", uri=f"s3://landing/{pattern}")
    assert (takes, False) == (source.takes("landing", key), source.takes("other", key))
    assert "orders/" == source.prefix[:7]


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ({"deduplicate": {"columns": ["a"], "order_by": ["b", "a"]}},
         '"a" is equal in all records that are one, so it orders nothing; remove it here'),
        ({"aggregate": {"by": ["a"], "take": {"a": "max(b)"}}},
         '"a" is a column of by, too; choose another name'),
        ({"pivot": {"by": ["a"], "column": "a", "values": {"x": "1"}, "take": "max(b)"}},
         '"a" becomes columns, it cannot group; remove it from by'),
        ({"pivot": {"by": ["a"], "column": "b", "values": {"a": "1"}, "take": "max(b)"}},
         '"a" is a column of by, too; choose another name'),
        ({"unpivot": {"columns": ["a"], "name": "n", "value": "n"}}, 'name and value are both "n"; choose two names'),
        (
            {"lookup": {"table": "o", "on": {"a": "k", "b": "k"}, "columns": ["n"]}},
            '"a" and "b" are both compared with "k"; keep one',
        ),
        ({"split": {"column": "a", "by": ",", "loose": True}},
         "loose says how parts fit into columns, and there is no into; remove it"),
        ({"split": {"column": "a", "by": ",", "into": ["b"]}},
         "one column takes no two parts; name two or more, or remove into"),
    ],
)  # fmt: skip
def test_a_step_that_cannot_work_is_refused(step, expected):
    assert faults(transforms=[step]) == [expected]
