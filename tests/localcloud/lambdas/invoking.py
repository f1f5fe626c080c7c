"""What the tests of this folder ask of a pool."""

import json
import os

import psutil

from localcloud.lambdas.function import Answer, Lambda
from localcloud.lambdas.pool import LambdaPool


def named(handler: str, *, timeout_s: float = 30, memory_mb: int = 512, environment=None) -> Lambda:
    return Lambda(
        name=f"etl-{handler}",
        handler=f"lambda_handlers.{handler}",
        timeout_s=timeout_s,
        memory_mb=memory_mb,
        environment=environment or {},
    )


def call(pool: LambdaPool, function: Lambda, event: object = None) -> object:
    """The result of an invocation that goes well."""
    answer = pool.invoke(function, json.dumps(event).encode())
    assert (False, answer.payload) == (answer.failed, answer.payload)
    return json.loads(answer.payload)


def failure(answer: Answer) -> tuple[str, str]:
    """Type and message of a failed answer, without the request's id."""
    assert answer.failed
    told = json.loads(answer.payload)
    return told["errorType"], told["errorMessage"].partition(" Error: ")[2] or told["errorMessage"]


def is_gone(pid: int) -> bool:
    """A process that ended, or that only waits for its parent to notice."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def parent_of(pid: int) -> int:
    assert pid != os.getpid()
    return psutil.Process(pid).ppid()
