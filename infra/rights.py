"""Who may do what: the least that each function needs, on the very thing."""

from collections.abc import Mapping

from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambdas

from infra.database import Database
from infra.functions import FUNCTIONS
from infra.queue import Queue
from infra.storage import Storage

#: Functions that read objects of the landing bucket (record finds the bytes of late rejects); the sweep and plan list.
READ_LANDING = ("plan", "extract", "transform", "record")
LIST_LANDING = ("plan", "sweep")
#: What each does in the runs' folders of the work bucket: a stage hands on, the end reads all and clears away,
#: as publish does with what was done under a stale plan; plan clears away why an earlier execution failed.
WRITE_WORK = ("plan", "extract", "transform", "load", "publish")
READ_WORK = ("plan", "extract", "transform", "load", "publish", "record", "sweep")
REMOVE_WORK = ("plan", "publish", "record", "sweep")
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
        if "DATABASE_URL" in each.reads:
            _allow(functions[each.name], ["rds-db:connect"], database.user_arn)
    _grant_objects(functions, storage)
    for name in START_RUNS:
        _allow(functions[name], ["states:StartExecution"], journey_arn)
    _allow(functions["api"], ["sqs:SendMessage"], queue.queue.queue_arn)


def _grant_objects(functions: Mapping[str, lambdas.Function], storage: Storage) -> None:
    """Who may not list a bucket is told of an object that is not there that it is forbidden: so readers may."""
    landed, work = storage.landing.arn_for_objects("*"), storage.work.arn_for_objects("runs/*")
    for names, actions, resource in (
        (READ_LANDING, ["s3:GetObject", "s3:GetObjectVersion"], landed),
        (READ_LANDING, ["s3:ListBucket"], storage.landing.bucket_arn),
        (LIST_LANDING, ["s3:ListBucketVersions"], storage.landing.bucket_arn),
        (WRITE_WORK, ["s3:PutObject", "s3:AbortMultipartUpload"], work),
        (READ_WORK, ["s3:GetObject"], work),
        (READ_WORK, ["s3:ListBucket"], storage.work.bucket_arn),
        (REMOVE_WORK, ["s3:DeleteObject"], work),
    ):
        for name in names:
            _allow(functions[name], actions, resource)


def _allow(function: lambdas.Function, actions: list[str], resource: str) -> None:
    function.add_to_role_policy(iam.PolicyStatement(actions=actions, resources=[resource]))
