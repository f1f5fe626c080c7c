"""One execution environment, seen from the pool: a process that answers one invocation at a time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait

import psutil

from localcloud.lambdas.function import Answer, Ended, Lambda, exited
from localcloud.lambdas.nursery import Bond, Nursery
from localcloud.lambdas.worker import FAILED, WELL

INIT_S = 60.0  #: AWS gives an import 10 s; a laptop reads large libraries from a cold disk
WATCH_S = 0.25
_MB = 1 << 20


class Environment:
    """A process for one configuration of one function; whoever took it from the fleet uses it alone."""

    def __init__(self, function: Lambda, nursery: Nursery) -> None:
        self.function = function
        self._nursery = nursery
        self._pipe: Connection[bytes, bytes] | None = None
        self._bond: Bond | None = None
        self._at_rest = False

    @property
    def is_usable(self) -> bool:
        """Whether another invocation may come: the last one was answered in time, and the process lives.

        At rest a worker says nothing; its pipe ends some moments before the zygote tells of its death.
        """
        if not self._at_rest or self._pipe is None or self._bond is None:
            return False
        return not wait([self._pipe, self._bond.line], 0)

    def begin(self) -> None:
        """Have the process made and wait until it imported the handler; nothing to do when that was done.

        An import that fails is told by the first invocation, which is the last.

        Raises:
            Ended: the import took the process along, or too much time or memory.
            Unreachable: no process can be made.
        """
        if self._pipe is not None:
            return
        self._pipe, self._bond = self._nursery.bear()
        with self._watched(self._pipe, self._bond):
            self._pipe.send_bytes(self.function.to_json())
            self._at_rest = self._hear(self._pipe, self._bond, INIT_S) == WELL

    def invoke(self, request_id: str, payload: bytes) -> Answer:
        """Return the handler's answer.

        Raises:
            Ended: time, memory or life ended before there was one; the environment is not usable again.
        """
        if self._pipe is None or self._bond is None:
            raise RuntimeError("begin() comes first")
        may_rest, self._at_rest = self._at_rest, False
        with self._watched(self._pipe, self._bond):
            self._pipe.send_bytes(request_id.encode())
            self._pipe.send_bytes(payload)
            told = self._hear(self._pipe, self._bond, self.function.timeout_s)
        self._at_rest = may_rest
        return Answer(told[1:], failed=told[:1] == FAILED)

    def end(self) -> None:
        """Kill the process if it lives."""
        self._at_rest = False
        if self._pipe is not None and self._bond is not None:
            self._pipe.close()
            self._bond.close()

    @contextmanager
    def _watched(self, pipe: "Connection[bytes, bytes]", bond: Bond) -> Iterator[None]:
        """See to it that an environment that failed us is dead before anybody hears of it."""
        try:
            yield
        except Ended:
            bond.kill()
            bond.code()
            raise
        except (EOFError, OSError):
            pipe.close()
            bond.kill()
            raise exited(bond.code()) from None

    def _hear(self, pipe: "Connection[bytes, bytes]", bond: Bond, limit_s: float) -> bytes:
        until = time.monotonic() + limit_s
        while True:
            left_s = until - time.monotonic()
            ready = wait([pipe, bond.line], max(0, min(WATCH_S, left_s)))
            if pipe in ready:
                return pipe.recv_bytes()
            if ready:
                raise EOFError
            if left_s <= 0:
                raise Ended("Sandbox.Timedout", f"Task timed out after {limit_s:.2f} seconds")
            self._weigh(bond.pid)

    def _weigh(self, pid: int) -> None:
        used, limit = _used_bytes(pid, self.function.memory_mb * _MB), self.function.memory_mb
        if used > limit * _MB:
            how = f"signal: killed ({used // _MB} MB used, the limit is {limit} MB)"
            raise Ended("Runtime.OutOfMemory", f"Runtime exited with error: {how}")


def _used_bytes(pid: int, limit_bytes: int) -> int:
    """Return the memory that a process holds alone, or its resident memory while that is within the limit.

    A worker is born with all that the zygote imported, whether its function wants it or not, so resident memory
    would accuse it of pages that it shares with everybody. Its own pages (USS) are what it imported, made or
    changed itself. The kernel counts them page by page, so we ask only when the cheap number is too high.
    """
    try:
        process = psutil.Process(pid)
        resident = int(process.memory_info().rss)
        return resident if resident <= limit_bytes else int(process.memory_full_info().uss)
    except psutil.Error:
        return 0  # it is gone, as the bond will tell
