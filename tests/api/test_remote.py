"""The commands' side of the API: each answer that is no success becomes an error of ours that says why."""

import socket
import threading

import pytest

from chalicelib.core.errors import EtlError, Fatal, InvalidPipeline, NotFound, Refused, Unreachable
from cli.remote import Remote
from localcloud.bridge import Bridge

TOKEN = "open-sesame"


@pytest.fixture
def answered():
    """A function that lets a run be asked for where ``status`` and ``body`` are answered, and returns the error."""

    def ask(status: int, body: str) -> EtlError:
        fixed = {"statusCode": status, "body": body}
        bridge = Bridge(port=0, routes=["/v1/runs/{run_id}"], invoke=lambda _event: fixed)
        thread = threading.Thread(target=bridge.serve)
        thread.start()
        try:
            with pytest.raises(EtlError) as caught:
                Remote(bridge.url, TOKEN).run("some")
            return caught.value
        finally:
            bridge.stop()
            thread.join()

    return ask


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, Refused), (401, Refused), (404, NotFound), (422, InvalidPipeline), (503, Unreachable), (500, Fatal)],
)
def test_a_problem_becomes_an_error_with_its_detail(answered, status, kind):
    error = answered(status, '{"detail": "so it is"}')
    assert (kind, "so it is") == (type(error), str(error))


@pytest.mark.parametrize("body", ["", "no JSON", "[]", "null", "{}"])
def test_a_status_counts_where_no_problem_comes_with_it(answered, body):
    error = answered(413, body)
    assert (Refused, "the API answered 413 without a reason") == (type(error), str(error))


@pytest.mark.parametrize("body", ["", "no JSON", "[]", "null"])
def test_a_success_without_an_object_is_a_defect(answered, body):
    assert Fatal is type(answered(200, body))


def test_where_nobody_listens_it_is_told_what_starts_it_and_not_the_token():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    remote = Remote(f"http://127.0.0.1:{port}", TOKEN)
    with pytest.raises(Unreachable, match="`etlplus up` starts it") as caught:
        remote.start("orders")
    assert not [text for text in (str(caught.value), repr(remote)) if TOKEN in text]
