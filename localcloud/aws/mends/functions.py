"""Mend of Lambda: an invocation goes to the pool, whatever asks for it, and its errors are ``Unhandled``.

moto: a Docker container, and ``Handled``. Asynchronous invocations are tried three times in all, as AWS does, but
seconds apart and not minutes.
"""

import threading
import time
from typing import TYPE_CHECKING, Any

from moto.awslambda.models import LambdaFunction

if TYPE_CHECKING:
    from localcloud.aws.mends import Invoke

_AGAIN_AFTER_S = (1.0, 2.0)


def apply(invoke: "Invoke") -> None:
    """Apply the mend of this module."""

    def answer(self: Any, body: str | bytes | None, request_headers: Any, response_headers: Any) -> bytes:
        payload = body if isinstance(body, bytes) else (body or "{}").encode()
        kind = request_headers.get("x-amz-invocation-type", "RequestResponse")
        if kind == "DryRun":
            return b""
        if kind == "Event":
            given = (invoke, self.function_name, payload)
            threading.Thread(target=_tried, args=given, name=f"event {self.function_name}", daemon=True).start()
            return b""
        answered, failed = invoke(self.function_name, payload)
        if failed:
            response_headers["x-amz-function-error"] = "Unhandled"
        return answered

    LambdaFunction.invoke = answer


def _tried(invoke: "Invoke", name: str, payload: bytes) -> None:
    for pause_s in (*_AGAIN_AFTER_S, None):
        _, failed = invoke(name, payload)
        if not failed or pause_s is None:
            return
        time.sleep(pause_s)
