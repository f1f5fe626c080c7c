"""Trees: the engine's own syntax trees, as JSON."""

from collections.abc import Iterator
from typing import Any

Tree = dict[str, Any]


def nodes(tree: Any) -> Iterator[Tree]:
    """Every mapping within ``tree``, itself included."""
    stack = [tree]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            yield item
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
