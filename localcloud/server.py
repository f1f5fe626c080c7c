"""The server: one PostgreSQL process on 127.0.0.1, from start until it answers, to its stop."""

import atexit
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from chalicelib.core.errors import Refused, Unreachable
from localcloud.binaries import Binaries, find_binaries
from localcloud.children import ENVIRONMENT, die_with_parent
from localcloud.cluster import Cluster
from localcloud.home import DATABASE, USER, Home, bound_log, open_log, tail, write_private
from localcloud.locks import FileLock

START_TIMEOUT_S = 120  #: replaying the log after a crash takes its time
STOP_TIMEOUT_S = 60
LOG_LIMIT_BYTES = 8_000_000
_START_ATTEMPTS = 3

_SETTINGS = (
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=60",
    "shared_buffers=256MB",
    "max_wal_size=2GB",
    "timezone=UTC",
    "log_timezone=UTC",
)
_FAST_SETTINGS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class Server:
    """PostgreSQL for one home. Start it from the main thread: on Linux it dies with the thread that did.

    Args:
        home: The folder that remembers everything; it is created.
        binaries: The programs to run; by default what ``find_binaries`` prefers.
        durable: False trades the safety of the data at a power cut for speed: for tests.
    """

    def __init__(self, home: Path, *, binaries: Binaries | None = None, durable: bool = True) -> None:
        self.home = Home.at(home)
        self.binaries = binaries or find_binaries()
        self.durable = durable
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._claim: FileLock | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def dsn(self) -> str:
        """The address of the database, password included: never log it."""
        return self.home.dsn(self.port)

    @property
    def pid(self) -> int | None:
        """The process id of the running server, else None."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self) -> None:
        """Make the cluster if there is none, start the server, return when it answers; also after a crash.

        Raises:
            Refused: the cluster does not fit these programs or this account, or another process serves it.
            Unreachable: the server ended or does not answer in time; the message quotes its log.
        """
        if self.pid is not None:
            return
        cluster = Cluster(self.home, self.binaries, durable=self.durable)
        self._claim = self._claim or cluster.claim()
        try:
            cluster.prepare()
            self._start_on_a_free_port(cluster)
            self._greet()
        except BaseException:
            self.stop()
            raise
        if sys.platform != "linux":
            atexit.register(self.stop)

    def stop(self) -> None:
        """Stop the server in order: sessions end, the data are written. Stopping twice is harmless."""
        process, self._process = self._process, None
        if process is not None:
            for kind, timeout_s in (
                (signal.SIGINT, STOP_TIMEOUT_S),
                (signal.SIGQUIT, 10),
                (signal.SIGKILL, 10),
            ):
                process.send_signal(kind)
                try:
                    process.wait(timeout_s)
                    break
                except subprocess.TimeoutExpired:
                    continue
        if self._claim is not None:
            self._claim.close()
            self._claim = None
        atexit.unregister(self.stop)

    def bound_log(self) -> None:
        """Keep the server's log within its limit; cheap enough to be called often."""
        bound_log(self.home.server_log, LOG_LIMIT_BYTES)

    def _start_on_a_free_port(self, cluster: Cluster) -> None:
        """Start on the remembered port, or on another when it is taken, be it after our own look.

        A server that somebody kills while it starts gets another attempt as well.
        """
        for _ in range(_START_ATTEMPTS):
            self.port = _choose_port(self.home)
            self._launch(cluster)
            if self._came_up(cluster):
                return
            if _is_free(self.port) and not self._was_killed():
                break
        raise Unreachable(
            f"PostgreSQL {self.binaries.major} did not start in {cluster.place}; its log ends with:\n"
            f"{tail(self.home.server_log)}"
        )

    def _was_killed(self) -> bool:
        """Tell whether somebody killed the process that we launched."""
        return self._process is not None and self._process.returncode == -signal.SIGKILL

    def _launch(self, cluster: Cluster) -> None:
        """Start the process, its output going to the log."""
        self.bound_log()
        command: list[str | Path] = [self.binaries.bin / "postgres", "-D", cluster.data, "-p", str(self.port)]
        for setting in (*_SETTINGS, *(() if self.durable else _FAST_SETTINGS)):
            command += ["-c", setting]
        with os.fdopen(open_log(self.home.server_log), "ab") as log:
            try:
                self._process = subprocess.Popen(  # noqa: S603 - our own arguments, no shell
                    command,
                    cwd=cluster.place,
                    env=ENVIRONMENT,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    preexec_fn=die_with_parent(signal.SIGQUIT),  # noqa: PLW1509 - it checks the thread
                    **cluster.account.process_owner,
                )
            except OSError as error:
                raise Refused(f"{self.binaries.bin / 'postgres'} does not run: {error}") from error

    def _came_up(self, cluster: Cluster) -> bool:
        """Wait until the server has written that it accepts connections; False when it ended first."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while self.pid is not None and time.monotonic() < deadline:
            if _says_ready(cluster.data / "postmaster.pid", self.pid):
                return True
            time.sleep(0.005)
        if self.pid is not None:
            raise Unreachable(
                f"PostgreSQL did not answer within {START_TIMEOUT_S} s; its log ends with:\n"
                f"{tail(self.home.server_log)}"
            )
        return False

    def _greet(self) -> None:
        """Log in, which proves that the server answers and knows our password, and make the database."""
        import pg8000.native  # noqa: PLC0415 - 0.1 s that a client who only joins must not pay

        try:
            with pg8000.native.Connection(
                USER,
                host="127.0.0.1",
                port=self.port,
                database="postgres",
                password=self.home.password(),
                timeout=20,
            ) as connection:
                known = connection.run("SELECT 1 FROM pg_database WHERE datname = :name", name=DATABASE)
                if not known:
                    connection.run(f"CREATE DATABASE {DATABASE}")
                    # our user is named like our schema: what people create without a schema belongs in public
                    connection.run(f"ALTER DATABASE {DATABASE} SET search_path = public")
        except pg8000.exceptions.Error as error:
            if "28P01" in str(error):  # invalid_password
                raise Refused(
                    f"PostgreSQL runs, but the password in {self.home.password_file} is not the one that it was made "
                    "with: put the right one there. The data were not touched"
                ) from error
            raise Unreachable(
                f"PostgreSQL started on port {self.port} but does not answer; its log ends with:\n"
                f"{tail(self.home.server_log)}"
            ) from error


def _choose_port(home: Home) -> int:
    """Return the home's port while it is free, else a new one, which the home remembers from now on."""
    if home.port_file.exists():
        port = int(home.port_file.read_text("ascii"))
        if _is_free(port):
            return port
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    write_private(home.port_file, str(port))
    return port


def _is_free(port: int) -> bool:
    """Tell whether a server can listen on ``port``; lingering connections do not count, as for PostgreSQL."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _says_ready(pid_file: Path, pid: int) -> bool:
    """Read PostgreSQL's own note: the first line is its process id, the eighth its state."""
    try:
        lines = pid_file.read_text("utf-8").split("\n")
    except FileNotFoundError:
        return False
    return lines[0] == str(pid) and len(lines) > 7 and lines[7].strip() == "ready"
