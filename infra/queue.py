"""The queue that every trigger goes through, its dead-letter queue, and what feeds and empties it."""

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambdas
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.door import BATCH, GATHER_S, RECEIVE_LIMIT, SWEEP_MINUTES, VISIBILITY_S

#: Intakes at once: each has a connection of the database.
INTAKES = 5


class Queue(Construct):
    """Both queues are encrypted and speak TLS only."""

    def __init__(self, scope: Construct) -> None:
        super().__init__(scope, "queue")
        self.dead = self._queue("dead", retention=cdk.Duration.days(14))
        self.queue = self._queue(
            "intake",
            visibility=cdk.Duration.seconds(VISIBILITY_S),
            dead=sqs.DeadLetterQueue(queue=self.dead, max_receive_count=RECEIVE_LIMIT),
        )

    def feed(self, intake: lambdas.Function, landing: s3.Bucket) -> None:
        """Send new objects of the landing bucket through the queue to intake."""
        pattern = events.EventPattern(
            source=["aws.s3"],
            detail_type=["Object Created"],
            detail={"bucket": {"name": [landing.bucket_name]}},
        )
        rule = events.Rule(self, "object-created", event_pattern=pattern)
        rule.add_target(targets.SqsQueue(self.queue, dead_letter_queue=self.dead))
        intake.add_event_source(
            sources.SqsEventSource(
                self.queue,
                batch_size=BATCH,
                max_batching_window=cdk.Duration.seconds(GATHER_S),
                report_batch_item_failures=True,
                max_concurrency=INTAKES,
            )
        )

    def sweep(self, function: lambdas.Function) -> None:
        """Call the sweep every few minutes."""
        rate = events.Schedule.rate(cdk.Duration.minutes(SWEEP_MINUTES))
        events.Rule(self, "sweep", schedule=rate).add_target(targets.LambdaFunction(function, retry_attempts=0))

    def _queue(
        self,
        name: str,
        *,
        retention: cdk.Duration | None = None,
        visibility: cdk.Duration | None = None,
        dead: sqs.DeadLetterQueue | None = None,
    ) -> sqs.Queue:
        return sqs.Queue(
            self,
            name,
            retention_period=retention,
            visibility_timeout=visibility,
            dead_letter_queue=dead,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
        )
