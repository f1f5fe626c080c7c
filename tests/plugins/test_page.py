"""docs/plugins.md: its code is what ``plugin new`` writes, its document runs, its lists are whole."""

import re
from pathlib import Path

from making import pipeline
from plugging import plugs
from ruamel.yaml import YAML
from typer.main import get_command

from chalicelib.engine.plugins.arrow import ARROW
from chalicelib.engine.session import parser
from chalicelib.planning.checking import Checked, check
from cli.main import app
from cli.scaffold import files
from etlplus.testing import PROMISES

__all__ = ["plugs"]

PAGE = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text(encoding="utf-8")
MADE = files("shout")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_code_of_the_page_is_what_the_command_writes():
    module, test = blocks("python")
    assert MADE["etlplus_shout.py"] == module
    assert test in MADE["tests/test_etlplus_shout.py"]
    (entry,) = blocks("toml")
    assert entry in MADE["pyproject.toml"]


def test_the_document_of_the_page_is_one_and_finds_the_plugin_of_the_page(plugs):
    plugs.install("shout", blocks("python")[0])
    (text,) = blocks("yaml")
    steps = YAML(typ="safe").load(text)["transforms"]
    document = pipeline(columns={"note": "text"}, transforms=steps)
    with parser() as sql:
        assert Checked() == check(document, sql)


def test_the_commands_of_the_page_are_commands():
    (commands,) = blocks("bash")
    known = get_command(app).commands["plugin"].commands
    words = [line.split() for line in commands.splitlines() if "etlplus plugin" in line]
    assert ["new", "list"] == [each[2] for each in words if each[2] in known]


def test_every_promise_and_every_type_is_told():
    assert [promise.__name__ for promise in PROMISES] == re.findall(r"^\| `([a-z_]+)` \|", PAGE, re.MULTILINE)
    short = {"time without time zone": "time", "timestamp without time zone": "timestamp",
             "timestamp with time zone": "timestamptz"}  # fmt: skip
    listed = set(re.findall(r"\| ([a-z][a-z ]+) \| `", PAGE))
    assert {short.get(base, base) for base in ARROW} <= listed
