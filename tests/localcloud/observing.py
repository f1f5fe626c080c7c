"""What the tests of this folder ask of servers, processes and files."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pg8000.native

AS_ROOT = os.geteuid() == 0


@contextmanager
def connected(dsn: str) -> Iterator[pg8000.native.Connection]:
    to = urlsplit(dsn)
    with pg8000.native.Connection(
        to.username,
        host=to.hostname,
        port=to.port,
        database=to.path.lstrip("/"),
        password=to.password,
        timeout=10,
    ) as connection:
        yield connection


def query(dsn: str, sql: str) -> list[list]:
    with connected(dsn) as connection:
        return connection.run(sql)


def eventually(condition: Callable[[], bool], within_s: float = 10) -> None:
    """Wait, for a bounded time, until something that other processes do has happened."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def is_gone(pid: int) -> bool:
    """A process that ended, or that only waits for its parent to notice."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def data_of(home: Path) -> Path:
    remembered = home / "postgres.place"
    place = Path(remembered.read_text("utf-8").strip()) if remembered.exists() else home / "postgres"
    return place / "data"


def postmaster_of(home: Path) -> int:
    return int((data_of(home) / "postmaster.pid").read_text("utf-8").splitlines()[0])


def has_postmaster(home: Path) -> bool:
    file = data_of(home) / "postmaster.pid"
    return file.exists() and "\n" in file.read_text("utf-8")


def settings_of(dsn: str, *names: str) -> dict[str, str]:
    with connected(dsn) as connection:
        return {name: connection.run(f"SHOW {name}")[0][0] for name in names}
