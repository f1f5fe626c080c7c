"""docs/contract.md is true: each of its examples is carried out on a real table."""

import csv
import re
from pathlib import Path

import pytest
from making import load, pipeline, places, query
from ruamel.yaml import YAML

from chalicelib.bootstrap.local import run_log
from chalicelib.core.pipeline import Contract
from chalicelib.core.table import TableName
from chalicelib.targets.postgres import PostgresTarget

PAGE = (Path(__file__).parents[2] / "docs" / "contract.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```example\n(.*?)```", PAGE, re.DOTALL)
TABLE = """
SELECT concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), CASE WHEN attnotnull THEN 'not null' END)
FROM pg_attribute a WHERE attrelid = 'public.t'::regclass AND attnum > 0 AND attname NOT LIKE '\\_etl\\_%'
AND NOT attisdropped ORDER BY attnum"""


def parts(example: str) -> dict[str, list[str]]:
    sections = re.split(r"^-- (.+)\n", example, flags=re.MULTILINE)[1:]
    return {name: text.splitlines() for name, text in zip(sections[::2], sections[1::2], strict=True)}


def rows_of(lines: list[str]) -> list[list[str | None]]:
    return [[value or None for value in row] for row in csv.reader(lines)]


def test_every_word_of_every_key_has_an_example():
    shown = {tuple(parts(example)["contract"][0].split(": ")) for example in EXAMPLES}
    schema = Contract.model_json_schema()["properties"]
    assert {(key, word) for key, each in schema.items() for word in each["enum"]} == shown


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.splitlines()[1])
def test_an_example_of_the_page_is_true(example, database, tmp_path):
    given = parts(example)
    columns = next(csv.reader(given["table before"]))
    query(database, f"CREATE TABLE public.t ({', '.join(columns)})")
    for row in rows_of(given["table before"][1:]):
        query(database, "INSERT INTO public.t VALUES (" + ", ".join(f"'{v}'" if v else "NULL" for v in row) + ")")
    path = tmp_path / "f.csv"
    path.write_text("\n".join(given["file"]) + "\n")
    contract = YAML(typ="safe").load("\n".join(given["contract"]))
    target = {"type": "postgres", "table": "public.t", "contract": contract}
    where = places(database, database, tmp_path)
    run = load(pipeline(path, target=target), where)

    assert next(csv.reader(given["table after"])) == [row[0] for row in query(database, TABLE)]
    texts = ", ".join(f'"{column.split()[0]}"::text' for column in next(csv.reader(given["table after"])))
    assert rows_of(given["table after"][1:]) == query(database, f"SELECT {texts} FROM public.t ORDER BY id")
    status, _, told = given["outcome"][0].partition(": ")
    assert status == run.status, run.failure
    with run_log(where.control) as log:
        reasons = [f"{r.rule}: {r.message}" for each in log.rejects(run.run_id, limit=9) for r in each.reasons]
        events = {action: message for _, action, message in log.events(run.run_id)}
    if status == "held":
        assert told in run.failure.message
        assert any(run.failure.message in message for message in events.values())
        assert given["outcome"][1:] == [
            line for line in run.failure.message.splitlines() if line[:2] in ("+ ", "- ", "~ ")
        ]
        return
    counts = f"read {run.counts.read}, loaded {run.counts.loaded}, rejected {run.counts.rejected}"
    assert (told, given["outcome"][1:]) == (counts, reasons)
    assert events["drift_found"][:2] in ("+ ", "- ", "~ ")
    postgres = PostgresTarget(database)
    assert run.table_hash == str(postgres.full_hash(TableName("public", "t")))
    postgres.close()
