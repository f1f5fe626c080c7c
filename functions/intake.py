"""Intake: the door. Messages of the queue become queued runs, and what is queued is started."""

from typing import Any

from chalicelib.aws.events import messages
from chalicelib.bootstrap.cloud import cloud
from functions.boundary import Payload


def handler(event: Payload, _context: Any) -> dict[str, Any]:
    """A batch of messages -> the ids of those to leave in the queue; an error leaves all of them."""
    found = messages(event)
    cloud().intake().take(found.deliveries)
    return found.failures()
