"""The client's side: start a home's cloud, find it, stop it."""

import os
import selectors
import signal
import subprocess
import sys
import time

from chalicelib.core.errors import NotFound, Refused, Unreachable
from chalicelib.settings import Settings
from localcloud.cloud.address import LOCK, READY, Address
from localcloud.home import EXIT_REFUSED, Home, bound_log, open_log, tail
from localcloud.lease import clean_environment
from localcloud.locks import is_held

START_S = 60.0
STOP_S = 20.0
_LOG_LIMIT_BYTES = 4_000_000
_POLL_S = 0.02


def running(settings: Settings) -> Address:
    """Where the home's cloud is.

    Raises:
        NotFound: if it does not run.
    """
    found = Address.read(settings.home)
    if found is None:
        raise NotFound("the local cloud is not running; `etlplus up` starts it")
    return found


def start(settings: Settings, *, attached: bool) -> "subprocess.Popen[bytes] | None":
    """Start the home's cloud and return its process once clients may come in; None when somebody else was faster.

    An attached cloud ends when this process does, or closes the cloud's stdin.

    Raises:
        Refused: it cannot run like that; the message says why.
        Unreachable: it is not ready within ``START_S``, or ended.
    """
    root = Home.at(settings.home).root
    log_path = root / "cloud.log"
    bound_log(log_path, _LOG_LIMIT_BYTES)
    command = [sys.executable, "-P", "-m", "localcloud.cloud.process", str(root), *(["--attached"] if attached else [])]
    with os.fdopen(open_log(log_path), "ab") as log:
        process = subprocess.Popen(  # noqa: S603 - our own arguments, no shell
            command,
            cwd=root,
            env={**clean_environment(), **settings.databases()},
            stdin=subprocess.PIPE if attached else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    words = _heard(process)
    if words == READY:
        return process
    process.kill()  # it is late, if it has not ended by itself
    code = process.wait()
    if process.stdin is not None:
        process.stdin.close()
    if code == 0 and _joined(settings):
        return None
    told = words or f"the local cloud did not start; {log_path.name} ends with:\n{tail(log_path)}"
    raise (Refused if code == EXIT_REFUSED else Unreachable)(told)


def _joined(settings: Settings) -> bool:
    """Wait for the cloud that another process starts just now; False when it does not come up."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and is_held(settings.home / LOCK):
        if Address.read(settings.home) is not None:
            return True
        time.sleep(_POLL_S)
    return False


def stop(settings: Settings) -> None:
    """Stop the home's cloud and wait until it is gone.

    Raises:
        NotFound: if it does not run.
        Unreachable: if it does not end within ``STOP_S``.
    """
    address = running(settings)
    os.kill(address.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_S
    while is_held(settings.home / LOCK):
        if time.monotonic() > deadline:
            raise Unreachable(f"the local cloud (process {address.pid}) does not end; cloud.log says what it does")
        time.sleep(_POLL_S)


def _heard(process: "subprocess.Popen[bytes]") -> str:
    """All that the process says before it closes its stdout, or nothing when the time is over."""
    assert process.stdout is not None  # noqa: S101 - it is a pipe, as asked for
    said, deadline = b"", time.monotonic() + START_S
    with process.stdout as out, selectors.DefaultSelector() as selector:
        selector.register(out, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            if selector.select(left):
                block = os.read(out.fileno(), 65_536)
                if not block:
                    break
                said += block
    return said.decode("utf-8", "replace").strip()
