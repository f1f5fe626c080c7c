"""A pipeline document: its text, JSON or YAML, to a ``Pipeline``, or to all its problems with their places.

``tree`` reads the text, the models of ``core.pipeline`` judge it, ``explain`` says in plain words what they
found; what the engine finds later (``planning.checking``) is led back to its line by ``pointed``.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import ValidationError

from chalicelib.core.document.explain import explain
from chalicelib.core.document.pointed import pointed
from chalicelib.core.document.problem import InvalidDocument, Problem
from chalicelib.core.document.tree import Node, read
from chalicelib.core.pipeline import Pipeline

__all__ = ["Document", "InvalidDocument", "Problem", "parse_document", "parse_pipeline"]


@dataclass(frozen=True, slots=True)
class Document:
    """A document that is a pipeline, with the tree that knows where everything was written."""

    name: str
    pipeline: Pipeline
    root: Node

    def invalid(self, told: Iterable[str]) -> InvalidDocument:
        """The error for mistakes that were found later, each told as ``place: cause; way out``."""
        return InvalidDocument(self.name, [pointed(each, self.root) for each in told])


def parse_document(text: str, *, name: str = "pipeline.yaml") -> Document:
    """Read a document; ``name`` is what its problems call it.

    Raises InvalidDocument (an InvalidPipeline) with every problem that can be seen at once: combinations of
    keys are judged only where each key by itself is valid.
    """
    root, problems = read(text)
    if root is None:
        raise InvalidDocument(name, problems)
    pipeline, found = _judge(root)
    taken = {(problem.line, problem.column) for problem in problems}
    problems += [problem for problem in found if (problem.line, problem.column) not in taken]
    if problems or pipeline is None:
        raise InvalidDocument(name, problems)
    return Document(name, pipeline, root)


def parse_pipeline(text: str, *, name: str = "pipeline.yaml") -> Pipeline:
    """Read a document and keep the pipeline only; see ``parse_document``."""
    return parse_document(text, name=name).pipeline


def _judge(root: Node) -> tuple[Pipeline | None, list[Problem]]:
    if not isinstance(root.value, dict):
        return None, [Problem(*root.at, "", "the document is not a mapping", "begin with version: 1")]
    try:
        return Pipeline.model_validate(root.plain()), []
    except ValidationError as error:
        return None, list(explain(error, root))
