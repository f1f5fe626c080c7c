"""Words for error texts: what was written, shortened to one line, and the nearest word that is valid."""

from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache
from json import dumps

_SHOWN = 40


def quoted(text: str) -> str:
    r"""The text in double quotes, on one line and at most 40 characters long.

    >>> print(quoted("two\nlines"))
    "two\nlines"
    """
    short = text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in dumps(short, ensure_ascii=False))


def nearest(word: str, valid: Iterable[str], *, likeness: float = 0.6) -> str | None:
    """The valid word that the writer most likely meant, or None; ``likeness`` is how much of it must be alike.

    >>> nearest("delimeter", ["delimiter", "quote"])
    'delimiter'
    """
    return _nearest(word[:100], tuple(valid), likeness)


def way_out(word: str, valid: Iterable[str]) -> str:
    """The nearest valid word as a question; without one, all that is allowed.

    >>> way_out("x", ["file", "s3"])
    'allowed: file, s3'
    """
    words = tuple(valid)
    near = nearest(word, words)
    return f'did you mean "{near}"?' if near else f"allowed: {', '.join(words)}"


@lru_cache(maxsize=1024)
def _nearest(word: str, valid: tuple[str, ...], likeness: float) -> str | None:
    folded = {each.casefold(): each for each in reversed(valid)}
    matches = get_close_matches(word.casefold(), folded, n=1, cutoff=likeness)
    return folded[matches[0]] if matches else None
