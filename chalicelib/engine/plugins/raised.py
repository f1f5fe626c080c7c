"""Raised: somebody else's code is called here, and here alone; what it raises is told as its own."""

import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from traceback import walk_tb
from typing import TypeVar

_LONGEST = 300
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Raised:
    """An exception in words: ``words`` never hold a value of a record, ``detail`` may.

    ``is_about_values``: whether it is a ValueError, which says that what was given is wrong.
    """

    words: str
    detail: str = ""
    is_about_values: bool = False

    @property
    def whole(self) -> str:
        """All that can be said."""
        return f"{self.words}: {self.detail}" if self.detail else self.words


def attempt(module: str, code: Callable[[], Answer]) -> tuple[Answer | None, Raised | None]:
    """Call the code of a package, of which ``module`` is a part: its answer, or what it raised.

    What it prints goes to stderr, for stdout is for data. No exception of it is kept, nor what that might hold.
    """
    try:
        with redirect_stdout(sys.stderr):
            return code(), None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it raises is not ours
        return None, _raised(error, module.partition(".")[0])


def _raised(error: BaseException, package: str) -> Raised:
    """Tell of an exception; of its places, the last one in the package."""
    frames = [
        (frame.f_code.co_filename, line)
        for frame, line in walk_tb(error.__traceback__)
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] == package
    ]
    at = f" at {Path(frames[-1][0]).name}:{frames[-1][1]}" if frames else ""
    said = " ".join(_text(error).split())
    return Raised(f"{type(error).__name__}{at}", said[:_LONGEST], isinstance(error, ValueError))


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - its own words may be what is broken
        return ""
