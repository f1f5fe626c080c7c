"""The sweeper: calls the sweep as EventBridge's schedule does on AWS, and besides soon after something failed.

A queue that lost patience with its messages, because the database was away for long, would otherwise keep their
objects waiting for the next turn.
"""

import threading
from collections.abc import Callable

from infra.door import SWEEP_MINUTES

#: What failed just now would fail again at once.
SOON_S = 10.0
_END_S = 2.0


class Sweeper:
    """One thread. ``sweep`` says whether it went well; when it did not, it is called again soon."""

    def __init__(
        self, sweep: Callable[[], bool], *, period_s: float = SWEEP_MINUTES * 60, soon_s: float = SOON_S
    ) -> None:
        self._sweep, self._period_s, self._soon_s = sweep, period_s, soon_s
        self._stopping, self._wanted = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

    def start(self) -> None:
        """Sweep now, and from now on."""
        self._thread.start()

    def soon(self) -> None:
        """Sweep in some seconds: something may have been left behind just now."""
        self._wanted.set()

    def stop(self) -> None:
        """Begin no other sweep."""
        self._stopping.set()
        self._wanted.set()
        self._thread.join(_END_S)

    def _run(self) -> None:
        while True:
            self._wanted.clear()
            if self._stopping.is_set():
                return
            if not self._sweep() or self._wanted.wait(self._period_s):
                self._stopping.wait(self._soon_s)
