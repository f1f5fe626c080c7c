"""The poller: hands the queue's messages to intake, as Lambda's event source mapping for SQS does.

A batch is what is there, at most ``BATCH`` messages; an answer deletes what it does not name in
``batchItemFailures``, an error deletes nothing.
What was left rests and comes back: for longer from try to try when intake failed, for a moment when its answer names
the message, which waiting does not mend. After ``RECEIVE_LIMIT`` tries the queue moves it to its dead-letter queue.
"""

import logging
import threading
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.settings import PATIENCE_S
from infra.door import BATCH
from localcloud.cloud.address import REGION
from localcloud.cloud.resources import ACCOUNT, QUEUE

#: What one call gets at most.
CALL = 10
#: How long one call waits for messages.
WAIT_S = 1
#: After an error of the queue.
PAUSE_S = 1.0
#: How long a message rests that intake failed with, by the tries that it had: the database may be away for a while.
RESTS_S = (1, 5, 30, 60)
#: How long one rests that intake does not understand.
BROKEN_REST_S = 1

logger = logging.getLogger(__name__)
#: Takes the event, returns the answer, or None when the function failed.
Invoke = Callable[[dict[str, Any]], dict[str, Any] | None]


class Poller:
    """One thread on one queue."""

    def __init__(self, sqs: Any, queue_url: str, invoke: Invoke, *, patience_s: float = PATIENCE_S) -> None:
        self._sqs, self._url, self._invoke = sqs, queue_url, invoke
        self._rests_s = [max(1, round(rest_s * patience_s / PATIENCE_S)) for rest_s in RESTS_S]
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="poller", daemon=True)

    def start(self) -> None:
        """Begin to poll."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the batch at hand, then end."""
        self._stopping.set()
        self._thread.join(WAIT_S + 1)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._once()
            except (BotoCoreError, ClientError) as error:
                if not self._stopping.is_set():
                    logger.warning("The queue does not answer: %s", error, extra={"action": "poll_failed"})
                self._stopping.wait(PAUSE_S)

    def _once(self) -> None:
        found = self._received()
        if not found:
            return
        answer = self._invoke({"Records": [_record(message) for message in found]})
        broken = () if answer is None else [each["itemIdentifier"] for each in answer.get("batchItemFailures", [])]
        for message in found:
            handle = {"QueueUrl": self._url, "ReceiptHandle": message["ReceiptHandle"]}
            if answer is None:
                self._sqs.change_message_visibility(**handle, VisibilityTimeout=self._rest_s(message))
            elif message["MessageId"] in broken:
                self._sqs.change_message_visibility(**handle, VisibilityTimeout=BROKEN_REST_S)
            else:
                self._sqs.delete_message(**handle)

    def _rest_s(self, message: dict[str, Any]) -> int:
        tries = int(message.get("Attributes", {}).get("ApproximateReceiveCount", 1))
        return self._rests_s[min(tries, len(self._rests_s)) - 1]

    def _received(self) -> list[dict[str, Any]]:
        found = more = self._receive(CALL, WAIT_S)
        while more and len(found) < BATCH:
            more = self._receive(min(CALL, BATCH - len(found)), 0)
            found += more
        return found

    def _receive(self, most: int, wait_s: int) -> list[dict[str, Any]]:
        wish = {"MaxNumberOfMessages": most, "WaitTimeSeconds": wait_s, "AttributeNames": ["All"]}
        return list(self._sqs.receive_message(QueueUrl=self._url, **wish).get("Messages", []))


def _record(message: dict[str, Any]) -> dict[str, Any]:
    """One message in the shape that Lambda's developer guide gives ("Using Lambda with Amazon SQS")."""
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": message.get("MessageAttributes", {}),
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{QUEUE}",
        "awsRegion": REGION,
    }
