"""Problems: errors as RFC 9457 has them, ``application/problem+json``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from chalicelib.core.document.problem import InvalidDocument
from chalicelib.core.errors import EtlError, Held, InvalidPipeline, NotFound, Refused, Retriable

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5


@dataclass  # not frozen: Python writes the traceback into it
class Problem(Exception):  # noqa: N818 - the RFC's word
    """What went wrong: a status, a code for machines, a sentence for people, and each mistake of a document."""

    status: int
    code: str
    detail: str
    errors: Sequence[Mapping[str, Any]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self, instance: str) -> dict[str, Any]:
        """The document; ``instance`` is the request's id."""
        told = {
            "type": f"urn:etlplus:problem:{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "instance": f"urn:request:{instance}",
        }
        return {**told, "errors": [dict(error) for error in self.errors]} if self.errors else told


def no_database() -> Problem:
    """The answer to whoever may not know more, who has shown no token yet: where the database is stays in the log."""
    detail = "the control plane's database does not answer"
    return Problem(503, "unavailable", detail, headers={"Retry-After": str(RETRY_AFTER_S)})


_BY_ERROR: tuple[tuple[type[EtlError], int, str], ...] = (
    (InvalidPipeline, 422, "invalid_pipeline"),
    (NotFound, 404, "not_found"),
    (Refused, 409, "refused"),
    (Held, 409, "held"),
)


def problem_of(error: EtlError) -> Problem:
    """The problem that one of our errors is."""
    if isinstance(error, Retriable):
        return Problem(503, "unavailable", str(error), headers={"Retry-After": str(RETRY_AFTER_S)})
    for kind, status, code in _BY_ERROR:
        if isinstance(error, kind):
            return Problem(status, code, str(error), _mistakes(error))
    return Problem(500, "internal", "an internal error; the log has it under this request's id")


def _mistakes(error: EtlError) -> list[dict[str, Any]]:
    if not isinstance(error, InvalidDocument):
        return []
    return [
        {"line": each.line, "column": each.column, "pointer": each.pointer, "message": each.message, "hint": each.hint}
        for each in error.problems
    ]
