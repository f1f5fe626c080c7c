"""What a route answers when something behind it fails: enough for the caller, the rest in the log."""

import json

import pytest
from chalice import Chalice
from clouds import url_of

from chalicelib.api import Api
from chalicelib.bootstrap.cloud import Cloud
from chalicelib.core.errors import Fatal
from chalicelib.settings import Settings
from chalicelib.store.tokens import PostgresTokens

URL = "postgresql://etl@127.0.0.1:1/whereabouts"


def fail(error: Exception):
    def serve(_call):
        raise error

    return serve


@pytest.fixture
def answers(tmp_path):
    """A function that serves one route by ``serve`` and returns what it answers, with its body read."""

    def ask(serve, url: str = URL, access: str = "open"):
        api, chalice, cloud = Api(), Chalice("etlplus"), Cloud(Settings(home=tmp_path, database_url=url))
        api.route("GET", "/place", access=access)(serve)
        api.install(chalice, lambda: cloud)
        context = {"resourcePath": "/place", "httpMethod": "GET", "requestId": "request-77", "path": "/place"}
        event = {"requestContext": context, "headers": {"Authorization": "Bearer open sesame"}, "body": None}
        empty = ("multiValueQueryStringParameters", "pathParameters", "stageVariables")
        answer = chalice({**event, **dict.fromkeys(empty), "isBase64Encoded": False}, None)
        cloud.close()
        return answer["statusCode"], answer["headers"], json.loads(answer["body"])

    return ask


def test_without_its_database_nobody_comes_in_or_learns_where_it_is(answers, caplog):
    status, headers, told = answers(fail(AssertionError("nobody comes in")), access="admin")
    assert (503, "unavailable", "5") == (status, told["code"], headers["Retry-After"])
    assert not any(word in json.dumps(told) for word in ("127.0.0.1", "etl@", "whereabouts"))
    assert "whereabouts" in caplog.text


@pytest.mark.parametrize("error", [Fatal("an inner matter"), RuntimeError("an inner matter")])
def test_a_defect_is_told_without_internals_and_logged_under_the_requests_id(answers, caplog, error):
    status, headers, told = answers(fail(error))
    assert (500, "internal", "application/problem+json") == (status, told["code"], headers["Content-Type"])
    assert ("urn:request:request-77", False) == (told["instance"], "inner" in json.dumps(told))
    assert "request-77" in caplog.text
    assert "an inner matter" in caplog.text


def test_a_known_token_comes_in(answers, database, plane):
    PostgresTokens(plane).keep("admin", "open sesame")
    assert (200, "served") == answers(lambda _call: "served", url=url_of(database), access="admin")[0::2]
