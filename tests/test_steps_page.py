"""docs/steps.md: every example there is run, and gives what the page says."""

import csv
import json
import re
from io import StringIO
from pathlib import Path

import pytest
from making import Silent, pipeline, places, query
from plugging import plugs

from chalicelib.bootstrap.local import run_in_process
from chalicelib.core.document import parse_pipeline
from cli.scaffold import files

__all__ = ["plugs"]

PAGE = (Path(__file__).parents[1] / "docs" / "steps.md").read_text(encoding="utf-8")
SETUP = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
EXAMPLES = re.findall(r"```yaml\n(.*?)```\n```csv\n(.*?)```\n```csv\n(.*?)```", PAGE, re.DOTALL)
LENIENT = [{"check": "reject_ratio", "max": 0.9}]


def test_every_example_of_the_page_was_found():
    assert len(EXAMPLES) == PAGE.count("```yaml") == 17


@pytest.mark.parametrize(("step", "given", "expected"), EXAMPLES, ids=[step.split(":")[0] for step, _, _ in EXAMPLES])
def test_an_example_gives_what_the_page_says(database, tmp_path, plugs, step, given, expected):
    plugs.install("shout", files("shout")["etlplus_shout.py"])
    path = tmp_path / "f.csv"
    path.write_text(given)
    header, *rows = list(csv.reader(StringIO(given)))
    for statement in [each for each in "".join(SETUP).split(";") if step.startswith("lookup") and each.strip()]:
        query(database, statement)
    kinds = {"n": "text", "at": "date", "id": "bigint", "jan": "bigint", "feb": "bigint"}
    columns = {name: kinds.get(name, "text") for name in header}
    frame = pipeline(path, columns=columns, rules=LENIENT).plain() | {"transforms": []}
    text = "".join(f"{key}: {json.dumps(value)}\n" for key, value in frame.items() if key != "transforms")
    document = parse_pipeline(f"{text}transforms:\n  - {step}")
    run = run_in_process(document, places(database, database, tmp_path), Silent())
    assert run.status == "succeeded", run.failure
    names, *wanted = list(csv.reader(StringIO(expected)))
    listed = ", ".join(f'"{name}"::text' for name in names)
    found = query(database, f"SELECT {listed} FROM public.t")
    assert sorted(wanted) == sorted(["" if value is None else value for value in row] for row in found)
    assert run.counts.read == len(rows)
