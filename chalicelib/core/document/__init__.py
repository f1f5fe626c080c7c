"""A pipeline document: its text, JSON or YAML, to a ``Pipeline``, or to all its problems with their places.

``tree`` reads the text, the models of ``core.pipeline`` judge it, ``explain`` says in plain words what they
found.
"""

from pydantic import ValidationError

from chalicelib.core.document.explain import explain
from chalicelib.core.document.locating import located
from chalicelib.core.document.problem import InvalidDocument, Problem
from chalicelib.core.document.tree import Node, read
from chalicelib.core.pipeline import Pipeline

__all__ = ["InvalidDocument", "Problem", "located", "parse_pipeline"]


def parse_pipeline(text: str, *, name: str = "pipeline.yaml") -> Pipeline:
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
    return pipeline


def _judge(root: Node) -> tuple[Pipeline | None, list[Problem]]:
    if not isinstance(root.value, dict):
        return None, [Problem(*root.at, "", "the document is not a mapping", "begin with version: 1")]
    try:
        return Pipeline.model_validate(root.plain()), []
    except ValidationError as error:
        return None, list(explain(error, root))
