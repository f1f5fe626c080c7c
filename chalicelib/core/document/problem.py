"""A problem of a document: where, what, and the way out; and the error that carries all of them."""

from collections.abc import Iterable
from dataclasses import dataclass

from chalicelib.core.errors import InvalidPipeline

_MAX_LINES = 10


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: its place (1-based line and column, and the keys that lead there), cause and way out.

    The place is the key for an unknown key, the value for a wrong value, the parent for a missing key.
    ``pointer`` is empty where the document as a whole, or its syntax, is wrong.
    """

    line: int
    column: int
    pointer: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.line}:{self.column}: "
        pointer = f"{self.pointer}: " if self.pointer else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{place}{pointer}{self.message}{hint}"


class InvalidDocument(InvalidPipeline):
    """A document that is no pipeline, with all its problems in the order of their places.

    The text has one line a problem and at most ten: of eleven problems it shows nine and counts the others.
    """

    def __init__(self, name: str, problems: Iterable[Problem]) -> None:
        self.name = name
        self.problems = sorted(problems, key=lambda problem: (problem.line, problem.column))
        shown = self.problems if len(self.problems) <= _MAX_LINES else self.problems[: _MAX_LINES - 1]
        lines = [f"{name}:{problem}" for problem in shown]
        if more := len(self.problems) - len(shown):
            lines.append(f"and {more:,} more")
        super().__init__("\n".join(lines))
