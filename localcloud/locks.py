"""A lock on a file that ends with its holder, however the holder ends.

``flock`` belongs to the open file: the kernel gives it back on ``kill -9`` too; nothing has to be cleaned up.
"""

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

_TRIES, _PAUSE_S = 5, 0.005


class FileLock:
    """One open handle on a lock file or a folder; it holds the lock shared, exclusively, or not at all."""

    def __init__(self, path: Path) -> None:
        flags = os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT
        self._fd = os.open(path, flags | os.O_CLOEXEC, 0o600)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def try_shared(self) -> bool:
        """Take the lock beside other shared holders; False at once when somebody holds it exclusively."""
        return self._try(fcntl.LOCK_SH)

    def try_exclusive(self) -> bool:
        """Take the lock alone; False at once when anybody else holds it."""
        return self._try(fcntl.LOCK_EX)

    def take(self) -> bool:
        """Take the lock alone; who asks whether it is held is in the way for microseconds, so try more than once."""
        for _ in range(_TRIES):
            if self.try_exclusive():
                return True
            time.sleep(_PAUSE_S)
        return False

    def close(self) -> None:
        """Give the lock back. Closing twice is harmless."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _try(self, mode: int) -> bool:
        """Ask for the lock without waiting."""
        try:
            fcntl.flock(self._fd, mode | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def is_held(path: Path) -> bool:
    """Tell whether anybody holds ``path`` exclusively.

    Asking takes the lock shared for some microseconds; who wants it alone must try more than once.
    """
    with FileLock(path) as lock:
        return not lock.try_shared()
