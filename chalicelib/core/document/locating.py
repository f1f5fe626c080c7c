"""Locating: mistakes that only the engine sees, told with the line and column of what they are about."""

import re
from collections.abc import Iterable

from chalicelib.core.document.problem import InvalidDocument, Problem
from chalicelib.core.document.tree import Node, read

_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


def located(text: str, mistakes: Iterable[tuple[str, str]], *, name: str) -> InvalidDocument:
    """The error for ``mistakes`` (pointer, what is wrong) of the document ``text``, which is a valid one."""
    root, _ = read(text)
    problems = [Problem(*_place(pointer, root), pointer, told) for pointer, told in mistakes]
    return InvalidDocument(name, problems)


def _place(pointer: str, root: Node | None) -> tuple[int, int]:
    node = root
    for number, key in _STEP.findall(pointer):
        found = node.child(int(number) if number else key) if node else None
        node = found or node  # a rule's word is no key of the document
    return node.at if node else (1, 1)
