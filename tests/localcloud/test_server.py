"""A server in this process, without a supervisor: what a start makes, keeps, survives and refuses."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pg8000
import pytest
from observing import (
    AS_ROOT,
    connected,
    data_of,
    eventually,
    has_postmaster,
    is_gone,
    postmaster_of,
    query,
    settings_of,
)

from chalicelib.core.errors import Refused, Unreachable
from localcloud.binaries import find_binaries
from localcloud.cluster import existing_major
from localcloud.home import Home
from localcloud.server import Server

SERVE = """
import sys, pathlib
from localcloud.server import Server
Server(pathlib.Path(sys.argv[1])).start()
sys.stdin.read()
"""


def fast(home: Path, major: int = 18) -> Server:
    return Server(home, binaries=find_binaries(major), durable=False)


@pytest.fixture
def filled(home):
    """A home whose table t holds the number 7, written by a durable server that was stopped in order."""
    with Server(home) as server:
        query(server.dsn, "CREATE TABLE t AS SELECT 7 AS n")
    return home


@pytest.mark.parametrize("major", [18, 16])
def test_a_start_makes_the_cluster_and_the_next_one_finds_the_data_on_the_same_port(new_home, major):
    with fast(new_home, major) as server:
        first = server.dsn
        query(first, "CREATE TABLE t AS SELECT 'ä' AS letter")
        shown = settings_of(first, "server_version", "server_encoding", "password_encryption")
    with fast(new_home, major) as server:
        again = server.dsn
        rows = query(again, "SELECT letter FROM t")

    assert shown.pop("server_version").startswith(f"{major}.")
    assert shown == {"server_encoding": "UTF8", "password_encryption": "scram-sha-256"}
    assert rows == [["ä"]]
    assert again == first
    assert existing_major(Home(new_home)) == major


def test_by_default_nothing_committed_can_be_lost_and_the_settings_are_ours(new_home):
    with Server(new_home) as server:
        shown = settings_of(
            server.dsn, "fsync", "synchronous_commit", "full_page_writes", "listen_addresses",
            "unix_socket_directories", "shared_buffers", "max_wal_size", "max_connections", "TimeZone",
        )  # fmt: skip

    assert shown == {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "shared_buffers": "256MB",
        "max_wal_size": "2GB",
        "max_connections": "60",
        "TimeZone": "UTC",
    }


def test_the_home_keeps_its_secret(home):
    with fast(home) as server:
        password = (home / "postgres.password").read_text("ascii").strip()
        arguments = Path(f"/proc/{server.pid}/cmdline").read_bytes()
        with (
            pytest.raises(pg8000.exceptions.DatabaseError, match="28P01"),
            connected(server.dsn.replace(password, "wrong")),
        ):
            pass

    files = [path for path in home.iterdir() if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert stat.S_IMODE(data_of(home).parent.stat().st_mode) == 0o700
    assert len(password) >= 32
    assert password.encode() not in arguments
    assert password not in repr(server)
    assert password not in (home / "postgres.log").read_text("utf-8")


def test_without_durability_the_unsafe_settings_are_on(home):
    with fast(home) as server:
        shown = settings_of(server.dsn, "fsync", "synchronous_commit", "full_page_writes")

    assert set(shown.values()) == {"off"}


def test_another_major_is_refused_and_the_data_stay(new_home):
    with fast(new_home, 16) as server:
        query(server.dsn, "CREATE TABLE t AS SELECT 7 AS n")

    with pytest.raises(Refused, match=r"is of PostgreSQL 16, .* are of PostgreSQL 18.*data were not touched"):
        fast(new_home, 18).start()

    with fast(new_home, 16) as server:
        assert query(server.dsn, "SELECT n FROM t") == [[7]]


def test_a_killed_server_starts_again_with_all_that_was_committed(filled):
    server = Server(filled)
    server.start()
    query(server.dsn, "INSERT INTO t VALUES (8)")
    os.kill(server.pid, signal.SIGKILL)
    eventually(lambda: server.pid is None)
    with server:
        rows = query(server.dsn, "SELECT n FROM t ORDER BY n")

    assert rows == [[7], [8]]
    assert "redo starts at" in (filled / "postgres.log").read_text("utf-8")


def test_a_query_that_outlives_its_killed_server_does_not_prevent_the_start(home):
    server = fast(home)
    server.start()
    backend = []
    entered = threading.Event()

    def compute() -> None:
        with suppress(pg8000.exceptions.Error), connected(server.dsn) as connection:
            backend.extend(connection.run("SELECT pg_backend_pid()")[0])
            entered.set()
            connection.run("SELECT count(*) FROM generate_series(1, 1000000000000)")

    client = threading.Thread(target=compute)
    client.start()
    assert entered.wait(10)
    os.kill(server.pid, signal.SIGKILL)
    eventually(lambda: server.pid is None)

    with server:
        assert query(server.dsn, "SELECT 1") == [[1]]
        assert is_gone(backend[0])
    client.join(10)
    assert not client.is_alive()


def test_a_stale_pid_file_that_names_a_foreign_process_does_not_prevent_the_start(filled):
    account = {"user": "nobody", "group": data_of(filled).stat().st_gid, "extra_groups": []} if AS_ROOT else {}
    with subprocess.Popen(["sleep", "60"], **account) as stranger:
        pid_file = data_of(filled) / "postmaster.pid"
        pid_file.write_text(f"{stranger.pid}\n{data_of(filled)}\n1700000000\n5432\n\n127.0.0.1\n", "utf-8")
        shutil.copystat(data_of(filled) / "PG_VERSION", pid_file)
        os.chown(pid_file, data_of(filled).stat().st_uid, data_of(filled).stat().st_gid)
        with Server(filled) as server:
            rows = query(server.dsn, "SELECT n FROM t")
        untouched = stranger.poll() is None
        stranger.kill()

    assert rows == [[7]]
    assert untouched


def test_an_initdb_that_was_killed_leaves_nothing_in_the_way(new_home):
    with subprocess.Popen([sys.executable, "-c", SERVE, new_home], stdin=subprocess.PIPE) as maker:
        eventually(lambda: any((new_home / "postgres").glob("new-*/data/base")))
        maker.kill()
    assert not data_of(new_home).exists()

    for _ in range(2):
        with fast(new_home) as server:
            assert query(server.dsn, "SELECT 1") == [[1]]
    assert [path.name for path in (new_home / "postgres").iterdir()] == ["data"]


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux ends the children of the dead")
def test_the_server_dies_with_the_process_that_started_it(home):
    with subprocess.Popen([sys.executable, "-c", SERVE, home], stdin=subprocess.PIPE) as owner:
        eventually(lambda: has_postmaster(home))
        postmaster = postmaster_of(home)
        owner.kill()
        eventually(lambda: is_gone(postmaster))


def test_a_port_that_somebody_took_is_replaced_and_the_new_one_is_kept(filled):
    old = int((filled / "postgres.port").read_text("ascii"))
    with socket.create_server(("127.0.0.1", old)), Server(filled) as server:
        new = server.port
        rows = query(server.dsn, "SELECT n FROM t")

    assert rows == [[7]]
    assert new != old
    assert int((filled / "postgres.port").read_text("ascii")) == new


def test_a_server_that_does_not_start_quotes_its_log(filled):
    settings = data_of(filled) / "postgresql.conf"
    before = settings.read_text("utf-8")
    settings.write_text(before + "no_such_setting = 1\n", "utf-8")

    with pytest.raises(Unreachable, match=r"(?s)did not start.*no_such_setting"):
        Server(filled).start()

    settings.write_text(before, "utf-8")
    with Server(filled) as server:
        assert query(server.dsn, "SELECT n FROM t") == [[7]]


def test_a_cluster_is_served_by_one_process_only(home):
    with fast(home), pytest.raises(Refused, match="another process serves this cluster"):
        fast(home).start()


def test_a_lost_password_is_refused_and_the_data_stay(filled):
    kept = (filled / "postgres.password").rename(filled / "kept")

    with pytest.raises(Refused, match=r"postgres\.password is gone.*data were not touched"):
        Server(filled).start()

    kept.rename(filled / "postgres.password")
    with Server(filled) as server:
        assert query(server.dsn, "SELECT n FROM t") == [[7]]


def test_a_wrong_password_is_refused_and_the_data_stay(home):
    password = home / "postgres.password"
    right = password.read_text("ascii")
    password.write_text("wrong", "ascii")

    with pytest.raises(Refused, match=r"postgres\.password is not the one.*data were not touched"):
        fast(home).start()

    password.write_text(right, "ascii")
    with fast(home) as server:
        assert query(server.dsn, "SELECT 1") == [[1]]


def test_starting_from_another_thread_is_an_error_of_the_programmer(home):
    with ThreadPoolExecutor() as pool, pytest.raises(RuntimeError, match="main thread"):
        pool.submit(fast(home).start).result()


@pytest.mark.skipif(not AS_ROOT, reason="only root runs PostgreSQL as nobody")
def test_the_data_of_a_home_under_a_closed_folder_are_kept_outside_and_remembered(new_home):
    new_home.parent.chmod(0o700)
    try:
        for _ in range(2):
            with fast(new_home) as server:
                query(server.dsn, "CREATE TABLE IF NOT EXISTS t (n int)")
                query(server.dsn, "INSERT INTO t VALUES (7)")
                rows = query(server.dsn, "SELECT n FROM t")
        place = data_of(new_home).parent
        aside = place.rename(f"{place}.aside")
        with pytest.raises(Refused, match=r"is gone: put it back, or remove .*postgres\.place"):
            fast(new_home).start()
        aside.rename(place)
    finally:
        shutil.rmtree(data_of(new_home).parent)

    assert rows == [[7], [7]]
    assert not place.is_relative_to(new_home)
