"""The API of the local cloud, as commands see it: dictionaries in, dictionaries out, errors as ours."""

import json
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from chalicelib.core.errors import EtlError, Fatal, InvalidPipeline, NotFound, Refused, Unreachable

TIMEOUT_S = 30
_BY_STATUS: dict[int, type[EtlError]] = {
    400: Refused, 401: Refused, 403: Refused, 404: NotFound, 409: Refused, 413: Refused, 415: Refused,
    422: InvalidPipeline, 502: Unreachable, 503: Unreachable, 504: Unreachable,
}  # fmt: skip


class Remote:
    """The API at ``url``, with a token that opens it.

    Raises (each call):
        Unreachable: if nobody answers there, or not for now.
        EtlError: what the problem that was answered says.
    """

    def __init__(self, url: str, token: str) -> None:
        self._place = urlsplit(url).netloc
        self._token = token

    def apply(self, text: str, name: str) -> dict[str, Any]:
        """Put the document ``text`` of the pipeline ``name`` in force."""
        return self._ask("PUT", f"/v1/pipelines/{_segment(name)}", body=text, kind="application/yaml")

    def start(self, name: str) -> dict[str, Any]:
        """Queue a run of a pipeline; return the run."""
        return self._ask("POST", f"/v1/pipelines/{_segment(name)}/runs")

    def run(self, run_id: str) -> dict[str, Any]:
        """One run, with why it rejected records and what happened when."""
        return self._ask("GET", f"/v1/runs/{_segment(run_id)}")

    def runs(self, pipeline: str) -> list[dict[str, Any]]:
        """The newest runs of a pipeline."""
        found: list[dict[str, Any]] = self._ask("GET", f"/v1/runs?{urlencode({'pipeline': pipeline})}")["items"]
        return found

    def _ask(self, method: str, path: str, *, body: str = "", kind: str = "application/json") -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": kind}
        connection = HTTPConnection(self._place, timeout=TIMEOUT_S)
        try:
            connection.request(method, path, body=body.encode(), headers=headers)
            answer = connection.getresponse()
            status, content = answer.status, answer.read()
        except (OSError, HTTPException) as error:
            told = f"the local cloud does not answer at http://{self._place} ({error}); `etlplus up` starts it"
            raise Unreachable(told) from error
        finally:
            connection.close()
        return _read(status, content)


def _segment(text: str) -> str:
    """One segment of a path, whatever is in it: a slash leads to no other route."""
    return quote(text, safe="")


def _read(status: int, content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except ValueError:
        document = None
    if status >= 400:
        told = document.get("detail") if isinstance(document, dict) else None
        raise _BY_STATUS.get(status, Fatal)(str(told or f"the API answered {status} without a reason"))
    if not isinstance(document, dict):
        raise Fatal(f"the API answered {status} and no JSON object")
    return document
