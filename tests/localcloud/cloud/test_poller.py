"""The poller: what becomes of messages that intake took, does not understand, or failed with."""

import threading

import pytest

from infra.door import BATCH, RECEIVE_LIMIT
from localcloud.cloud.poller import RESTS_S, Poller


class Messages:
    """A queue's client: gives out the messages that are visible, and notes what is done with each."""

    def __init__(self, *found: tuple[str, int]) -> None:
        self._found = [
            {
                "MessageId": name,
                "ReceiptHandle": name,
                "Body": "{}",
                "MD5OfBody": "",
                "Attributes": {"ApproximateReceiveCount": str(tries)},
            }
            for name, tries in found
        ]
        self.deleted: list[str] = []
        self.rests_s: dict[str, int] = {}
        self.asked_again = threading.Event()

    def receive_message(self, *, MaxNumberOfMessages: int, WaitTimeSeconds: int, **_) -> dict:  # noqa: N803
        assert MaxNumberOfMessages <= 10  # SQS gives no more
        found, self._found = self._found[:MaxNumberOfMessages], self._found[MaxNumberOfMessages:]
        if not found and WaitTimeSeconds:
            self.asked_again.set()
            threading.Event().wait(0.01)
        return {"Messages": found}

    def delete_message(self, *, ReceiptHandle: str, **_) -> None:  # noqa: N803 - the names of the API
        self.deleted.append(ReceiptHandle)

    def change_message_visibility(self, *, ReceiptHandle: str, VisibilityTimeout: int, **_) -> None:  # noqa: N803
        self.rests_s[ReceiptHandle] = VisibilityTimeout


def polled(messages: Messages, answer: dict | None) -> Messages:
    poller = Poller(messages, "url", lambda _event: answer)
    poller.start()
    assert messages.asked_again.wait(10)
    poller.stop()
    return messages


def test_a_message_that_intake_failed_with_rests_longer_from_try_to_try():
    found = polled(Messages(*((f"m{tries}", tries) for tries in range(1, RECEIVE_LIMIT + 1))), None)
    assert ([], {"m1": 1, "m2": 5, "m3": 30, "m4": 60, "m5": 60}) == (found.deleted, found.rests_s)


def test_the_tries_of_a_message_cover_a_minute_and_a_half():
    assert sum(RESTS_S[: RECEIVE_LIMIT - 1]) >= 90


@pytest.mark.parametrize("tries", [1, 4])
def test_a_message_that_nobody_understands_rests_for_a_moment_and_keeps_no_other(tries):
    found = polled(Messages(("good", 1), ("broken", tries)), {"batchItemFailures": [{"itemIdentifier": "broken"}]})
    assert (["good"], {"broken": 1}) == (found.deleted, found.rests_s)


def test_what_was_taken_is_deleted_and_the_queue_is_asked_again_at_once():
    found = polled(Messages(("good", 1)), {})
    assert (["good"], {}) == (found.deleted, found.rests_s)


def test_messages_that_are_there_together_are_taken_together_up_to_a_batch():
    batches: list[int] = []
    messages = Messages(*((f"m{number}", 1) for number in range(BATCH + 25)))
    poller = Poller(messages, "url", lambda event: batches.append(len(event["Records"])) or {})
    poller.start()
    assert messages.asked_again.wait(10)
    poller.stop()
    assert ([BATCH, 25], BATCH + 25) == (batches, len(messages.deleted))
