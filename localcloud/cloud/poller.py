"""The poller: hands the queue's messages to intake, as Lambda's event source mapping for SQS does.

A batch of at most ten; an answer deletes what it does not name in ``batchItemFailures``, an error deletes nothing.
What was left comes back at once, and after ``RECEIVE_LIMIT`` tries the queue moves it to its dead-letter queue.
"""

import logging
import threading
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.cloud.address import REGION
from localcloud.cloud.resources import ACCOUNT, QUEUE

BATCH = 10
#: How long one call waits for messages.
WAIT_S = 1
#: After an error of the queue or of intake.
PAUSE_S = 1.0

logger = logging.getLogger(__name__)
#: Takes the event, returns the answer, or None when the function failed.
Invoke = Callable[[dict[str, Any]], dict[str, Any] | None]


class Poller:
    """One thread on one queue."""

    def __init__(self, sqs: Any, queue_url: str, invoke: Invoke) -> None:
        self._sqs, self._url, self._invoke = sqs, queue_url, invoke
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
        found = self._sqs.receive_message(
            QueueUrl=self._url, MaxNumberOfMessages=BATCH, WaitTimeSeconds=WAIT_S, AttributeNames=["All"]
        ).get("Messages", [])
        if not found:
            return
        answer = self._invoke({"Records": [_record(message) for message in found]})
        every = {message["MessageId"] for message in found}
        left = every if answer is None else {each["itemIdentifier"] for each in answer.get("batchItemFailures", [])}
        for message in found:
            handle = {"QueueUrl": self._url, "ReceiptHandle": message["ReceiptHandle"]}
            if message["MessageId"] in left:
                self._sqs.change_message_visibility(**handle, VisibilityTimeout=0)
            else:
                self._sqs.delete_message(**handle)
        if left:
            self._stopping.wait(PAUSE_S)


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
