"""Plugins for tests, installed as pip leaves them: a module, and beside it what tells of its entry points."""

import importlib
import sys
from pathlib import Path

import pytest

HEAD = """
import pyarrow as pa
import pyarrow.compute as pc
from etlplus.plugins import Declaration, Made, Options, Plugin
"""
#: Writes a text in capitals; rejects what has no letters.
SHOUT = """
class Shouting(Options):
    column: str
    into: str = "shouted"

def declare(options):
    if options.column == options.into == "x":
        raise ValueError("column and into are both x; choose another name")
    return Declaration(reads={options.column: "text"}, adds={options.into: "text"}, reasons=("nothing to shout",))

def make(options, records):
    text = records.column(0)
    loud = pc.utf8_upper(text)
    silent = pc.fill_null(pc.equal(loud, text), False).to_pylist()
    return Made(columns={options.into: loud}, rejected={i: "nothing to shout" for i, no in enumerate(silent) if no})

plugin = Plugin(options=Shouting, declare=declare, make=make)
"""


def plugin_code(make: str, reads: str = '{"a": "text"}', adds: str = '{"b": "text"}', declare: str = "") -> str:
    """The code of a plugin without options, whose ``make`` is this body over ``records``; ``a`` is the first column."""
    body = "\n    ".join(make.splitlines())
    first = "records.column(0).to_pylist() if records.num_columns else []"
    return f"""
def declare(options):
    {declare}
    return Declaration(reads={reads}, adds={adds}, reasons=("bad",))

def make(options, records):
    a = {first}
    {body}

plugin = Plugin(options=Options, declare=declare, make=make)
"""


class Plugs:
    """A folder on Python's path where plugins are installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.modules: list[str] = []

    def install(self, name: str, code: str, version: str = "1.0", package: str | None = None) -> str:
        """Install a plugin, or another version of it; return its module's name."""
        package = package or f"etlplus-{name}"
        module = package.replace("-", "_")
        self.folder.joinpath(f"{module}.py").write_text(HEAD + code)
        for old in self.folder.glob(f"{module}-*.dist-info"):
            old.rename(old.with_name(f"{module}-{version}.dist-info"))
        info = self.folder / f"{module}-{version}.dist-info"
        info.mkdir(exist_ok=True)
        info.joinpath("METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
        info.joinpath("entry_points.txt").write_text(f"[etlplus.steps]\n{name} = {module}:plugin\n")
        self.forget()
        self.modules.append(module)
        return module

    def upgrade(self, name: str, version: str) -> None:
        """Install another version, under a process that goes on with what it has imported."""
        (info,) = self.folder.glob(f"etlplus_{name}-*.dist-info")
        info.joinpath("METADATA").write_text(f"Metadata-Version: 2.1\nName: etlplus-{name}\nVersion: {version}\n")
        info.rename(info.with_name(f"etlplus_{name}-{version}.dist-info"))

    def forget(self) -> None:
        """Let what was imported be imported anew, as in another process."""
        for module in self.modules:
            sys.modules.pop(module, None)
        importlib.invalidate_caches()


@pytest.fixture
def plugs(tmp_path, monkeypatch):
    """An empty folder of plugins on Python's path."""
    folder = tmp_path / "plugs"
    folder.mkdir()
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # a module that is written twice in a second is read twice
    monkeypatch.syspath_prepend(folder)
    made = Plugs(folder)
    yield made
    made.forget()
