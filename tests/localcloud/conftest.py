"""Homes for real PostgreSQL servers. One initdb is shared by most tests, each on a copy of its own."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from observing import eventually

from localcloud.locks import is_held
from localcloud.server import Server

MEMORY = Path("/dev/shm")  # noqa: S108 - a home of a test is private inside it, and gone with the test


@contextmanager
def open_folder() -> Iterator[Path]:
    """A new folder that all may pass, in memory if there is enough: a cluster is a thousand files."""
    in_memory = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > 2_000_000_000
    with tempfile.TemporaryDirectory(prefix="etlplus-test-", dir=MEMORY if in_memory else None) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


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
