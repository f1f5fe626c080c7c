"""The README's commands, run as they stand there."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]


def test_the_readme_is_short_and_starts_with_the_two_commands():
    assert len(README.splitlines()) <= 250
    assert COMMANDS[:2] == ["make run", "make test"]


@pytest.fixture
def project(tmp_path, new_database):
    """A folder with what the README's commands name, and an environment with a database of its own."""
    for name in (
        "samples",
        "Makefile",
        "chalicelib",
        "cli",
        "localcloud",
        ".venv",
        "requirements.txt",
        "pyproject.toml",
    ):
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copy(ROOT / "samples" / "orders.csv", tmp_path / "sales.csv")
    environment = {**os.environ, "DATABASE_URL": new_database(), "ETLPLUS_HOME": str(tmp_path / "home")}
    return tmp_path, environment


def test_every_command_does_what_the_readme_says(project):
    folder, environment = project
    for command in COMMANDS:
        if command == "make test":
            continue  # this very suite
        done = subprocess.run(command.split(), cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), command
        assert done.stdout
