"""The API as its users meet it: over HTTP, with a token; what goes wrong is a problem with a place and a way out."""

import json
import subprocess
import sys
from http.client import HTTPConnection

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from making import environment, query

import app
from chalicelib.api import api, templates

DOCUMENT = {
    "version": 1,
    "name": "api_orders",
    "source": {"type": "s3", "uri": "s3://landing/api_orders/*.csv"},
    "target": {"type": "postgres", "table": "public.api_orders"},
}
PLACE = "/v1/pipelines/api_orders"


def body(**parts) -> bytes:
    return json.dumps({**DOCUMENT, **parts}).encode()


def is_problem(answer, status: int, code: str) -> bool:
    found, headers, told = answer
    kind = headers["content-type"]
    return (found, kind, told["status"], told["code"]) == (status, "application/problem+json", status, code)


def test_health_is_open_and_says_whether_the_database_answers(http):
    assert [200, 200] == [
        http("GET", f"/v1/health/{kind}", headers={"Authorization": ""})[0] for kind in ("live", "ready")
    ]


@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer ", "Bearer wrong", "Basic {token}", "{token}", "Bearer {token}x"]
)
def test_every_route_but_health_refuses_who_has_no_token(http, given):
    header = {"Authorization": given.format(token=http.token)}
    for route in api.routes:
        if route.access == "open":
            continue
        path = route.path.replace("{name}", "orders").replace("{run_id}", "last")
        answer = http(route.method, path, headers=header)
        assert is_problem(answer, 401, "unauthorized"), (route.method, route.path, answer)
        assert "Bearer" == answer[1]["www-authenticate"]


def test_only_health_is_open():
    assert {"/v1/health/live", "/v1/health/ready"} == {route.path for route in api.routes if route.access == "open"}


@pytest.mark.usefixtures("in_process")
def test_the_application_has_the_declared_routes_and_no_other():
    declared = {(route.method, route.path) for route in api.routes}
    assert declared == {(method, path) for path, methods in app.app.routes.items() for method in methods}
    assert set(templates()) == {path for _, path in declared}


def test_a_pipeline_is_applied_read_and_listed(http):
    status, headers, told = http("PUT", PLACE, body())
    assert (200, 1, "no-store") == (status, told["version"], headers["cache-control"])
    assert [] == told.pop("warnings")
    assert told == http("GET", PLACE)[2]
    assert told in http("GET", "/v1/pipelines")[2]["items"]


def test_yaml_is_taken_too(http):
    text = b"version: 1\nname: api_yaml\nsource: {type: s3, uri: s3://landing/y}\ntarget: {type: postgres, table: y}\n"
    assert 200 == http("PUT", "/v1/pipelines/api_yaml", text, {"Content-Type": "application/yaml"})[0]


def test_a_wrong_document_is_told_with_places_and_the_nearest_word(http):
    answer = http("PUT", PLACE, body(tranforms=[]))
    assert is_problem(answer, 422, "invalid_pipeline")
    (mistake,) = answer[2]["errors"]
    assert (1, 'did you mean "transforms"?') == (mistake["line"], mistake["hint"])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"name": "other"}, "the document's name is other"),
        ({"source": {"type": "file", "path": "a.csv"}}, "etlplus load"),
    ],
)
def test_a_document_that_does_not_belong_there_is_refused(http, change, told):
    answer = http("PUT", PLACE, body(**change))
    assert is_problem(answer, 422, "invalid_pipeline")
    assert told in answer[2]["detail"]


def test_a_connection_that_leads_nowhere_is_refused_with_those_that_are_known(http):
    answer = http("PUT", PLACE, body(target={**DOCUMENT["target"], "connection": "warehouse"}))
    assert is_problem(answer, 409, "refused")
    assert "Known connections: default. To add it, set ETLPLUS_CONNECTION_WAREHOUSE to its URL" in answer[2]["detail"]


def test_a_bucket_that_does_not_exist_is_a_warning(http):
    place = {"type": "s3", "uri": "s3://no-such-bucket/a/*.csv"}
    status, _, told = http("PUT", "/v1/pipelines/api_nowhere", body(name="api_nowhere", source=place))
    assert 200 == status
    (warning,) = told["warnings"]
    assert "the bucket no-such-bucket does not exist, so nothing is loaded from s3://no-such-bucket/a/*.csv" in warning


