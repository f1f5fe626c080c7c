"""The bridge does what API Gateway does: a request becomes a REST proxy event, an answer becomes a response."""

import base64
import json
import logging
import re
import socket
import threading
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
from observing import eventually

from chalicelib.core.errors import Unreachable
from localcloud.bridge import BODY_LIMIT_BYTES, THREADS, Bridge
from localcloud.lambdas.function import REQUEST_LIMIT_BYTES

ROUTES = ["/things", "/things/{name}", "/things/{name}/parts/{part}"]


class Echo:
    """A function that keeps its last event and gives the answer that it was told to give."""

    def __init__(self) -> None:
        self.event, self.answer = None, {"statusCode": 200, "body": "done"}

    def __call__(self, event):
        self.event = json.loads(json.dumps(event))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def function() -> Echo:
    return Echo()


@pytest.fixture
def bridge(function):
    opened = Bridge(port=0, routes=ROUTES, invoke=function)
    thread = threading.Thread(target=opened.serve)
    thread.start()
    yield opened
    opened.stop()
    thread.join()


@pytest.fixture
def http(bridge):
    def ask(method, path, body=b"", headers=None):
        connection = HTTPConnection(urlsplit(bridge.url).netloc, timeout=30)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    return ask


def is_problem(answer, status: int, code: str) -> bool:
    found, headers, body = answer
    told = json.loads(body)
    kind = dict(headers)["Content-Type"]
    assert re.fullmatch("urn:request:[0-9a-f-]{36}", told["instance"])
    return (found, kind, told["status"], told["code"]) == (status, "application/problem+json", status, code)


def test_an_event_has_the_parts_of_a_recorded_one(http, function, corpora):
    recorded = json.loads((corpora / "aws-events" / "apiGatewayProxyEvent.json").read_text("utf-8"))
    http("GET", "/things")
    assert set() == set(function.event) - set(recorded)
    assert {"version"} >= set(recorded) - set(function.event)
    assert set() == set(function.event["requestContext"]) - set(recorded["requestContext"])


def test_a_path_is_told_with_its_template_and_parameters(http, function):
    http("DELETE", "/things/a%20b/parts/7")
    event = function.event
    assert ("/things/{name}/parts/{part}", "DELETE") == (event["resource"], event["httpMethod"])
    assert (event["resource"], "DELETE") == (
        event["requestContext"]["resourcePath"],
        event["requestContext"]["httpMethod"],
    )
    assert {"name": "a b", "part": "7"} == event["pathParameters"]


def test_a_parameter_is_decoded_once(http, function):
    http("GET", "/things/%2541")
    assert {"name": "%41"} == function.event["pathParameters"]


@pytest.mark.parametrize("origin", ["", "http://127.0.0.1"])
def test_an_encoded_slash_is_part_of_its_parameter(http, function, origin):
    http("GET", f"{origin}/%74hings/a%2Fb/parts/%c3%a9?x=/y")
    assert {"name": "a/b", "part": "é"} == function.event["pathParameters"]


def test_each_value_of_a_query_is_told_and_the_last_one_counts(http, function):
    http("GET", "/things?a=1&a=2&b=&c=%26")
    assert {"a": "2", "b": "", "c": "&"} == function.event["queryStringParameters"]
    assert {"a": ["1", "2"], "b": [""], "c": ["&"]} == function.event["multiValueQueryStringParameters"]


def test_what_is_not_there_is_null(http, function):
    http("GET", "/things")
    names = ("body", "queryStringParameters", "multiValueQueryStringParameters", "pathParameters")
    assert dict.fromkeys(names) == {name: function.event[name] for name in names}


def test_a_body_of_any_bytes_arrives_as_it_was(http, function):
    body = bytes(range(256)) * 9
    http("PUT", "/things", body)
    assert (True, body) == (function.event["isBase64Encoded"], base64.b64decode(function.event["body"]))


def test_each_request_has_an_id_of_its_own(http, function):
    http("GET", "/things")
    first = function.event["requestContext"]["requestId"]
    http("GET", "/things")
    assert first != function.event["requestContext"]["requestId"]


def test_an_answer_has_its_status_headers_and_bytes(http, function):
    function.answer = {
        "statusCode": 201,
        "headers": {"X-One": "1"},
        "multiValueHeaders": {"X-Many": ["a", "b"]},
        "body": base64.b64encode(b"\xff\x00").decode(),
        "isBase64Encoded": True,
    }
    status, headers, body = http("GET", "/things")
    assert (201, b"\xff\x00") == (status, body)
    assert {("X-One", "1"), ("X-Many", "a"), ("X-Many", "b")} <= set(headers)


