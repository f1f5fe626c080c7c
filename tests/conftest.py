"""What every test may ask for: a real PostgreSQL for the session, and a fresh database for one test."""

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from chalicelib.postgres.connection import Dsn, connected
from localcloud.lease import lease

#: The one place that names the folder of data sets that nobody here wrote.
CORPORA = Path(os.environ.get("ETLPLUS_CORPORA", Path(__file__).parents[2] / "shared" / "corpora"))

_numbers = count(1)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a PostgreSQL of this session's own, without fsync."""
    major = os.environ.get("ETLPLUS_TEST_POSTGRES")
    with lease(tmp_path_factory.mktemp("home"), fast=True, major=int(major) if major else None) as held:
        yield held.dsn


@pytest.fixture
def new_database(server: str) -> Iterator[object]:
    """A function that makes one more empty database and returns its URL; all are dropped after the test."""
    made: list[str] = []

    def make() -> str:
        name = f"t{os.getpid()}_{next(_numbers)}"
        with connected(Dsn.parse(server)) as connection:
            connection.run(f"CREATE DATABASE {name} TEMPLATE template0")
        made.append(name)
        return server.rpartition("/")[0] + f"/{name}"

    yield make
    with connected(Dsn.parse(server)) as connection:
        for name in made:
            connection.run(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database(new_database) -> Dsn:
    """A fresh, empty database."""
    return Dsn.parse(new_database())


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of the corpora; tests that need it are skipped, and say so, where it does not exist."""
    if not CORPORA.is_dir():
        pytest.skip(f"no corpora at {CORPORA}; set ETLPLUS_CORPORA")
    return CORPORA
