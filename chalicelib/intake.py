"""Intake: the door of the cloud. What arrives becomes queued runs, and what is queued is started.

Row first, start second: a crash between the two leaves a queued run, which the message's next delivery or the sweep
starts.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.core.delivery import Delivery, ObjectCreated, ObjectId, RunRequested
from chalicelib.core.manifest import ObjectVersion
from chalicelib.core.pipeline import Pipeline, S3Source
from chalicelib.ports import Clock, Machine, RunQueue

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Intake:
    """What stands behind the queue of messages."""

    pipelines: Sequence[Pipeline]
    queue: RunQueue
    machine: Machine
    clock: Clock

    def take(self, deliveries: Sequence[Delivery]) -> int:
        """Queue and start the runs that ``deliveries`` ask for; return how many were started.

        Raises:
            Retriable: when the same deliveries should come again; what was done already is not done twice.
        """
        wanted = [each.run_id for each in deliveries if isinstance(each, RunRequested)]
        created = [each for each in deliveries if isinstance(each, ObjectCreated)]
        for pipeline in self.pipelines:
            matching = [each for each in created if is_triggered_by(pipeline, each)]
            if matching:
                wanted += self.queue.take(pipeline, matching, self.clock.now())
        for run_id in wanted:
            self.machine.start(run_id)
        told = {"action": "deliveries_taken", "deliveries": len(deliveries), "runs": len(wanted)}
        logger.info("Took %d deliveries, started %d runs", len(deliveries), len(wanted), extra=told)
        return len(wanted)


def is_triggered_by(pipeline: Pipeline, created: ObjectCreated) -> bool:
    """Whether the object starts a run of the pipeline."""
    source, place = pipeline.source, created.object
    wants = bool(pipeline.triggers) and isinstance(source, S3Source)
    return wants and isinstance(source, S3Source) and source.takes(place.bucket, place.key)


def announced(version: ObjectVersion) -> ObjectCreated:
    """What would have been delivered for an object that is there, had nobody lost the message."""
    place = ObjectId(version.bucket, version.key, version.version)
    return ObjectCreated(place.found, place, version.size_bytes)
