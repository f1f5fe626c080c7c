"""The boundary of the stages' Lambdas: what they log, and how an error leaves them.

Step Functions matches the name of the error's class and knows no inheritance, so an error is raised again as its
category, which is what the state machine retries or catches; its message is JSON with the stage, the error's own name
and its words.
"""

import json
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from functools import wraps
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.utils import copy_config_to_registered_loggers

from chalicelib.bootstrap.cloud import cloud
from chalicelib.core.errors import (
    EtlError,
    Fatal,
    Held,
    InvalidPipeline,
    NotFound,
    PlanStale,
    PluginFailed,
    Refused,
    Retriable,
    SourceMoved,
    StagingLost,
)
from chalicelib.core.outcome import Failed
from chalicelib.core.run import Stage

Payload = Mapping[str, Any]
Handler = Callable[[Payload], dict[str, Any]]
#: What a payload looks like, for who invokes a function by hand.
_EXAMPLE = {"run_id": "0198...", "batch": 1}

#: What is no defect of ours: waiting helps, or the data, a definition, a permission or a plugin must change.
_EXPECTED = (Retriable, Held, InvalidPipeline, NotFound, Refused, PluginFailed)

logger = Logger(service="etlplus")
_context: ContextVar[Any] = ContextVar("context")
logging.getLogger("chalicelib")  # known by now, so that what our code logs looks the same
copy_config_to_registered_loggers(logger, include={"chalicelib"})


def boundary(stage: Stage, *needs: str) -> Callable[[Handler], Callable[[Payload, Any], dict[str, Any]]]:
    """Make a Lambda handler of a function that takes the state machine's payload.

    The payload names a run (``run_id``), and has besides what the stage ``needs``.
    """

    def decorate(handler: Handler) -> Callable[[Payload, Any], dict[str, Any]]:
        """The entry that Lambda calls, under the handler's name."""

        @wraps(handler)
        def entry(payload: Payload, context: Any) -> dict[str, Any]:
            """Log under the run's name what becomes of the handler; an error leaves as its category."""
            given = payload if isinstance(payload, Mapping) else {}
            _context.set(context)
            named = {name: given.get(name) for name in ("run_id", "batch")}
            logger.append_keys(**named, stage=stage.value, request_id=context.aws_request_id)
            try:
                check(given, stage.value, {name: _EXAMPLE[name] for name in ("run_id", *needs)})
                return handler(given)
            except Exception as error:  # the boundary of a Lambda, a process of its own
                failed = Failed.of(error, stage)
                _log(error, failed)
                _keep(given, failed)
                raise _category(error)(_message(failed)) from error

        return entry

    return decorate


def time_left_s() -> float:
    """How long the Lambda may still work, in seconds."""
    return float(_context.get().get_remaining_time_in_millis()) / 1000


def check(payload: Payload, name: str, example: Mapping[str, Any]) -> None:
    """See that a payload has all that the function ``name`` needs, which ``example`` shows.

    Raises:
        Refused: naming what is missing.
    """
    given: object = payload
    missing = [key for key in example if not isinstance(given, Mapping) or key not in given]
    if missing:
        told = f"the payload has no {' and no '.join(missing)}; {name} takes one like {json.dumps(example)}"
        raise Refused(told)


def _log(error: Exception, failed: Failed) -> None:
    """One line for what is expected to happen; for a defect of ours its traceback, too."""
    if isinstance(error, _EXPECTED):
        told = {"action": "stage_ended", "error": failed.failure.error}
        logger.warning("Stage %s ended: %s", failed.failure.stage, failed.failure.message, extra=told)
    else:
        logger.error("Stage %s failed", failed.failure.stage, extra={"action": "stage_failed"}, exc_info=error)


def _keep(payload: Payload, failed: Failed) -> None:
    """A Map tells that a batch failed, not why; where even this cannot be written, it says only that."""
    if {"run_id", "batch"} <= payload.keys():
        with suppress(EtlError):
            cloud().folder(payload["run_id"]).keep_failure(payload["batch"], failed)


def _category(error: Exception) -> type[EtlError]:
    caught = (StagingLost, PlanStale, SourceMoved, Retriable, Held)
    return next((kind for kind in caught if isinstance(error, kind)), Fatal)


def _message(failed: Failed) -> str:
    failure = failed.failure
    return json.dumps({"stage": failure.stage, "error": failure.error, "message": failure.message})
