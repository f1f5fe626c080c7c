"""What every test may ask for: a real PostgreSQL for the session, and a fresh database for one test."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from clouds import Cloud, cloud_on
from folders import open_folder

from chalicelib.aws.client import client
from chalicelib.bootstrap.cloud import cloud as wiring
from chalicelib.postgres.connection import Connection, Dsn, connected
from chalicelib.store.plane import Plane
from chalicelib.targets.postgres import PostgresTarget
from infra.machine import NAME as MACHINE
from localcloud.cloud.address import REGION, local_environment
from localcloud.cloud.resources import ACCOUNT, WORK
from localcloud.lease import lease

#: The one place that names the folder of data sets that nobody here wrote.
CORPORA = Path(os.environ.get("ETLPLUS_CORPORA", Path(__file__).parents[2] / "shared" / "corpora"))

_numbers = count(1)
#: The files that take longest, the longest first: they begin before all others, and no worker is left with one alone.
LONGEST = (
    "test_cloud_restart", "test_objects", "test_journey", "test_cloud_journey", "test_cloud_outage", "test_commands",
    "test_cloud", "test_server", "test_pool", "test_aws_server", "test_handlers", "test_once", "test_modes_model",
    "test_replace", "test_reader", "test_lease", "test_late", "test_announcements", "test_executions",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; ``make test`` keeps to this order of files."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a PostgreSQL of this session's own, without fsync."""
    major = os.environ.get("ETLPLUS_TEST_POSTGRES")
    with lease(tmp_path_factory.mktemp("home"), fast=True, major=int(major) if major else None) as held:
        yield held.dsn


@pytest.fixture(scope="session")
def admin(server: str) -> Iterator[Connection]:
    """The connection of this session that makes databases and drops them."""
    with connected(Dsn.parse(server)) as connection:
        yield connection


@pytest.fixture(scope="session")
def migrated(server: str, admin: Connection) -> str:
    """A database with our schemas and nothing in them, for others to be copies of: to migrate each takes longer."""
    admin.run("CREATE DATABASE migrated TEMPLATE template0")
    dsn = replace(Dsn.parse(server), database="migrated")
    plane, target = Plane(dsn), PostgresTarget(dsn)
    with plane.connected():
        target.prepare()
    plane.close()
    target.close()
    return dsn.database


@pytest.fixture
def new_database(server: str, admin: Connection) -> Iterator[Callable[..., str]]:
    """A function that makes one more empty database and returns its URL; all are dropped after the test."""
    made: list[str] = []

    def make(template: str = "template0") -> str:
        name = f"t{os.getpid()}_{next(_numbers)}"
        admin.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        made.append(name)
        return server.rpartition("/")[0] + f"/{name}"

    yield make
    for name in made:
        admin.run(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def empty_database(new_database: Callable[..., str]) -> Dsn:
    """A database that holds nothing at all, as ours are before their first use."""
    return Dsn.parse(new_database())


@pytest.fixture
def database(new_database: Callable[..., str], admin: Connection, migrated: str) -> Dsn:
    """A fresh database, whose only tables are our own, empty.

    The user is called as one of our schemas is, which would take the tables that tests make without naming a schema.
    """
    dsn = Dsn.parse(new_database(migrated))
    admin.run(f"ALTER DATABASE {dsn.database} SET search_path = public")
    return dsn


@pytest.fixture
def memory_path() -> Iterator[Path]:
    """A folder as ``tmp_path`` is, in memory where there is enough."""
    with open_folder() as folder:
        yield folder


@pytest.fixture
def plane(database) -> Iterator[Plane]:
    """A control plane in the test's database."""
    opened = Plane(database)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def cloud(server: str) -> Iterator[Cloud]:
    """The local cloud of this session, whose tests tell their pipelines apart by name."""
    name = f"cloud{os.getpid()}"
    with connected(Dsn.parse(server)) as connection:
        connection.run(f"CREATE DATABASE {name} TEMPLATE template0")
    database = Dsn.parse(server.rpartition("/")[0] + f"/{name}")
    with open_folder() as home, cloud_on(home, database) as running:
        yield running


@pytest.fixture
def in_process(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The environment of a Lambda of the session's cloud, in this process."""
    arn = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{MACHINE}"
    queue = cloud.client("sqs").get_queue_url(QueueName="etlplus-intake")["QueueUrl"]
    facts = {"WORK_BUCKET": WORK, "QUEUE_URL": queue, "STATE_MACHINE_ARN": arn, "MAX_WORKERS": "2"}
    for name, value in {**local_environment(cloud.endpoint), **cloud.settings.databases(), **facts}.items():
        monkeypatch.setenv(name, value)
    for cached in (wiring, client):
        cached.cache_clear()
    yield
    wiring().close()
    for cached in (wiring, client):
        cached.cache_clear()


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of the corpora; tests that need it are skipped, and say so, where it does not exist."""
    if not CORPORA.is_dir():
        pytest.skip(f"no corpora at {CORPORA}; set ETLPLUS_CORPORA")
    return CORPORA
