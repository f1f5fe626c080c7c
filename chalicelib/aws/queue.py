"""The SQS queue that everything asks for runs through."""

import json

from chalicelib.aws.client import client, translated
from chalicelib.aws.events import run_requested


class Queue:
    """The queue at ``url``."""

    def __init__(self, url: str) -> None:
        self._url = url

    def ask(self, run_id: str) -> None:
        """Ask for the start of a run that is queued.

        Raises:
            Unreachable: if the queue does not answer.
        """
        with translated("the queue of runs"):
            client("sqs").send_message(QueueUrl=self._url, MessageBody=json.dumps(run_requested(run_id)))
