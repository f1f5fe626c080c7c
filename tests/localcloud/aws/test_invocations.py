"""Lambda: what the API answers for functions that the pool runs."""

import json

import pytest


def test_an_invocation_gets_the_payload_and_returns_the_answer(cloud):
    assert {"x": [1, "é"]} == cloud.call("echo", x=[1, "é"])


def test_an_error_of_the_function_is_unhandled_and_its_type_is_told(cloud):
    answer = cloud.client("lambda").invoke(FunctionName="fail", Payload=json.dumps({"error": "Held"}))
    assert (200, "Unhandled") == (answer["StatusCode"], answer["FunctionError"])
    assert "Held" == json.loads(answer["Payload"].read())["errorType"]


def test_an_event_is_answered_at_once_and_tried_three_times(cloud):
    payload = json.dumps({"mark": "event", "fails": 9})
    answer = cloud.client("lambda").invoke(FunctionName="flaky", InvocationType="Event", Payload=payload)
    assert 202 == answer["StatusCode"]
    assert 3 == cloud.call("counted", of="flaky event", least=3)


def test_a_dry_run_calls_nothing(cloud):
    answer = cloud.client("lambda").invoke(
        FunctionName="echo", InvocationType="DryRun", Payload=json.dumps({"mark": "dry"})
    )
    assert 204 == answer["StatusCode"]
    assert 0 == cloud.call("counted", of="echo dry")


def test_a_function_that_does_not_exist_is_not_found(cloud):
    lambdas = cloud.client("lambda")
    with pytest.raises(lambdas.exceptions.ResourceNotFoundException):
        lambdas.invoke(FunctionName="nobody")
