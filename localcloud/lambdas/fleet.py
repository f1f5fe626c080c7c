"""The environments that exist: a bounded number, the idle ones kept for the next invocation of their function."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from localcloud.lambdas.environment import Environment
from localcloud.lambdas.function import KILLED, Lambda, exited

IDLE_EACH = 8  #: idle environments a function


@dataclass(frozen=True, slots=True)
class _Idle:
    environment: Environment
    since: float

    @property
    def name(self) -> str:
        return self.environment.function.name


class Fleet:
    """Who has which environment. An environment taken must be put back, whatever became of it."""

    def __init__(self, make: Callable[[Lambda], Environment], *, limit: int) -> None:
        self._make = make
        self._limit = limit
        self._changed = threading.Condition()
        self._idle: list[_Idle] = []  # the longest idle first
        self._present: Counter[str] = Counter()  # by function: taken and idle
        self._closed = False

    def take(self, function: Lambda) -> Environment:
        """Return an environment of this very configuration: an idle one, else a new one; wait for a place if need be.

        Raises:
            Ended: the fleet is, or was meanwhile, closed.
        """
        with self._changed:
            while not self._closed:
                found = self._idle_of(function) or self._new(function)
                if found:
                    return found
                self._changed.wait()
        raise exited(KILLED)

    def take_missing(self, function: Lambda, environments: int) -> list[Environment]:
        """Return the new environments that make the function have so many, as far as there are places."""
        with self._changed:
            wanted = min(environments, IDLE_EACH) - self._present[function.name]
            free = 0 if self._closed else self._limit - self._present.total()
            return [self._place(function) for _ in range(min(wanted, free))]

    def put(self, environment: Environment) -> None:
        """Take an environment back; one that is not usable, or one too many, ends."""
        name = environment.function.name
        with self._changed:
            at_rest = sum(idle.name == name for idle in self._idle)
            if environment.is_usable and at_rest < IDLE_EACH and not self._closed:
                self._idle.append(_Idle(environment, time.monotonic()))
            else:
                self._end(environment)
            self._changed.notify_all()

    def end_idle(self, since: float) -> None:
        """End what has been idle since this time, on the monotonic clock, or before."""
        with self._changed:
            self._end_where(lambda idle: idle.since <= since)

    def close(self) -> None:
        """End what is idle and send away who waits; what is taken ends when it is put back."""
        with self._changed:
            self._closed = True
            self._end_where(lambda _: True)

    def wait_empty(self, within_s: float) -> None:
        """Wait, for a bounded time, until everything taken was put back."""
        with self._changed:
            self._changed.wait_for(lambda: not self._present.total(), within_s)

    def _idle_of(self, function: Lambda) -> Environment | None:
        """Return the one that was idle last; the dead, and those of another configuration, end."""
        self._end_where(lambda idle: idle.name == function.name and not _serves(idle.environment, function))
        for at, idle in reversed(list(enumerate(self._idle))):
            if idle.name == function.name:
                return self._idle.pop(at).environment
        return None

    def _new(self, function: Lambda) -> Environment | None:
        """Return a new environment; at the limit, only in the place of the longest idle of another function."""
        if self._present.total() >= self._limit:
            if not self._idle:
                return None
            self._end(self._idle.pop(0).environment)
        return self._place(function)

    def _place(self, function: Lambda) -> Environment:
        self._present[function.name] += 1
        return self._make(function)

    def _end_where(self, is_over: Callable[[_Idle], bool]) -> None:
        over = [idle for idle in self._idle if is_over(idle)]
        self._idle = [idle for idle in self._idle if idle not in over]
        for idle in over:
            self._end(idle.environment)
        self._changed.notify_all()

    def _end(self, environment: Environment) -> None:
        environment.end()
        self._present[environment.function.name] -= 1


def _serves(environment: Environment, function: Lambda) -> bool:
    return environment.function == function and environment.is_usable
