"""Errors that name their place by keys (``rules[0].expr.sql: cause; way out``), found again in the document's text."""

import re

from chalicelib.core.document.problem import Problem
from chalicelib.core.document.tree import Node

_PART = re.compile(r"\[(\d+)\]|\.?([^.\[\]:]+)")
_PLACE = re.compile(r"(?P<place>(?:columns|transforms|rules|target|source)\b(?:\[\d+\]|\.[^.\[\]:]+)*): ", re.DOTALL)
#: Words that such a place holds between the keys of the document.
_BETWEEN = ("check",)


def pointed(told: str, root: Node) -> Problem:
    """The problem that ``told`` speaks of: as deep in the document as its place leads, its first line at (1, 1)."""
    found = _PLACE.match(told)
    place, rest = (found["place"], told[found.end() :]) if found else ("", told)
    cause, _, hint = rest.rpartition("; ")
    node, at, pointer = root, root.at, ""
    for part in _PART.finditer(place):
        step: str | int = int(part[1]) if part[1] is not None else part[2]
        below = node.child(step)
        if below is None:
            if step in _words(node):
                continue
            break
        node, at = below, below.at
        pointer = f"{pointer}[{step}]" if isinstance(step, int) else f"{pointer}.{step}".lstrip(".")
    return Problem(*at, pointer or place, cause or hint, hint if cause else "")


def _words(node: Node) -> list[str]:
    """The words by which this part of the document is told apart: they stand in a place, and are values here."""
    return [below.text for below in map(node.child, _BETWEEN) if below is not None]
