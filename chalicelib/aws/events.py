"""The shapes of what AWS sends: queue messages with S3's events in them, and what a state machine says of an error.

Sources: the S3 user guide, "EventBridge event message structure" and "Event message structure"; the Lambda developer
guide, "Using Lambda with Amazon SQS"; the Step Functions developer guide, "Handling errors".
"""

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from chalicelib.core.delivery import Delivery, ObjectCreated, ObjectId, RunRequested
from chalicelib.core.errors import Fatal
from chalicelib.core.run import Failure

logger = logging.getLogger(__name__)
Json = Mapping[str, Any]

_REQUEST = {"source": "etlplus", "detail-type": "Run Requested"}
#: What an error is when our boundary could not say it: the Lambda itself was ended.
_ENDED = {
    "Sandbox.Timedout": "it ran longer than its time limit",
    "States.Timeout": "it ran longer than its time limit",
    "Runtime.OutOfMemory": "it needed more memory than it has",
    "Runtime.ExitError": "its process ended",
}


@dataclass(frozen=True, slots=True)
class Messages:
    """A batch of queue messages: what they say, and the ids of those that nobody understands."""

    deliveries: tuple[Delivery, ...]
    broken: tuple[str, ...]

    def failures(self) -> dict[str, Any]:
        """The answer that leaves the broken ones to the queue, which moves them to its dead-letter queue."""
        return {"batchItemFailures": [{"itemIdentifier": message} for message in self.broken]}


def run_requested(run_id: str) -> dict[str, Any]:
    """The message that asks for the start of a queued run."""
    return {**_REQUEST, "detail": {"run_id": run_id}}


def messages(event: Json) -> Messages:
    """Read what a queue hands to a Lambda. S3's test messages and folder markers say nothing.

    Raises:
        Fatal: if it is no queue's event at all.
    """
    if not isinstance(event, Mapping) or not isinstance(event.get("Records"), list):
        raise Fatal(
            "the event has no list Records; intake takes what SQS hands on, like events/intake_object_created.json"
        )
    deliveries: list[Delivery] = []
    broken = []
    for message in event["Records"]:
        try:
            deliveries += tuple(_deliveries(message["messageId"], json.loads(message["body"])))
        except (ValueError, KeyError, TypeError) as error:
            told = {"action": "message_broken", "message_id": message["messageId"]}
            logger.error("A message is not understood: %s", type(error).__name__, extra=told)  # noqa: TRY400
            broken.append(message["messageId"])
    return Messages(tuple(deliveries), tuple(broken))


def failure_of(state: Json) -> Failure | None:
    """What a state machine's Catch left in the state data, if it caught anything.

    Our own boundary wrote the message as JSON; an error of Lambda itself has none, and its stage is ``lambda``.
    """
    caught = state.get("failure")
    if not caught:
        return None
    name = str(caught.get("Error", ""))
    told = _json(caught.get("Cause"))
    message = str(told.get("errorMessage") or caught.get("Cause") or name)
    ours = _json(message)
    if {"stage", "error", "message"} <= ours.keys():
        return Failure(str(ours["stage"]), str(ours["error"]), str(ours["message"]))
    why = _ENDED.get(name)
    return Failure("lambda", "Fatal", f"a Lambda was ended: {why} ({name})" if why else f"{name}: {message[:2000]}")


def _deliveries(message: str, body: Json) -> Iterator[Delivery]:
    if not isinstance(body, dict):
        raise TypeError(type(body).__name__)
    if "Records" in body:
        for number, record in enumerate(body["Records"]):
            if record["eventName"].startswith("ObjectCreated:"):
                yield from _created(f"{message}/{number}", _notified(record["s3"]))
    elif body.get("Event") == "s3:TestEvent":
        return
    elif (body["source"], body["detail-type"]) == ("aws.s3", "Object Created"):
        yield from _created(message, body["detail"])
    elif {key: body[key] for key in _REQUEST} == _REQUEST:
        yield RunRequested(message, str(body["detail"]["run_id"]))
    else:
        raise ValueError(body["detail-type"])


def _notified(s3: Json) -> Json:
    """An S3 notification's record in the form of EventBridge's; its key is URL-encoded, EventBridge's is not."""
    thing = s3["object"]
    version = {"version-id": thing["versionId"]} if thing.get("versionId") else {}
    facts = {"key": unquote_plus(thing["key"]), "size": thing.get("size", 0), "etag": thing.get("eTag", ""), **version}
    return {"bucket": {"name": s3["bucket"]["name"]}, "object": facts}


def _created(delivery: str, detail: Json) -> Iterator[ObjectCreated]:
    thing = detail["object"]
    if not thing["key"].endswith("/"):
        version = thing.get("version-id") or f"etag:{thing['etag']}"
        place = ObjectId(detail["bucket"]["name"], thing["key"], version)
        yield ObjectCreated(delivery, place, int(thing.get("size", 0)))


def _json(text: object) -> dict[str, Any]:
    try:
        found = json.loads(str(text))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
