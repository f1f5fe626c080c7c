"""The HTTP bridge: what API Gateway does on AWS. A request becomes a REST proxy event, its answer a response.

The event's shape is API Gateway's for REST APIs (payload version 1.0). Only requests that name this machine in their
Host are served, so that no web page can reach the API through a name that leads here.
"""

import base64
import json
import logging
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote

from waitress import create_server, wasyncore

from chalicelib.core.errors import Unreachable
from localcloud.ports import HOST, listener

#: What a Lambda takes is 6 MiB, in which a body stands as base64 beside the rest of the event; API Gateway's own
#: 10 MB are never reached.
BODY_LIMIT_BYTES = 4_500_000
#: So much is read, into a file, so that who sends too much gets an answer instead of a broken connection.
_READ_LIMIT_BYTES = 100_000_000
THREADS = 8
#: Takes a proxy event, returns the function's answer, or None when the function failed.
Invoke = Callable[[dict[str, Any]], dict[str, Any] | None]
#: What stands before the path when a request is made as to a proxy.
_ORIGIN = re.compile(r"https?://[^/?#]*", re.IGNORECASE)
_HOSTS = re.compile(r"(127\.0\.0\.1|localhost)(:\d+)?", re.IGNORECASE)


#: It warns of each request that waits for a thread: what a queue is for.
logging.getLogger("waitress.queue").setLevel(logging.ERROR)


class Bridge:
    """One server on loopback before one function. ``routes`` are its path templates, ``/v1/runs/{run_id}``."""

    def __init__(self, *, port: int, routes: Sequence[str], invoke: Invoke) -> None:
        self._templates = tuple(routes)
        self._invoke = invoke
        self._server: Any = create_server(
            self,
            sockets=[listener(port)],
            threads=THREADS,
            ident="etlplus",
            max_request_body_size=_READ_LIMIT_BYTES,
            clear_untrusted_proxy_headers=True,
        )
        self.url = f"http://{HOST}:{self._server.effective_port}"

    def serve(self) -> None:
        """Serve until ``stop`` is called, in this thread."""
        self._server.run()

    def stop(self) -> None:
        """Serve no more: requests in hand are answered, for up to 5 s, then the loop itself closes its sockets.

        Anybody's pull wakes the loop, which would then close the trigger before our own pull; so it waits for that.
        """
        server, pulled = self._server, threading.Event()

        def close() -> None:
            pulled.wait()
            wasyncore.close_all(server._map, ignore_all=True)  # noqa: SLF001 - the loop has no other end

        server.task_dispatcher.shutdown()
        server.trigger.pull_trigger(close)
        pulled.set()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """WSGI."""
        status, headers, body = self._answered(environ)
        phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Status"
        start_response(f"{status} {phrase}", [*headers, ("Content-Length", str(len(body)))])
        return [body]

    def _answered(self, environ: dict[str, Any]) -> tuple[int, list[tuple[str, str]], bytes]:
        if not _HOSTS.fullmatch(environ.get("HTTP_HOST", "")):
            return _problem(421, "misdirected", "this API serves 127.0.0.1 and localhost only")
        if int(environ.get("CONTENT_LENGTH") or 0) > BODY_LIMIT_BYTES:
            size = int(environ["CONTENT_LENGTH"])
            return _problem(413, "too_large", f"the body has {size:,} bytes, the limit is {BODY_LIMIT_BYTES:,}")
        asked = _segments(environ["REQUEST_URI"])
        found = next(((t, given) for t in self._templates if (given := _parameters(t, asked)) is not None), None)
        if found is None:
            return _problem(404, "not_found", "there is no such path")
        template, parameters = found
        try:
            answer = self._invoke(_event(environ, template, parameters))
        except Unreachable:
            answer = None
        if not isinstance(answer, dict) or not isinstance(answer.get("statusCode"), int):
            return _problem(502, "bad_gateway", "the API's function failed; lambda.log says why")
        return _response(answer)


def _segments(uri: str) -> list[str]:
    """The path of a request's URI, cut before it is decoded: an encoded slash is part of its segment."""
    path = re.split("[?#]", _ORIGIN.sub("", uri), maxsplit=1)[0]
    return [unquote(segment, errors="replace") for segment in path.split("/")]


def _parameters(template: str, segments: Sequence[str]) -> dict[str, str] | None:
    """What stands where the template has names, or None where it does not fit."""
    pairs = list(zip(template.split("/"), segments, strict=False))
    fits = len(segments) == template.count("/") + 1
    if not fits or not all(given if part.startswith("{") else given == part for part, given in pairs):
        return None
    return {part.strip("{}"): given for part, given in pairs if part.startswith("{")}


def _event(environ: Mapping[str, Any], template: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
    headers = _headers(environ)
    body = environ["wsgi.input"].read()
    pairs = parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    several: dict[str, list[str]] = {}
    for name, value in pairs:
        several.setdefault(name, []).append(value)
    request_id, method = str(uuid.uuid4()), environ["REQUEST_METHOD"]
    return {
        "resource": template,
        "path": path,
        "httpMethod": method,
        "headers": headers or None,
        "multiValueHeaders": {name: [value] for name, value in headers.items()} or None,
        "queryStringParameters": dict(pairs) or None,
        "multiValueQueryStringParameters": several or None,
        "pathParameters": dict(parameters) or None,
        "stageVariables": None,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "local",
            "domainName": environ["HTTP_HOST"],
            "extendedRequestId": request_id,
            "httpMethod": method,
            "identity": {"sourceIp": environ.get("REMOTE_ADDR"), "userAgent": headers.get("User-Agent")},
            "path": path,
            "protocol": environ.get("SERVER_PROTOCOL"),
            "requestId": request_id,
            "requestTimeEpoch": int(time.time() * 1000),
            "resourcePath": template,
            "stage": "local",
        },
        "body": base64.b64encode(body).decode() if body else None,
        "isBase64Encoded": bool(body),
    }


def _headers(environ: Mapping[str, Any]) -> dict[str, str]:
    named = {name[5:]: value for name, value in environ.items() if name.startswith("HTTP_")}
    plain = {name: environ[name] for name in ("CONTENT_TYPE", "CONTENT_LENGTH") if environ.get(name)}
    return {name.replace("_", "-").title(): value for name, value in {**named, **plain}.items()}


def _response(answer: Mapping[str, Any]) -> tuple[int, list[tuple[str, str]], bytes]:
    text = answer.get("body") or ""
    body = base64.b64decode(text) if answer.get("isBase64Encoded") else text.encode()
    headers = [(name, str(value)) for name, value in (answer.get("headers") or {}).items()]
    several = answer.get("multiValueHeaders") or {}
    return answer["statusCode"], [*headers, *((name, v) for name, values in several.items() for v in values)], body


def _problem(status: int, code: str, detail: str) -> tuple[int, list[tuple[str, str]], bytes]:
    told: dict[str, Any] = {"type": f"urn:etlplus:problem:{code}", "title": HTTPStatus(status).phrase, "status": status}
    told |= {"detail": detail, "code": code, "instance": f"urn:request:{uuid.uuid4()}"}
    body = json.dumps(told).encode()
    return status, [("Content-Type", "application/problem+json")], body