@pytest.mark.parametrize("answer", [None, [], "text", {}, {"errorMessage": "a secret"}, {"statusCode": "200"}])
def test_an_answer_that_is_none_is_a_bad_gateway_without_internals(http, function, answer):
    function.answer = answer
    found = http("GET", "/things")
    assert is_problem(found, 502, "bad_gateway")
    assert b"secret" not in found[2]


def test_a_function_that_no_process_can_be_started_for_is_a_bad_gateway(http, function):
    function.answer = Unreachable("no process: a secret")
    found = http("GET", "/things")
    assert is_problem(found, 502, "bad_gateway")
    assert b"secret" not in found[2]


@pytest.mark.parametrize("path", ["/", "/thing", "/things/", "/things/a/b", "/things%2Fa"])
def test_a_path_that_no_template_has_is_a_problem_and_no_invocation(http, function, path):
    assert is_problem(http("GET", path), 404, "not_found")
    assert function.event is None


def test_a_body_of_the_limit_is_taken_and_one_byte_more_is_a_problem(http, function):
    assert 200 == http("PUT", "/things", b"x" * BODY_LIMIT_BYTES)[0]
    assert len(json.dumps(function.event)) < REQUEST_LIMIT_BYTES - 250_000, "headers and query have room, too"
    function.event = None
    answer = http("PUT", "/things", b"x" * (BODY_LIMIT_BYTES + 1))
    assert is_problem(answer, 413, "too_large")
    assert "the body has 4,500,001 bytes, the limit is 4,500,000" == json.loads(answer[2])["detail"]
    assert function.event is None


def test_the_limit_holds_for_a_body_in_pieces(http, function):
    pieces = (b"x" * 1_000_000 for _ in range(11))
    assert is_problem(http("PUT", "/things", pieces), 413, "too_large")
    assert function.event is None


@pytest.mark.parametrize("host", ["LOCALHOST", "LocalHost:8000", "127.0.0.1:1"])
def test_a_host_is_known_in_any_case(http, host):
    assert 200 == http("GET", "/things", headers={"Host": host})[0]


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "evil.example:80", "[::1]", "localhost.", ""]
)
def test_who_names_another_machine_is_not_served(http, function, host):
    assert is_problem(http("GET", "/things", headers={"Host": host}), 421, "misdirected")
    assert function.event is None


def test_it_listens_on_loopback_and_takes_another_port_when_its_own_is_taken(function):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        wish = taken.getsockname()[1]
        bridge = Bridge(port=wish, routes=ROUTES, invoke=function)
        thread = threading.Thread(target=bridge.serve)
        thread.start()
        bridge.stop()
        thread.join()
    place = urlsplit(bridge.url)
    assert "127.0.0.1" == place.hostname
    assert wish != place.port


def test_after_its_stop_nobody_answers(function):
    bridge = Bridge(port=0, routes=ROUTES, invoke=function)
    thread = threading.Thread(target=bridge.serve)
    thread.start()
    bridge.stop()
    thread.join()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", urlsplit(bridge.url).port), timeout=10)


def test_requests_that_wait_for_a_thread_fill_no_log(caplog):
    may_end = threading.Event()

    def slow(_event):
        assert may_end.wait(30)
        return {"statusCode": 200, "body": ""}

    bridge = Bridge(port=0, routes=ROUTES, invoke=slow)
    server = threading.Thread(target=bridge.serve)
    server.start()
    connections = [HTTPConnection(urlsplit(bridge.url).netloc, timeout=30) for _ in range(THREADS + 3)]
    with caplog.at_level(logging.WARNING):
        for connection in connections:
            connection.request("GET", "/things")
        eventually(lambda: len(bridge._server.task_dispatcher.queue) == 3)
        may_end.set()
        assert {200} == {connection.getresponse().status for connection in connections}
    for connection in connections:
        connection.close()
    bridge.stop()
    server.join()
    assert [] == caplog.messages


def test_a_request_in_hand_is_answered_before_it_stops():
    begun, may_end, statuses = threading.Event(), threading.Event(), []

    def slow(_event):
        begun.set()
        assert may_end.wait(30)
        return {"statusCode": 200, "body": ""}

    def ask():
        connection = HTTPConnection(urlsplit(bridge.url).netloc, timeout=30)
        connection.request("GET", "/things")
        statuses.append(connection.getresponse().status)
        connection.close()

    bridge = Bridge(port=0, routes=ROUTES, invoke=slow)
    threads = [threading.Thread(target=each) for each in (bridge.serve, ask, bridge.stop)]
    threads[0].start()
    threads[1].start()
    assert begun.wait(30)
    threads[2].start()
    may_end.set()
    for thread in threads:
        thread.join(30)
    assert [200] == statuses
