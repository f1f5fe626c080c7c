"""Clients, their supervisor and the server, each killed in turn."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from observing import AS_ROOT, data_of, eventually, is_gone, postmaster_of, query, settings_of

from chalicelib.core.errors import Refused, Unreachable
from localcloud.lease import lease
from localcloud.locks import FileLock, is_held
from localcloud.supervisor import POLL_S

CLIENT = """
import sys, pathlib
from localcloud.lease import lease
with lease(pathlib.Path(sys.argv[1]), fast="fast" in sys.argv) as held:
    print(held.dsn, ",".join(sorted({"pg8000", "subprocess"} & set(sys.modules))), sep="|", flush=True)
    sys.stdin.read()
"""


@contextmanager
def client(home: Path, *words: str, under: tuple[str, ...] = ()) -> Iterator[subprocess.Popen]:
    """A client in a process of its own; it holds its lease until its standard input ends."""
    command = [*under, sys.executable, "-c", CLIENT, str(home), *(words or ("fast",))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process


def dsn_of(process: subprocess.Popen) -> str:
    return process.stdout.readline().split("|")[0]


def supervisor_of(home: Path) -> int:
    return json.loads((home / "postgres.json").read_text("utf-8"))["pid"]


def is_served(home: Path) -> bool:
    return is_held(home / "supervisor.lock")


def test_a_lease_gives_the_database_and_the_server_ends_with_the_last_one(new_home):
    with lease(new_home) as first, lease(new_home) as second:
        rows = query(second.dsn, "SELECT current_user, current_database()")
        shown = settings_of(first.dsn, "fsync")
        postmaster = postmaster_of(new_home)
    eventually(lambda: not is_served(new_home))

    assert rows == [["etl", "etlplus"]]
    assert shown == {"fsync": "on"}
    assert first == second
    assert is_gone(postmaster)
    assert not (new_home / "postgres.json").exists()


def test_no_secret_is_in_an_argument_a_log_or_a_representation(home):
    with lease(home, fast=True) as held:
        password = (home / "postgres.password").read_text("ascii").strip()
        pids = (supervisor_of(home), postmaster_of(home))
        shown = [Path(f"/proc/{pid}/{file}").read_text() for pid in pids for file in ("cmdline", "environ")]
        shown += [(home / name).read_text("utf-8") for name in ("supervisor.log", "postgres.log", "postgres.json")]
        shown += [repr(held), str(held)]
        address = held.dsn

    assert address == f"postgresql://etl:{password}@127.0.0.1:{held.port}/etlplus"
    assert not [text for text in shown if password in text]


def test_who_joins_loads_neither_the_driver_nor_the_means_to_start(home):
    with lease(home, fast=True), client(home) as joining:
        loaded = joining.stdout.readline().strip().split("|")[1]
        joining.stdin.close()

    assert loaded == ""


def test_clients_that_start_at_the_same_moment_share_one_server(new_home):
    with client(new_home) as one, client(new_home) as two, client(new_home) as three:
        addresses = {dsn_of(process) for process in (one, two, three)}
        answer = query(addresses.pop(), "SELECT 1")
        for process in (one, two, three):
            process.stdin.close()

    assert answer == [[1]]
    assert not addresses
    eventually(lambda: not is_served(new_home))
    log = (new_home / "supervisor.log").read_text("utf-8")
    assert log.count("answers on port") == 1


def test_a_client_that_comes_while_the_server_stops_waits_and_gets_a_new_one(home):
    for number in range(5):
        with lease(home, fast=True) as held:
            query(held.dsn, f"CREATE TABLE t{number} (n int)")
            supervisor = supervisor_of(home)
        eventually(lambda supervisor=supervisor: is_stopping(home, supervisor))


def is_stopping(home: Path, supervisor: int) -> bool:
    """The supervisor has decided to stop, and perhaps has stopped already."""
    with FileLock(home / "clients.lock") as lock:
        return not lock.try_shared() or is_gone(supervisor)


def test_a_client_waits_for_as_long_as_the_supervisor_holds_the_clients_lock(home):
    with FileLock(home / "clients.lock") as stopping:
        assert stopping.try_exclusive()
        with client(home) as waiting:
            eventually(lambda: has_open(waiting.pid, home / "clients.lock"))
            served_meanwhile = is_served(home)
            stopping.close()
            answer = query(dsn_of(waiting), "SELECT 1")
            waiting.stdin.close()

    assert not served_meanwhile
    assert answer == [[1]]


def has_open(pid: int, file: Path) -> bool:
    return any(handle.resolve() == file.resolve() for handle in Path(f"/proc/{pid}/fd").iterdir())


def test_a_killed_client_gives_its_lease_back(home):
    with client(home) as killed:
        dsn_of(killed)
        postmaster = postmaster_of(home)
        killed.kill()
    eventually(lambda: not is_served(home))

    assert is_gone(postmaster)


def test_a_killed_supervisor_takes_the_server_along_and_the_next_lease_finds_all_data(home):
    with lease(home) as first:
        query(first.dsn, "CREATE TABLE t AS SELECT 7 AS n")
        supervisor, postmaster = supervisor_of(home), postmaster_of(home)
        os.kill(supervisor, signal.SIGKILL)
        eventually(lambda: is_gone(postmaster))
        with lease(home) as second:
            rows = query(second.dsn, "SELECT n FROM t")
            successor = supervisor_of(home)

    assert rows == [[7]]
    assert successor != supervisor
    assert second == first


def test_a_killed_server_is_started_again_by_the_supervisor_at_the_same_address(home):
    with lease(home) as held:
        query(held.dsn, "CREATE TABLE t AS SELECT 7 AS n")
        supervisor, postmaster = supervisor_of(home), postmaster_of(home)
        os.kill(postmaster, signal.SIGKILL)
        log = home / "supervisor.log"
        eventually(lambda: log.read_text("utf-8").count("answers on port") == 2)
        rows = query(held.dsn, "SELECT n FROM t")
        with lease(home) as later:
            pass
        same = supervisor_of(home) == supervisor

    assert rows == [[7]]
    assert later == held
    assert same


def test_a_server_that_dies_again_and_again_ends_the_supervisor(home):
    with lease(home, fast=True):
        log = home / "supervisor.log"
        for death in range(1, 7):
            eventually(lambda death=death: log.read_text("utf-8").count("answers on port") == death)
            os.kill(postmaster_of(home), signal.SIGKILL)
        eventually(lambda: not is_served(home))

    assert "died 6 times within 60 s" in log.read_text("utf-8")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_supervisor_and_server_in_order(home, number):
    with lease(home, fast=True):
        postmaster = postmaster_of(home)
        os.kill(supervisor_of(home), number)
        eventually(lambda: not is_served(home))

    assert is_gone(postmaster)
    assert not (home / "postgres.json").exists()
    assert "database system is shut down" in (home / "postgres.log").read_text("utf-8")


def test_a_second_supervisor_leaves_quietly(home):
    command = [sys.executable, "-m", "localcloud.supervisor", str(home), "--fast"]
    with lease(home, fast=True):
        second = subprocess.run(command, capture_output=True, timeout=10, check=False)

    assert (second.returncode, second.stdout, second.stderr) == (0, b"", b"")


def test_a_supervisor_in_the_foreground_without_clients_starts_and_leaves(home):
    command = [sys.executable, "-m", "localcloud.supervisor", str(home), "--fast"]
    ended = subprocess.run(command, capture_output=True, timeout=20, check=False)

    assert ended.returncode == 0
    assert b"answers on port" in ended.stderr


def test_an_existing_cluster_decides_its_version_and_another_is_refused(new_home):
    with lease(new_home, fast=True, major=16) as held:
        assert held.major == 16
        with (
            pytest.raises(Refused, match="served by PostgreSQL 16, not 18"),
            lease(new_home, fast=True, major=18),
        ):
            pass
    eventually(lambda: not is_served(new_home))
    with pytest.raises(Refused, match="data were not touched"), lease(new_home, fast=True, major=18):
        pass
    with lease(new_home, fast=True) as held:
        assert held.major == 16


def test_a_start_that_fails_is_told_to_the_client_with_the_log(home):
    with lease(home, fast=True):
        settings = data_of(home) / "postgresql.conf"
    eventually(lambda: not is_served(home))
    settings.write_text(settings.read_text("utf-8") + "no_such_setting = 1\n", "utf-8")

    with pytest.raises(Unreachable, match=r"(?s)did not start.*no_such_setting"), lease(home, fast=True):
        pass


def test_a_client_that_needs_its_data_safe_does_not_join_a_fast_server(home):
    with lease(home, fast=True), pytest.raises(Refused, match="may lose data"), lease(home):
        pass


@pytest.mark.skipif(not (AS_ROOT and shutil.which("setpriv")), reason="root turns into another user by setpriv")
def test_another_user_than_root_runs_the_server_as_itself(new_home):
    """The capability opens, for reading only, the closed folder under which this Python may be installed."""
    new_home.mkdir()
    os.chown(new_home, 65534, 65534)
    caps = "-all,+dac_read_search"
    user = (
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        f"--inh-caps={caps}",
        f"--ambient-caps={caps}",
    )
    with client(new_home, "fast", under=user) as plain:
        dsn = dsn_of(plain)
        rows = query(dsn, "SELECT current_user")
        owners = {path.stat().st_uid for path in (new_home / "postgres.json", new_home / "postgres" / "data")}
        servers = {Path(f"/proc/{pid}").stat().st_uid for pid in (supervisor_of(new_home), postmaster_of(new_home))}
        plain.stdin.close()
    eventually(lambda: not is_served(new_home))

    assert rows == [["etl"]]
    assert owners == servers == {65534}


def test_a_kept_server_stays_without_a_client_until_its_time_is_over(home):
    with lease(home, fast=True, keep_s=600) as held:
        port = held.port
    time.sleep(3 * POLL_S)  # that nothing happens can only be seen in time: three looks of the supervisor
    assert is_held(home / "supervisor.lock")
    with lease(home, fast=True) as again:
        assert port == again.port
        os.utime(home / "kept", (0, 0))
    eventually(lambda: not is_held(home / "supervisor.lock"))
