"""Lambda's Python runtime: find the handler, call it, and tell its result or its failure as AWS does.

Names of errors and texts are those of AWS's own runtime (awslambdaric). In two places it is stricter: NaN and
Decimal are no JSON, so a handler that returns them fails here with Runtime.MarshalError.
"""

import importlib
import json
import sys
import traceback
from collections.abc import Callable
from typing import Any

from localcloud.lambdas.context import Context
from localcloud.lambdas.function import RESPONSE_LIMIT_BYTES, Answer, Failure

Handler = Callable[[Any, Context], Any]


def find_handler(name: str) -> Handler | Failure:
    """Import the handler ``module.function``, or return why it cannot be."""
    module_name, dot, function_name = name.rpartition(".")
    if not dot or not module_name or not function_name:
        return Failure("Runtime.MalformedHandlerName", f"Bad handler '{name}': it must read module.function")
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        return _told(error, "Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}")
    except SyntaxError as error:
        return _told(error, "Runtime.UserCodeSyntaxError", f"Syntax error in module '{module_name}': {error}")
    except Exception as error:  # noqa: BLE001 - the boundary to code that is not ours
        return _told(error)
    handler: Handler | None = getattr(module, function_name, None)
    if not callable(handler):
        return Failure("Runtime.HandlerNotFound", f"Handler '{function_name}' missing on module '{module_name}'")
    return handler


def call(handler: Handler, payload: bytes, context: Context) -> Answer:
    """Call the handler with the decoded payload (none reads as ``{}``); its failure is an answer, too.

    What is no ``Exception`` (``sys.exit``) passes through: it ends the process, as in AWS.
    """
    try:
        event = json.loads(payload or b"{}")
    except ValueError as error:
        return _failed(Failure("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}"), context)
    try:
        result = handler(event, context)
    except Exception as error:  # noqa: BLE001 - the boundary to code that is not ours
        return _failed(_told(error), context)
    try:
        encoded = json.dumps(result, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        return _failed(Failure("Runtime.MarshalError", f"Unable to marshal response: {error}"), context)
    return _bounded(Answer(encoded), context)


def refuse(failure: Failure, context: Context) -> Answer:
    """Return the answer of an environment that has no handler."""
    return _failed(failure, context)


def _failed(failure: Failure, context: Context) -> Answer:
    told = Failure(failure.errorType, failure.errorMessage, context.aws_request_id, failure.stackTrace or [])
    return _bounded(Answer.of(told), context)


def _bounded(answer: Answer, context: Context) -> Answer:
    if len(answer.payload) <= RESPONSE_LIMIT_BYTES:
        return answer
    text = (
        f"Response payload size ({len(answer.payload)} bytes) exceeded maximum allowed payload size "
        f"({RESPONSE_LIMIT_BYTES} bytes)."
    )
    return Answer.of(Failure("Function.ResponseSizeTooLarge", text, context.aws_request_id))


def _told(error: Exception, error_type: str | None = None, text: str | None = None) -> Failure:
    """Return the failure that an exception is, and write it to the log, without the frames that are ours."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename != __file__ and not frame.filename.startswith("<frozen importlib")
    ]
    failure = Failure(
        error_type or type(error).__name__, str(error) if text is None else text, None, traceback.format_list(frames)
    )
    stack = "".join(failure.stackTrace or [])
    sys.stderr.write(f"[ERROR] {failure.errorType}: {failure.errorMessage}\n{stack}")
    return failure
