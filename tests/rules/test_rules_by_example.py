"""docs/rules.md: every example in it is carried out, and says what is written there."""

import re
from pathlib import Path

import pytest
from making import load, places, query

from chalicelib.bootstrap.local import run_log
from chalicelib.core.document import parse_pipeline
from chalicelib.core.pipeline.rules import Rule
from chalicelib.core.run import Run

TEXT = (Path(__file__).parents[2] / "docs" / "rules.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^### (.*?):.*?\n(.*?)(?=^##|\Z)", TEXT, re.M | re.S))


def blocks(body: str) -> dict[str, str]:
    return dict(re.findall(r"^```(\w+)\n(.*?)^```", body, re.M | re.S))


def test_every_rule_has_an_example():
    words = [word for title in SECTIONS for word in title.split(" and ")]
    kinds = Rule.__origin__.__args__
    assert sorted(kind.model_fields["check"].annotation.__args__[0] for kind in kinds) == sorted(words)


@pytest.mark.parametrize("title", SECTIONS)
def test_an_example_says_what_its_run_says(title, database, tmp_path):
    example = blocks(SECTIONS[title])
    for statement in filter(None, example.get("sql", "").split(";")):
        query(database, statement)
    (tmp_path / "f.csv").write_text(example["csv"], encoding="utf-8")
    source = f"{{type: file, path: '{tmp_path / 'f.csv'}'}}"
    head = f"version: 1\nname: test\nsource: {source}\ntarget: {{type: postgres, table: t}}\n"
    document = parse_pipeline(head + example["yaml"])
    where = places(database, database, tmp_path)
    run = load(document, where)
    with run_log(where.control) as log:
        rejects = log.rejects(run.run_id, limit=9)
        warned = [told for _, action, told in log.events(run.run_id) if action == "rule_broken"]
    said = [first_line(run), *(f"warned: {each.removeprefix('test: ')}" for each in warned)]
    said += [f"record {each.record}: {'; '.join(reason.message for reason in each.reasons)}" for each in rejects]
    assert [*said, *(f"{key}: {count}" for key, count in sorted(run.broken.items()))] == example["text"].splitlines()


def first_line(run: Run) -> str:
    if run.failure:
        return f"{run.status}: {run.failure.message.removeprefix('test: ').removesuffix('; nothing was published')}"
    return f"{run.status}: {run.counts.loaded} loaded, {run.counts.rejected} rejected"
