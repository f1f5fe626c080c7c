"""Mends of EventBridge.

1. S3's events have AWS's shape, an id, a time, a growing sequencer and a request of their own (moto: constants).
2. A multipart upload is announced once (moto: a put besides).
3. They leave when the object is durable, while nobody waits (moto: within the put, and only moto sees what fails).
4. A rule that is DISABLED sends nothing, nor does one without a pattern: it is a schedule's (moto: both send).

The shape is that of the S3 user guide, "EventBridge event message structure".
"""

import secrets
import threading
import time
import uuid
from typing import Any

from moto.events.models import Rule
from moto.s3 import notifications

from localcloud.aws.changes import current

_REASONS = {
    "s3:ObjectCreated:Put": "PutObject",
    "s3:ObjectCreated:Post": "POST Object",
    "s3:ObjectCreated:Copy": "CopyObject",
    "s3:ObjectCreated:CompleteMultipartUpload": "CompleteMultipartUpload",
}
_send = Rule.send_to_targets
_sequence = [time.time_ns()]
_sequence_lock = threading.Lock()


def apply() -> None:
    """Apply the mends of this module."""
    notifications._send_event_bridge_message = _note  # noqa: SLF001 - moto has no other place for it
    Rule.send_to_targets = _send_if_enabled


def _note(account_id: str, bucket: Any, event_name: Any, key: Any) -> None:
    """Leave the event with the request's changes; what goes on after they are durable."""
    changes, name = current(), str(event_name.value)
    is_part_of_more = name.endswith(":Put") and key.multipart is not None
    if changes is not None and name in _REASONS and not is_part_of_more:
        changes.events.append(_event(account_id, bucket, key, _REASONS[name]))


def _send_if_enabled(self: Any, original_event: dict[str, Any], transform_input: bool = True) -> None:  # noqa: FBT001, FBT002
    if self.state == "ENABLED" and self.event_pattern.get_pattern():
        _send(self, original_event, transform_input)


def _event(account_id: str, bucket: Any, key: Any, reason: str) -> dict[str, Any]:
    thing = {"key": key.name, "size": key.size, "etag": key.etag.strip('"'), "sequencer": _next_sequencer()}
    if key.version_id != "null":
        thing["version-id"] = key.version_id
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": account_id,
        "time": time.time(),  # moto writes it as text on its way to the queue
        "region": bucket.region_name,
        "resources": [bucket.arn],
        "detail": {
            "version": "0",
            "bucket": {"name": bucket.name},
            "object": thing,
            "request-id": secrets.token_hex(8).upper(),
            "requester": account_id,
            "source-ip-address": "127.0.0.1",
            "reason": reason,
        },
    }


def _next_sequencer() -> str:
    with _sequence_lock:
        _sequence[0] = max(_sequence[0] + 1, time.time_ns())
        return f"{_sequence[0]:018X}"
