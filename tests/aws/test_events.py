"""What AWS sends, read; the recorded shapes in the corpora and in ``events/`` are the truth."""

import json
from pathlib import Path

import pytest

from chalicelib.aws.events import Messages, failure_of, messages, run_requested
from chalicelib.core.delivery import ObjectCreated, ObjectId, RunRequested
from chalicelib.core.run import Failure

EVENTS = Path(__file__).parents[2] / "events"


def message(body: object, number: int = 1) -> dict:
    return {"messageId": f"m{number}", "body": body if isinstance(body, str) else json.dumps(body)}


def read(*bodies: object) -> Messages:
    return messages({"Records": [message(body, number) for number, body in enumerate(bodies, start=1)]})


def recorded(corpora, name: str) -> dict:
    return json.loads((corpora / "aws-events" / name).read_text(encoding="utf-8"))


def test_an_eventbridge_event_names_the_object_by_its_etag_where_versioning_is_off(corpora):
    found = read(recorded(corpora, "s3EventBridgeNotificationObjectCreatedEvent.json"))
    place = ObjectId("example-bucket", "IMG_m7fzo3.jpg", "etag:4e68adba0abe2dc8653dc3354e14c01d")
    assert Messages((ObjectCreated("m1", place, 184662),), ()) == found


def test_an_s3_notification_in_a_queue_names_the_version(corpora):
    found = messages(recorded(corpora, "s3SqsEvent.json"))
    place = ObjectId("xxx", "test.pdf", "yd3d4HaWOT2zguDLvIQLU6ptDTwKBnQV")
    delivery = "ca3e7a89-c358-40e5-8aa0-5da01403c267/0"
    assert Messages((ObjectCreated(delivery, place, 104681),), ()) == found


def test_the_key_of_an_s3_notification_is_decoded_and_that_of_eventbridge_is_not(corpora):
    notification = recorded(corpora, "s3Event.json")
    notification["Records"][0]["s3"]["object"]["key"] = "a+b%2Bc/%C3%A9.csv"
    event = recorded(corpora, "s3EventBridgeNotificationObjectCreatedEvent.json")
    event["detail"]["object"]["key"] = "a+b%2Bc.csv"
    assert ["a b+c/é.csv", "a+b%2Bc.csv"] == [each.object.key for each in read(notification, event).deliveries]


def test_deleted_objects_test_messages_and_folder_markers_say_nothing(corpora):
    marker = recorded(corpora, "s3EventBridgeNotificationObjectCreatedEvent.json")
    marker["detail"]["object"]["key"] = "orders/"
    deleted = recorded(corpora, "s3EventDeleteObject.json")
    assert Messages((), ()) == read({"Service": "Amazon S3", "Event": "s3:TestEvent"}, marker, deleted)


def test_a_request_for_a_run_comes_back_as_it_was_sent():
    assert Messages((RunRequested("m1", "r1"),), ()) == read(run_requested("r1"))


@pytest.mark.parametrize(
    "body",
    ["Test message.", "[]", "null", "{}", '{"source": "aws.s3", "detail-type": "Object Created"}', '{"Records": [{}]}'],
)
def test_a_message_that_nobody_understands_is_left_to_the_dead_letter_queue_and_spoils_no_other(body):
    found = read(body, run_requested("r1"))
    assert ({"batchItemFailures": [{"itemIdentifier": "m1"}]}, (RunRequested("m2", "r1"),)) == (
        found.failures(),
        found.deliveries,
    )


def caught(name: str, message: str) -> dict:
    return {"failure": {"Error": name, "Cause": json.dumps({"errorType": name, "errorMessage": message})}}


def test_an_error_of_our_boundary_says_stage_name_and_message():
    told = json.dumps({"stage": "plan", "error": "NotFound", "message": "s3://a/b matches no object"})
    assert Failure("plan", "NotFound", "s3://a/b matches no object") == failure_of(caught("Fatal", told))


def test_a_lambda_that_was_ended_says_why():
    told = failure_of(caught("Sandbox.Timedout", "RequestId: 1 Error: Task timed out after 2.00 seconds"))
    why = "a Lambda was ended: it ran longer than its time limit (Sandbox.Timedout)"
    assert Failure("lambda", "Fatal", why) == told


def test_a_cause_that_is_no_json_is_told_as_it_is():
    told = failure_of({"failure": {"Error": "States.Runtime", "Cause": "no such path"}})
    assert Failure("lambda", "Fatal", "States.Runtime: no such path") == told


def test_a_state_without_a_failure_has_none():
    assert failure_of({"run_id": "r1"}) is None


def test_every_fixture_is_understood():
    paths = sorted(EVENTS.glob("intake_*.json"))
    assert paths
    for path in paths:
        found = messages(json.loads(path.read_text(encoding="utf-8")))
        assert ((), True) == (found.broken, bool(found.deliveries)), path.name
