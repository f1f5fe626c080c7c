"""The README's commands, run as they stand there."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from localcloud.cloud.address import Address

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]


def test_the_readme_is_short_and_starts_with_the_two_commands():
    assert len(README.splitlines()) <= 250
    assert COMMANDS[:2] == ["make run", "make test"]


@pytest.fixture
def project(tmp_path, new_database):
    """A folder with what the README's commands name, and an environment with a database and a home of its own."""
    for name in (".venv", "events", "samples"):
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copy(ROOT / "samples" / "orders.csv", tmp_path / "sales.csv")
    home = tmp_path / "home"
    yield tmp_path, {**os.environ, "DATABASE_URL": new_database(), "ETLPLUS_HOME": str(home)}
    address = Address.read(home)
    assert address is None, "the README leaves a cloud running"


def test_every_command_does_what_the_readme_says(project):
    folder, environment = project
    for command in COMMANDS:
        if command in ("make run", "make test"):
            continue  # make run is below; make test is this very suite
        done = subprocess.run(command.split(), cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), command


def test_make_run_shows_what_the_readme_shows_and_a_second_run_loads_nothing_again(project):
    _, environment = project
    shown = re.search(r"```\n(orders.csv landed.*?)```", README, re.DOTALL)[1].splitlines()
    first, second = (
        subprocess.run(
            ["make", "run", "ONCE=1"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        for _ in range(2)
    )
    assert [(0, "")] * 2 == [(done.returncode, done.stderr) for done in (first, second)]
    seen = re.sub(r"in [0-9.]+ s", "in 1.2 s", first.stdout)
    assert [line for line in shown if line not in seen] == []
    assert "the first rows of shop.orders" in first.stdout
    assert ("orders.csv is in", True) == (
        second.stdout.split("\n\n")[1][:16],
        shown[-1] in second.stdout,
    )
