"""The API's application in this process, behind the bridge, on the session's cloud."""

import threading
from http.client import HTTPConnection
from json import loads
from typing import Any
from urllib.parse import urlsplit

import pytest

import app
from chalicelib.api import templates
from localcloud.bridge import Bridge
from localcloud.cloud.address import admin_token


class Http:
    """Requests to the bridge: a status, headers in small letters, and the body as JSON."""

    def __init__(self, url: str, token: str) -> None:
        self.place, self.token = urlsplit(url).netloc, token

    def __call__(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], Any]:
        connection = HTTPConnection(self.place, timeout=30)
        try:
            given = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json", **(headers or {})}
            connection.request(method, path, body, {name: value for name, value in given.items() if value})
            answer = connection.getresponse()
            content = answer.read()
            return answer.status, {n.lower(): v for n, v in answer.getheaders()}, loads(content) if content else None
        finally:
            connection.close()


@pytest.fixture
def http(in_process, cloud):  # noqa: ARG001 - its environment is what counts
    bridge = Bridge(port=0, routes=templates(), invoke=lambda event: app.app(event, None))
    thread = threading.Thread(target=bridge.serve, daemon=True)
    thread.start()
    yield Http(bridge.url, admin_token(cloud.settings.home))
    bridge.stop()
    thread.join()
