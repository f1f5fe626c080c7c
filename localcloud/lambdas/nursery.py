"""Where environments get their processes from: the cloud's side of the zygote."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

from chalicelib.core.errors import Unreachable
from localcloud.home import open_log, tail
from localcloud.lambdas.function import KILLED, exited
from localcloud.lambdas.zygote import NUMBER

_END_S = 1.0  #: a zygote that still imports hears nothing; it has no workers yet, so it may be killed
_DEATH_S = 5.0  #: a process in the midst of a disk's answer dies when that came


class Bond:
    """The life of one worker: its process id, its exit code, and the way to end it."""

    def __init__(self, line: socket.socket, pid: int) -> None:
        self.line = line  #: becomes readable when the worker is dead
        self.pid = pid

    def kill(self) -> None:
        """End the worker and whatever it started."""
        with suppress(OSError):  # the zygote is gone, and its workers with it
            self.line.shutdown(socket.SHUT_WR)

    def code(self) -> int:
        """Wait for the worker's end, which must be near, and return its exit code; a signal's is below zero."""
        self.line.settimeout(_DEATH_S)
        code = _hear(self.line)
        if code is None:  # the zygote is gone; its workers went with it, but not what those had started
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            return KILLED
        return code

    def close(self) -> None:
        """Hang up: a worker that lives is killed."""
        self.line.close()


class Nursery:
    """The zygote, started when the first worker is wanted, and again after it died."""

    def __init__(self, *, log: Path, scratch: Path, preload: Sequence[str], fork: bool) -> None:
        self._log, self._scratch = log, scratch
        self._arguments = ["fork", *preload] if fork else ["exec"]
        self._lock = threading.Lock()
        self._zygote: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._closed = False

    def bear(self) -> tuple["Connection[bytes, bytes]", Bond]:
        """Return the pipe to a new worker, and the bond with it.

        Raises:
            Ended: the nursery is closed.
            Unreachable: the zygote does not start, or it died.
        """
        pipe, its_pipe = Pipe()
        line, its_line = socket.socketpair()
        pid = None
        try:
            with its_pipe, its_line:
                self._ask(its_pipe.fileno(), its_line.fileno())
            pid = _hear(line)
            if pid is None:
                raise self._broken()
        finally:
            if pid is None:
                pipe.close()
                line.close()
        return pipe, Bond(line, pid)

    def wake(self) -> None:
        """Start the zygote now: it imports while its first worker is not wanted yet."""
        with self._lock:
            if self._control is None and not self._closed:
                self._control = self._start()

    def close(self) -> None:
        """End the zygote, and so every worker; nothing is born any more."""
        with self._lock:
            self._closed = True
            self._stop()

    def _ask(self, *handles: int) -> None:
        with self._lock:
            if self._closed:
                raise exited(KILLED)
            if self._zygote is not None and self._zygote.poll() is not None:
                self._stop()
            if self._control is None:
                self._control = self._start()
            try:
                socket.send_fds(self._control, [b"+"], handles)
            except OSError as error:
                raise self._broken() from error

    def _broken(self) -> Exception:
        if self._closed:
            return exited(KILLED)
        return Unreachable(
            f"No process for a Lambda function could be started: try again, or read {self._log}\n{tail(self._log)}"
        )

    def _start(self) -> socket.socket:
        """Start the zygote with our import path and nothing else of our environment."""
        control, its_control = socket.socketpair()
        handle, log = its_control.fileno(), open_log(self._log)
        path = os.pathsep.join(entry or os.curdir for entry in sys.path)
        try:
            self._zygote = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-P", "-m", "localcloud.lambdas.zygote", str(handle), *self._arguments],
                env={
                    "PATH": os.environ.get("PATH", os.defpath),
                    "LANG": "C.UTF-8",
                    "TZ": "UTC",
                    "PYTHONPATH": path,
                    "TMPDIR": str(self._scratch),
                },
                pass_fds=[handle],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        except OSError:
            control.close()
            raise
        finally:
            os.close(log)
            its_control.close()
        return control

    def _stop(self) -> None:
        if self._control is None or self._zygote is None:
            return
        self._control.close()
        try:
            self._zygote.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._zygote.kill()
            self._zygote.wait()
        self._control = self._zygote = None


def _hear(line: socket.socket) -> int | None:
    """Return the next number that the zygote tells, or None when it is gone."""
    try:
        told = line.recv(NUMBER.size, socket.MSG_WAITALL)
    except OSError:
        return None
    return int(NUMBER.unpack(told)[0]) if len(told) == NUMBER.size else None
