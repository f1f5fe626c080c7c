"""The client's side: a lease keeps the home's PostgreSQL running for as long as it is held.

Joining a server that runs costs two locks and one small file; only the first client starts a supervisor. A
client that is killed gives its lease back like any other, because the kernel does it.
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from chalicelib.core.errors import Refused, Unreachable
from localcloud.home import EXIT_REFUSED, Home, Serving, tail
from localcloud.locks import FileLock, is_held

READY_TIMEOUT_S = 30.0
_POLL_S = 0.01


@dataclass(frozen=True, slots=True)
class Lease:
    """What a client needs to reach the database."""

    port: int
    major: int
    dsn: str = field(repr=False)  #: holds the password: never log it


@contextmanager
def lease(home: Path, *, fast: bool = False, major: int | None = None, keep_s: float = 0) -> Iterator[Lease]:
    """Yield access to the home's PostgreSQL, which starts with the first lease and stops after the last.

    When the server is killed, open connections break and the supervisor starts it again at the same address.
    When the supervisor is killed, the server ends too: the next lease starts both, at the same address.

    Args:
        home: The folder that remembers everything; it is created.
        fast: Without fsync: for tests, unsafe at a power cut.
        major: The version of PostgreSQL for a new cluster (an existing one keeps its own).
        keep_s: How long, from now, the server stays although no lease is held: for who only wants its address.

    Raises:
        Refused: this home's PostgreSQL cannot be run like that; the message names the cause and the way out.
        Unreachable: it is not ready within ``READY_TIMEOUT_S``, or ended; the message quotes the logs.
    """
    place = Home.at(home)
    deadline = time.monotonic() + READY_TIMEOUT_S
    with FileLock(place.clients_lock) as lock:
        while not lock.try_shared():  # a supervisor that stops holds it alone until all is quiet
            _pause(place, deadline)
        serving = _join(place, deadline, fast=fast, major=major)
        _check(place, serving, fast=fast, major=major)
        if keep_s:
            place.keep(keep_s)
        yield Lease(port=serving.port, major=serving.major, dsn=place.dsn(serving.port))


def _join(home: Home, deadline: float, *, fast: bool, major: int | None) -> Serving:
    """Return who serves, after starting a supervisor whenever there is none."""
    while True:
        if not is_held(home.supervisor_lock):
            _start_supervisor(home, deadline, fast=fast, major=major)
        elif serving := home.serving():
            return serving
        else:
            _pause(home, deadline)


def _pause(home: Home, deadline: float) -> None:
    """Wait a moment, unless the time is over."""
    if time.monotonic() > deadline:
        raise _late(home)
    time.sleep(_POLL_S)


def _late(home: Home) -> Unreachable:
    """Return the error of a server that is not ready in time."""
    return Unreachable(f"PostgreSQL of {home.root} is not ready within {READY_TIMEOUT_S:.0f} s.\n{_logs(home)}")


def _check(home: Home, serving: Serving, *, fast: bool, major: int | None) -> None:
    """Refuse a server that is less safe than asked, or of another version."""
    if not fast and not serving.durable:
        raise Refused(
            f"{home.root} is served in the fast mode of the tests (process {serving.pid}), which may lose "
            "data at a power cut: end its clients first, or use another home"
        )
    if major not in (None, serving.major):
        raise Refused(f"{home.root} is served by PostgreSQL {serving.major}, not {major}: use another home")


def _start_supervisor(home: Home, deadline: float, *, fast: bool, major: int | None) -> None:
    """Start a supervisor in the background; wait until it is ready, failed, or found a faster one."""
    import subprocess  # noqa: PLC0415 - who only joins does not pay for it

    command = [sys.executable, "-P", "-m", "localcloud.supervisor", str(home.root), "--detach"]
    command += ["--fast"] if fast else []
    command += ["--major", str(major)] if major else []
    try:
        ended = subprocess.run(  # noqa: S603 - our own arguments, no shell
            command,
            check=False,
            cwd=home.root,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            timeout=max(deadline - time.monotonic(), 0.1),
        )
    except subprocess.TimeoutExpired:
        raise _late(home) from None
    if ended.returncode == EXIT_REFUSED:
        raise Refused(ended.stderr.strip())
    if ended.returncode != 0:
        why = ended.stderr.strip() or _logs(home)
        raise Unreachable(f"PostgreSQL of {home.root} did not start. {why}")


def clean_environment() -> dict[str, str]:
    """Return a clean environment in which the child finds our modules, and a ``postgres`` on our PATH."""
    import shutil  # noqa: PLC0415 - who only joins does not pay for it

    modules = os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path)
    found = shutil.which("postgres")
    programs = os.pathsep.join([str(Path(found).parent), os.defpath] if found else [os.defpath])
    return {"PATH": programs, "PYTHONPATH": modules, "LC_ALL": "C.UTF-8"}


def _logs(home: Home) -> str:
    """Quote the ends of both logs."""
    logs = (home.supervisor_log, home.server_log)
    return "\n".join(f"{log.name} ends with:\n{tail(log)}" for log in logs)
