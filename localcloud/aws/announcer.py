"""The announcer: hands S3's events to the rules of EventBridge, one after the other, while nobody waits for it."""

import logging
import queue
import threading
from collections.abc import Iterable
from typing import Any

from moto.events.models import events_backends

logger = logging.getLogger(__name__)


class Announcer:
    """One thread; events leave it in the order in which they were announced."""

    def __init__(self) -> None:
        self._events: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="announcer", daemon=True)

    def start(self) -> None:
        """Begin to hand on."""
        self._thread.start()

    def stop(self) -> None:
        """Hand on what is there, then end."""
        self._events.put(None)
        self._thread.join()

    def announce(self, events: Iterable[dict[str, Any]]) -> None:
        """Hand ``events`` on, soon."""
        for event in events:
            self._events.put(event)

    def _run(self) -> None:
        while (event := self._events.get()) is not None:
            bus = events_backends[event["account"]][event["region"]].event_buses["default"]
            for rule in list(bus.rules.values()):
                try:  # what keeps one rule from its target must not keep the others from theirs
                    rule.send_to_targets(event, transform_input=False)
                except Exception:
                    logger.exception("Rule %s cannot reach its targets", rule.name, extra={"action": "rule_failed"})
