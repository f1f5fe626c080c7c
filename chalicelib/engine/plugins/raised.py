"""Raised: what may be told of an exception that somebody else's code raised."""

from dataclasses import dataclass
from pathlib import Path
from traceback import walk_tb

_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Raised:
    """An exception in words: ``words`` never hold a value of a record, ``detail`` may; it begins with a colon."""

    words: str
    detail: str


def raised_in(error: BaseException, module: str) -> Raised:
    """Tell of an exception; of its places, the last one in the package of ``module``."""
    package = module.partition(".")[0]
    frames = [
        (frame.f_code.co_filename, line)
        for frame, line in walk_tb(error.__traceback__)
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] == package
    ]
    at = f" at {Path(frames[-1][0]).name}:{frames[-1][1]}" if frames else ""
    said = " ".join(_text(error).split())
    return Raised(f"{type(error).__name__}{at}", f": {said[:_LONGEST]}" if said else "")


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - its own __str__ may be what is broken
        return ""
