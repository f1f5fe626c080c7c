"""The boundary of the stages' Lambdas: what they log, and how an error leaves them.

Step Functions matches the name of the error's class and knows no inheritance, so an error is raised again as its
category, which is what the state machine retries or catches; its message is JSON with the stage, the error's own name
and its words.
"""

import json
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import wraps
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.utils import copy_config_to_registered_loggers

from chalicelib.bootstrap.cloud import cloud
from chalicelib.core.errors import EtlError, Fatal, Held, PlanStale, Retriable, SourceMoved, StagingLost
from chalicelib.core.outcome import Failed
from chalicelib.core.run import Stage

Payload = Mapping[str, Any]
Handler = Callable[[Payload], dict[str, Any]]
#: What a payload looks like, for who invokes a function by hand.
_RUN = {"run_id": "0198..."}
_BATCH = {**_RUN, "batch": 1}

logger = Logger(service="etlplus")
logging.getLogger("chalicelib")  # known by now, so that what our code logs looks the same
copy_config_to_registered_loggers(logger, include={"chalicelib"})


def boundary(stage: Stage) -> Callable[[Handler], Callable[[Payload, Any], dict[str, Any]]]:
    """Make a Lambda handler of a function that takes the state machine's payload, which names a run."""

    def decorate(handler: Handler) -> Callable[[Payload, Any], dict[str, Any]]:
        @wraps(handler)
        def entry(payload: Payload, context: Any) -> dict[str, Any]:
            check(payload, stage.value, _BATCH if stage in {Stage.TRANSFORM, Stage.LOAD} else _RUN)
            told = {"run_id": payload["run_id"], "stage": stage.value, "request_id": context.aws_request_id}
            logger.append_keys(**told, batch=payload.get("batch"))
            try:
                return handler(payload)
            except Exception as error:
                logger.exception("Stage %s failed", stage.value, extra={"action": "stage_failed"})
                failed = Failed.of(error, stage)
                _keep(payload, failed)
                raise _category(error)(_message(failed)) from error

        return entry

    return decorate


def check(payload: Payload, name: str, example: Mapping[str, Any]) -> None:
    """See that a payload has all that the function ``name`` needs, which ``example`` shows.

    Raises:
        Fatal: naming what is missing.
    """
    given: object = payload
    missing = [key for key in example if not isinstance(given, Mapping) or key not in given]
    if missing:
        words = f"the payload has no {' and no '.join(missing)}; {name} takes one like {json.dumps(example)}"
        raise Fatal(json.dumps({"stage": name, "error": "Fatal", "message": words}))


def _keep(payload: Payload, failed: Failed) -> None:
    """A Map tells that a batch failed, not why; where even this cannot be written, it says only that."""
    if "batch" in payload:
        with suppress(EtlError):
            cloud().folder(payload["run_id"]).keep_failure(payload["batch"], failed)


def _category(error: Exception) -> type[EtlError]:
    caught = (StagingLost, PlanStale, SourceMoved, Retriable, Held)
    return next((kind for kind in caught if isinstance(error, kind)), Fatal)


def _message(failed: Failed) -> str:
    failure = failed.failure
    return json.dumps({"stage": failure.stage, "error": failure.error, "message": failure.message})