def test_a_run_is_queued_and_can_be_read_with_its_rejects(http, cloud):
    http("PUT", PLACE, body(columns={"id": "bigint"}))
    cloud.drop("api_orders/a.csv", b"id\n1\nx\n")
    status, headers, run = http("POST", f"{PLACE}/runs")
    assert (202, f"/v1/runs/{run['run_id']}", "queued") == (status, headers["location"], run["status"])
    cloud.ended("api_orders")
    told = http("GET", f"/v1/runs/{run['run_id'][:18]}")[2]
    assert ("succeeded", 1, 1) == (told["status"], told["records_loaded"], told["records_rejected"])
    (reject,) = http("GET", f"/v1/runs/{run['run_id']}/rejects")[2]["items"]
    assert ("x", 2) == (reject["raw"], reject["record"])
    assert run["run_id"] in [each["run_id"] for each in http("GET", "/v1/runs?pipeline=api_orders")[2]["items"]]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/pipelines/nobody", 404, "not_found"),
        ("POST", "/v1/pipelines/nobody/runs", 404, "not_found"),
        ("GET", "/v1/runs/not-a-run", 404, "not_found"),
        ("GET", "/v1/runs/ffffffff-ffff", 404, "not_found"),
        ("GET", "/v1/runs/%00", 404, "not_found"),
        ("GET", "/v1/runs?limit=0", 400, "invalid_query"),
        ("GET", "/v1/runs?limit=many", 400, "invalid_query"),
        ("GET", "/v1/runs?pipelin=a", 400, "invalid_query"),
        ("GET", "/v1/runs?pipeline=%00", 400, "invalid_query"),
        ("GET", "/v1/pipelines/%00", 404, "not_found"),
        ("DELETE", "/v1/runs", 405, "method_not_allowed"),
        ("GET", "/v1", 404, "not_found"),
        ("GET", "/", 404, "not_found"),
    ],
)
def test_what_cannot_be_served_is_a_problem(http, method, path, status, code):
    answer = http(method, path)
    assert is_problem(answer, status, code), answer


def test_an_unknown_parameter_is_told_with_the_nearest(http):
    assert 'did you mean "pipeline"?' in http("GET", "/v1/runs?pipelin=a")[2]["detail"]


def test_a_body_that_is_no_text_too_long_or_of_another_kind_is_refused(http):
    assert is_problem(http("PUT", PLACE, b"\xff\xfe"), 400, "invalid_body")
    assert is_problem(http("PUT", PLACE, b"x" * 1_000_001), 413, "too_large")
    assert is_problem(http("PUT", PLACE, b"{}", {"Content-Type": "text/csv"}), 415, "unsupported_media_type")


def test_only_who_names_this_machine_is_served(http):
    connection = HTTPConnection(http.place, timeout=10)
    connection.request("GET", "/v1/health/live", headers={"Host": "evil.example"})
    assert 421 == connection.getresponse().status
    connection.close()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(["GET", "PUT", "POST", "PATCH"]),
    path=st.sampled_from(["/v1/pipelines/{}", "/v1/runs/{}", "/v1/runs?{}", "/v1/runs/{}/rejects", "/{}"]),
    text=st.text("abz019-._~%25/?&=é", max_size=20),
    content=st.binary(max_size=60),
)
def test_nothing_makes_it_answer_with_a_defect(http, method, path, text, content):
    safe = path.format(text).encode("ascii", "ignore").decode()
    status, headers, told = http(method, safe, content)
    assert status < 500, told
    assert status < 400 or headers["content-type"] == "application/problem+json"


def test_the_function_imports_neither_engine_nor_boto3():
    code = "import app, sys; print([m for m in ('duckdb', 'pyarrow', 'boto3') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    assert "[]\n" == done.stdout


def test_a_token_is_stored_as_its_hash_only(cloud, http):
    rows = query(cloud.database, "SELECT name, sha256 FROM etl.tokens")
    assert (["admin"], False) == ([row[0] for row in rows], http.token in str(rows))


def test_what_rules_counted_is_listed_run_by_run(http, cloud):
    rules = [{"check": "range", "column": "id", "max": 1}, {"check": "reject_ratio", "max": 1.0}]
    name = "api_rules"
    source, target = {"type": "s3", "uri": f"s3://landing/{name}/*"}, {"type": "postgres", "table": f"public.{name}"}
    place = f"/v1/pipelines/{name}"
    assert 200 == http("PUT", place, body(name=name, source=source, target=target, rules=rules))[0]
    cloud.drop(f"{name}/a.csv", b"id\n1\n2\n")
    assert 202 == http("POST", f"{place}/runs")[0]
    assert ["succeeded"] == [run["status"] for run in cloud.ended(name)]
    status, _, told = http("GET", f"{place}/rules?rule=range:id")
    (item,) = told["items"]
    assert (200, "range:id", 2, 1, 0.5) == (
        status, item["rule"], item["records_read"], item["records_broken"], item["share"],
    )  # fmt: skip
    assert ["range:id", "reject_ratio"] == [each["rule"] for each in http("GET", f"{place}/rules")[2]["items"]]
    assert is_problem(http("GET", f"{place}/rules?rule=rang:id"), 404, "not_found")
    assert is_problem(http("GET", f"{place}/rules?rul=x"), 400, "invalid_query")
