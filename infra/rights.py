"""Who may do what: the least that each function needs, on the very thing."""

from collections.abc import Mapping

from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambdas

from infra.database import Database
from infra.functions import FUNCTIONS
from infra.queue import Queue
from infra.storage import Storage

#: Functions that read objects of the landing bucket; the sweep and plan list them, too.
READ_LANDING = ("plan", "extract", "transform")
LIST_LANDING = ("plan", "sweep")
START_RUNS = ("intake", "sweep")


def grant(
    functions: Mapping[str, lambdas.Function],
    *,
    storage: Storage,
    queue: Queue,
    database: Database,
    journey_arn: str,
) -> None:
    """Give each function its rights."""
    for each in FUNCTIONS:
        function = functions[each.name]
        if "DATABASE_URL" in each.reads:
            _allow(function, ["rds-db:connect"], database.user_arn)
        if "WORK_BUCKET" in each.reads:
            objects = storage.work.arn_for_objects("runs/*")
            _allow(function, ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], objects)
            _allow(function, ["s3:ListBucket"], storage.work.bucket_arn)
    for name in READ_LANDING:
        _allow(functions[name], ["s3:GetObject", "s3:GetObjectVersion"], storage.landing.arn_for_objects("*"))
    for name in LIST_LANDING:
        _allow(functions[name], ["s3:ListBucketVersions"], storage.landing.bucket_arn)
    for name in START_RUNS:
        _allow(functions[name], ["states:StartExecution"], journey_arn)
    _allow(functions["api"], ["sqs:SendMessage"], queue.queue.queue_arn)


def _allow(function: lambdas.Function, actions: list[str], resource: str) -> None:
    function.add_to_role_policy(iam.PolicyStatement(actions=actions, resources=[resource]))
