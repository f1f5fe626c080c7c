"""What a function's configuration says, what an invocation answers, and how an environment's end reads in an answer."""

import json
import signal
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType

from chalicelib.core.errors import Refused

REQUEST_LIMIT_BYTES = 6_291_456
RESPONSE_LIMIT_BYTES = 6_291_556
KILLED = -signal.SIGKILL  #: an exit code


@dataclass(frozen=True, slots=True)
class Lambda:
    """A function's configuration; an environment made for one configuration never serves another.

    Raises:
        Refused: an environment variable that no process can have.
    """

    name: str
    handler: str  #: ``functions.plan.handler``
    timeout_s: float
    memory_mb: int
    environment: Mapping[str, str] = field(repr=False)  #: may hold secrets
    arn: str = ""

    def __post_init__(self) -> None:
        for name, value in self.environment.items():
            if not isinstance(name, str) or not name or "=" in name or "\0" in name:
                raise Refused(f"{self.name}: {name!r} cannot name an environment variable: rename it")
            if not isinstance(value, str) or "\0" in value:
                raise Refused(f"{self.name}: the environment variable {name} must be text without NUL")
        object.__setattr__(self, "environment", MappingProxyType(dict(self.environment)))
        if not self.arn:
            object.__setattr__(self, "arn", f"arn:aws:lambda:us-east-1:123456789012:function:{self.name}")

    def to_json(self) -> bytes:
        """Return all of it, secrets too: for the worker's own pipe and nothing else."""
        names = ("name", "handler", "timeout_s", "memory_mb", "arn")
        return json.dumps(
            {name: getattr(self, name) for name in names} | {"environment": dict(self.environment)}
        ).encode()

    @classmethod
    def from_json(cls, text: bytes) -> "Lambda":
        """Return what ``to_json`` told."""
        return cls(**json.loads(text))


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed answer's content, in Lambda's own words."""

    errorType: str  # noqa: N815 - the names of the API
    errorMessage: str  # noqa: N815
    requestId: str | None = None  # noqa: N815
    stackTrace: list[str] | None = None  # noqa: N815

    def to_json(self) -> bytes:
        """Return the payload; what is not known is left out."""
        return json.dumps({name: value for name, value in asdict(self).items() if value is not None}).encode()


@dataclass(frozen=True, slots=True)
class Answer:
    """What Lambda's Invoke API answers; ``failed`` becomes the header ``X-Amz-Function-Error: Unhandled``."""

    payload: bytes
    failed: bool = False

    @classmethod
    def of(cls, failure: Failure) -> "Answer":
        """Return the answer that tells a failure."""
        return cls(failure.to_json(), failed=True)


class Ended(Exception):  # noqa: N818 - a fact, not an accident of ours
    """The environment is gone, and with it the invocation: type and text of the error that AWS reports."""

    def __init__(self, error_type: str, error: str) -> None:
        super().__init__(error)
        self.error_type = error_type

    def answer(self, request_id: str) -> Answer:
        """Return what the invocation with this id answers."""
        return Answer.of(Failure(self.error_type, f"RequestId: {request_id} Error: {self}"))


def exited(code: int) -> Ended:
    """Return the end of a process with this exit code; below zero a signal."""
    if code == 0:
        return Ended("Runtime.ExitError", "Runtime exited without providing a reason")
    how = f"exit status {code}" if code > 0 else f"signal: {(signal.strsignal(-code) or str(-code)).lower()}"
    return Ended("Runtime.ExitError", f"Runtime exited with error: {how}")
