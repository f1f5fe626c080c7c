"""S3 -> EventBridge -> SQS: one message an object, in AWS's shape; and the queue itself."""

import json
import threading
import time
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest

WAIT_S = 5
_numbers = count(1)


class Wire:
    """A bucket that announces, a rule with a queue behind it, and what has come through."""

    def __init__(self, cloud, pattern: dict[str, Any], *, bucket: str | None = None, versioned: bool = False) -> None:
        self.s3, self._sqs, self.events = cloud.client("s3"), cloud.client("sqs"), cloud.client("events")
        self.bucket = bucket or cloud.bucket(announcing=True, versioned=versioned)
        self.rule = f"rule-{next(_numbers)}"
        self._url = self._sqs.create_queue(QueueName=self.rule)["QueueUrl"]
        detail = {"bucket": {"name": [self.bucket]}, **pattern}
        asked = {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": detail}
        self.events.put_rule(Name=self.rule, EventPattern=json.dumps(asked), State="ENABLED")
        arn = f"arn:aws:sqs:eu-west-1:123456789012:{self.rule}"
        self.events.put_targets(Rule=self.rule, Targets=[{"Id": "queue", "Arn": arn}])

    def put(self, key: str, body: bytes = b"x") -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)

    def until(self, key: str) -> list[dict[str, Any]]:
        """The events up to the one of ``key``, which was put last: order shows that nothing else came."""
        found: list[dict[str, Any]] = []
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end and key not in [each["detail"]["object"]["key"] for each in found]:
            for message in self._sqs.receive_message(QueueUrl=self._url, WaitTimeSeconds=1).get("Messages", []):
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
                found.append(json.loads(message["Body"]))
        return found


def told(events: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(each["detail"]["reason"], each["detail"]["object"]["key"]) for each in events]


def shape(value: Any) -> Any:
    return {key: shape(each) for key, each in value.items()} if isinstance(value, dict) else type(value).__name__


def upload(s3, bucket: str, key: str, parts: list[bytes]) -> dict[str, Any]:
    where = {"Bucket": bucket, "Key": key}
    where["UploadId"] = s3.create_multipart_upload(**where)["UploadId"]
    done = [
        {"PartNumber": n, "ETag": s3.upload_part(**where, PartNumber=n, Body=part)["ETag"]}
        for n, part in enumerate(parts, 1)
    ]
    return s3.complete_multipart_upload(**where, MultipartUpload={"Parts": done})


