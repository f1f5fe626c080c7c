"""A package that was begun with ``plugin new``: unedited it installs, keeps its promises, and works in a pipeline."""

import json
import subprocess
import sys

import pytest
from clouds import url_of
from making import environment, query
from typer.testing import CliRunner

from cli.exit_codes import Exit
from cli.main import app

DOCUMENT = """
version: 1
name: notes
source: {type: file, path: notes.csv}
columns: {id: bigint, note: text}
transforms:
  - plugin: {name: shout, options: {column: note, into: loud}}
target: {type: postgres, table: public.notes}
"""


def etlplus(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of a new package, and a folder into which pip installed it."""
    into = tmp_path_factory.mktemp("made")
    done = etlplus("plugin", "new", "shout", "--into", into, "-o", "json")
    folder = json.loads(done.stdout)["folder"]
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--no-build-isolation"]
    pip += ["--disable-pip-version-check", "--root-user-action=ignore", "--target", str(into / "site"), folder]
    subprocess.run(pip, check=True, capture_output=True, env=environment())
    return folder, into / "site"


@pytest.fixture
def python(made, tmp_path):
    """A function that runs a module in a process that has the package installed."""
    names = environment()

    def process(*arguments, **more):
        names["PYTHONPATH"] = f"{made[1]}:{environment()['PYTHONPATH']}"
        command = [sys.executable, "-m", *map(str, arguments)]
        return subprocess.run(
            command, env={**names, **more}, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
        )

    return process


def test_its_own_tests_pass_unedited(made, python):
    done = python("pytest", "-q", "-W", "error", "-p", "no:cacheprovider", made[0])
    assert (0, "9 passed") == (done.returncode, done.stdout.splitlines()[-1][:8]), done.stdout


def test_it_is_found_by_its_entry_point_and_a_pipeline_runs_with_it(python, database, tmp_path):
    (tmp_path / "notes.csv").write_text("id,note\n1,hello\n2,12\n3,\n")
    (tmp_path / "notes.yaml").write_text(DOCUMENT + "rules: [{check: reject_ratio, max: 0.5}]\n")
    names = {"ETLPLUS_HOME": str(tmp_path / "home"), "DATABASE_URL": url_of(database)}
    listed = python("cli", "plugin", "list", "-o", "json", **names)
    assert [{"name": "shout", "package": "etlplus-shout", "version": "0.1.0"}] == json.loads(listed.stdout)
    done = python("cli", "load", "notes.csv", "--pipeline", "notes.yaml", "-o", "json", **names)
    assert done.returncode == Exit.OK, done.stderr
    run = json.loads(done.stdout)
    assert (3, 2, 1) == (run["records_read"], run["records_loaded"], run["records_rejected"])
    assert ["shout: there is no letter"] == [each["message"] for each in run["rejected_by"]]
    assert [[1, "hello", "HELLO", 1], [3, None, None, 3]] == query(
        database, "SELECT id, note, loud, _etl_line FROM public.notes ORDER BY id"
    )


def test_a_name_that_cannot_be_or_a_folder_that_is_there_is_refused(tmp_path):
    refused = etlplus("plugin", "new", "Shout!", "--into", tmp_path)
    assert (Exit.NOT_ALLOWED, True) == (refused.exit_code, 'did you mean "shout"?' in refused.stderr)
    (tmp_path / "etlplus-shout").mkdir()
    again = etlplus("plugin", "new", "shout", "--into", tmp_path)
    assert (Exit.NOT_ALLOWED, True) == (again.exit_code, "name another folder with --into" in again.stderr)


@pytest.mark.parametrize("name", ["a", "9lives", "two_words", "two-words", "x-"])
def test_every_name_gives_a_module_that_can_be_read(tmp_path, name):
    folder = json.loads(etlplus("plugin", "new", name, "--into", tmp_path, "-o", "json").stdout)["folder"]
    (module,) = tmp_path.joinpath(folder).glob("*.py")
    assert module.stem.isidentifier()
    compile(module.read_text(), module, "exec")
    assert f'{name} = "{module.stem}:plugin"' in tmp_path.joinpath(folder, "pyproject.toml").read_text()
