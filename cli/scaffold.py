"""``etlplus plugin new``: a package that is a plugin as it is written, with its tests, to be changed from there."""

import re
from collections.abc import Mapping
from pathlib import Path

from chalicelib.core.errors import Refused
from chalicelib.core.pipeline.base import slug

_PROJECT = """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "PACKAGE"
version = "0.1.0"
description = "A step for ETL Plus: NAME."
requires-python = ">=3.11"
# ETL Plus, pyarrow and pydantic are what a plugin is installed into: list only what it needs besides.
dependencies = []

[project.entry-points."etlplus.steps"]
NAME = "MODULE:plugin"

[tool.setuptools]
py-modules = ["MODULE"]
"""

_MODULE = '''\
"""The step NAME: text in capitals, in a column of its own. Records without a letter are rejects."""

import pyarrow as pa
import pyarrow.compute as pc

from etlplus.plugins import Declaration, Made, Options, Plugin

NO_LETTER = "there is no letter"


class StepOptions(Options):
    """What a document writes under options."""

    column: str
    into: str = "capitals"


def declare(options: StepOptions) -> Declaration:
    """The columns that are read and added, with their types, and all reasons to reject a record."""
    return Declaration(reads={options.column: "text"}, adds={options.into: "text"}, reasons=(NO_LETTER,))


def make(options: StepOptions, records: pa.RecordBatch) -> Made:
    """The added columns of a batch, and the records to reject; null stays null."""
    text = records.column(0)
    capitals = pc.utf8_upper(text)
    bare = pc.equal(capitals, pc.utf8_lower(text)).to_pylist()
    rejected = {place: NO_LETTER for place, has_none in enumerate(bare) if has_none}
    return Made(columns={options.into: capitals}, rejected=rejected)


plugin = Plugin(options=StepOptions, declare=declare, make=make)
'''

_TEST = '''\
"""The plugin, as it is installed, keeps what every plugin promises, and does what it is for."""

import pytest

from etlplus.testing import PROMISES, Case, outcomes

CASE = Case(
    plugin="NAME",
    options={"column": "text"},
    records=[{"text": "hello"}, {"text": "12"}, {"text": None}],
)


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_the_plugin_keeps_its_promises(promise):
    promise(CASE)


def test_text_is_in_capitals_and_text_without_letters_is_a_reject():
    assert outcomes(CASE) == [
        ({"capitals": "HELLO"}, None),
        ({"capitals": "12"}, "there is no letter"),
        ({"capitals": None}, None),
    ]
'''

_README = """\
# PACKAGE

A step for [ETL Plus] pipelines.

```yaml
transforms:
  - plugin: {name: NAME, options: {column: note}}
```

| option | means |
|---|---|
| `column` | the text column to read |
| `into` | the column to add; `capitals` if not given |

Install it where etlplus runs, then test it: `python -m pip install -e . && python -m pytest`

[ETL Plus]: see docs/plugins.md of its repository
"""


def files(name: str) -> Mapping[str, str]:
    """The files of the package of a plugin, by their paths in its folder.

    Raises:
        Refused: if a plugin cannot have that name.
    """
    wrong = ""
    try:
        slug(name)
    except ValueError as error:
        wrong = str(error)
    if wrong:
        raise Refused(wrong)
    package = _package(name)
    module = re.sub(r"[^a-z0-9]", "_", package)
    words = {"PACKAGE": package, "MODULE": module}
    texts = {
        "pyproject.toml": _PROJECT,
        f"{module}.py": _MODULE,
        f"tests/test_{module}.py": _TEST,
        "README.md": _README,
    }
    given = words | {"NAME": name}
    return {path: re.sub("|".join(given), lambda found: given[found[0]], text) for path, text in texts.items()}


def _package(name: str) -> str:
    return f"etlplus-{name.replace('_', '-').strip('-')}"


def write(name: str, into: Path) -> Path:
    """Write the package of a new plugin into a folder of its own in ``into``; return that folder.

    Raises:
        Refused: if the folder is there, or cannot be written.
    """
    made = files(name)
    folder = into / _package(name)
    try:
        folder.mkdir(parents=True)
        for path, text in made.items():
            folder.joinpath(path).parent.mkdir(exist_ok=True)
            folder.joinpath(path).write_text(text, encoding="utf-8")
    except FileExistsError:
        wrong = f"{folder} exists; remove it, or name another folder with --into"
    except OSError as error:
        wrong = f"{folder} cannot be written: {error.strerror}; name another folder with --into"
    else:
        return folder
    raise Refused(wrong)