def test_an_event_has_the_shape_that_aws_sends(cloud, corpora):
    wire = Wire(cloud, {})
    wire.put("orders/a b+ü.csv", b"12345")
    (event,) = wire.until("orders/a b+ü.csv")
    example = json.loads((corpora / "aws-events" / "s3EventBridgeNotificationObjectCreatedEvent.json").read_text())
    assert shape(example) == shape(event)
    thing = event["detail"]["object"]
    assert (5, "827ccb0eea8a706c4c34a16891f84e7b") == (thing["size"], thing["etag"])
    assert [f"arn:aws:s3:::{wire.bucket}"] == event["resources"]
    age = datetime.now(UTC) - datetime.strptime(event["time"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert abs(age.total_seconds()) < 60


def test_a_put_a_copy_and_an_upload_in_parts_are_announced_once_each(cloud):
    wire = Wire(cloud, {})
    wire.put("a")
    wire.s3.copy_object(Bucket=wire.bucket, Key="b", CopySource={"Bucket": wire.bucket, "Key": "a"})
    upload(wire.s3, wire.bucket, "c", [b"p" * 5 * 1024 * 1024, b"q"])
    wire.s3.delete_object(Bucket=wire.bucket, Key="a")
    wire.put("last")
    expected = [("PutObject", "a"), ("CopyObject", "b"), ("CompleteMultipartUpload", "c"), ("PutObject", "last")]
    assert expected == told(wire.until("last"))


def test_ids_are_unique_and_the_sequencer_grows(cloud):
    wire = Wire(cloud, {})
    for key in ("a", "b", "c"):
        wire.put(key)
    events = wire.until("c")
    sequence = [each["detail"]["object"]["sequencer"] for each in events]
    assert sorted(set(sequence)) == sequence
    assert (3, 3) == (len({each["id"] for each in events}), len({each["detail"]["request-id"] for each in events}))


def test_a_version_is_named_when_the_bucket_keeps_versions(cloud):
    wire = Wire(cloud, {}, versioned=True)
    version = wire.s3.put_object(Bucket=wire.bucket, Key="a", Body=b"x")["VersionId"]
    (event,) = wire.until("a")
    assert version == event["detail"]["object"]["version-id"]


def test_a_rule_gets_what_its_pattern_names(cloud):
    wire = Wire(cloud, {"object": {"key": [{"prefix": "orders/"}]}})
    other = cloud.bucket(announcing=True)
    wire.s3.put_object(Bucket=other, Key="orders/of another bucket", Body=b"x")
    for key in ("orders/1", "refunds/1", "orders/2"):
        wire.put(key)
    assert [("PutObject", "orders/1"), ("PutObject", "orders/2")] == told(wire.until("orders/2"))


def test_a_disabled_rule_gets_nothing(cloud):
    wire = Wire(cloud, {})
    wire.events.disable_rule(Name=wire.rule)
    wire.put("while disabled")
    later = Wire(cloud, {})
    later.put("marker")
    later.until("marker")  # events go on in order: the first one has been handled
    wire.events.enable_rule(Name=wire.rule)
    wire.put("last")
    assert [("PutObject", "last")] == told(wire.until("last"))


def test_a_schedule_gets_no_events_of_objects(cloud):
    wire = Wire(cloud, {})
    schedule, queue = f"{wire.rule}-hourly", f"arn:aws:sqs:eu-west-1:123456789012:{wire.rule}"
    wire.events.put_rule(Name=schedule, ScheduleExpression="rate(1 hour)", State="ENABLED")
    wire.events.put_targets(Rule=schedule, Targets=[{"Id": "queue", "Arn": queue}])
    wire.put("a")
    wire.put("last")
    found = told(wire.until("last"))
    wire.events.remove_targets(Rule=schedule, Ids=["queue"])
    assert [("PutObject", "a"), ("PutObject", "last")] == found


def test_a_target_that_is_gone_does_not_fail_the_put(cloud):
    wire = Wire(cloud, {})
    wire.events.put_targets(Rule=wire.rule, Targets=[{"Id": "queue", "Arn": "arn:aws:sqs:eu-west-1:123456789012:no"}])
    wire.put("a")
    after = Wire(cloud, {})
    after.put("b")
    assert [("PutObject", "b")] == told(after.until("b"))


def test_a_waiting_receiver_wakes_when_a_message_arrives(cloud):
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName="waiting")["QueueUrl"]
    sender = threading.Timer(0.3, sqs.send_message, kwargs={"QueueUrl": url, "MessageBody": "now"})
    began = time.monotonic()
    sender.start()
    found = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]
    sender.join()
    assert ["now"] == [each["Body"] for each in found]
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("limit", [1, 2])
def test_a_message_that_was_received_too_often_goes_to_the_dead_letter_queue(cloud, limit):
    sqs = cloud.client("sqs")
    dead = sqs.create_queue(QueueName=f"dead-{limit}")["QueueUrl"]
    policy = {"deadLetterTargetArn": f"arn:aws:sqs:eu-west-1:123456789012:dead-{limit}", "maxReceiveCount": limit}
    attributes = {"RedrivePolicy": json.dumps(policy), "VisibilityTimeout": "0"}
    url = sqs.create_queue(QueueName=f"alive-{limit}", Attributes=attributes)["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="poison")
    received = [len(sqs.receive_message(QueueUrl=url).get("Messages", [])) for _ in range(limit + 1)]
    assert [1] * limit + [0] == received
    assert ["poison"] == [each["Body"] for each in sqs.receive_message(QueueUrl=dead)["Messages"]]
