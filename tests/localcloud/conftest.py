"""Homes for real PostgreSQL servers. One initdb is shared by most tests, each on a copy of its own."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from folders import open_folder
from observing import eventually

from localcloud.locks import is_held
from localcloud.server import Server


@pytest.fixture(scope="session")
def made_once() -> Iterator[Path]:
    """A home with an empty cluster, not served."""
    with open_folder() as folder:
        with Server(folder / "home", durable=False):
            pass
        yield folder / "home"


@pytest.fixture
def new_home() -> Iterator[Path]:
    """A home that does not exist yet; nothing may serve it at the end."""
    with open_folder() as folder:
        path = folder / "my höme"
        yield path
        if (path / "supervisor.lock").exists():
            eventually(lambda: not is_held(path / "supervisor.lock"))


@pytest.fixture
def home(new_home, made_once) -> Path:
    """A home with an empty cluster, not served; shutil forgets the owner of a file, cp does not."""
    subprocess.run(["cp", "-a", made_once, new_home], check=True)
    (new_home / "postgres.log").unlink()
    return new_home
