"""What CDK deploys, made on the laptop's AWS: buckets, queue, rule, functions and state machine."""

import io
import json
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import ClientError

from infra.door import RECEIVE_LIMIT, VISIBILITY_S
from infra.functions import FUNCTIONS
from infra.machine import NAME as MACHINE
from infra.machine import definition
from localcloud.cloud.address import CREDENTIAL, REGION
from localcloud.lambdas.function import Lambda

ACCOUNT = "123456789012"
LANDING = "landing"
WORK = "etlplus-work"
QUEUE = "etlplus-intake"
MACHINE_ARN = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{MACHINE}"
#: One role stands for all: the laptop's AWS asks that there is one and enforces nothing.
_ROLE = "local"
_ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/{_ROLE}"
Clients = Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class Resources:
    """What was made: the queue's URL, and each function's configuration by its name."""

    queue_url: str
    functions: Mapping[str, Lambda]


def clients(endpoint: str) -> Clients:
    """A function that returns the client of a service at ``endpoint``."""
    session = boto3.session.Session(CREDENTIAL, CREDENTIAL, region_name=REGION)
    return lambda service: session.client(service, endpoint_url=endpoint)


def make(client: Clients, environment: Mapping[str, str], values: Mapping[str, str]) -> Resources:
    """Make everything on an AWS that may have its buckets already.

    Functions get ``environment`` and, of ``values``, what the functions table lets them read.
    """
    for bucket in (LANDING, WORK):
        make_bucket(client("s3"), bucket)
    queue_url = _queue(client("sqs"))
    _rule(client("events"))
    known = {**values, "WORK_BUCKET": WORK, "QUEUE_URL": queue_url, "STATE_MACHINE_ARN": MACHINE_ARN}
    functions = {
        each.name: Lambda(
            name=each.name,
            handler=each.handler,
            timeout_s=each.timeout_s,
            memory_mb=each.memory_mb,
            environment={**environment, **each.environment(known)},
            arn=_arn(each.name),
        )
        for each in FUNCTIONS
    }
    client("iam").create_role(RoleName=_ROLE, AssumeRolePolicyDocument=_trust())
    _functions(client("lambda"), functions.values())
    text = definition({name: _arn(name) for name in functions}, WORK)
    client("stepfunctions").create_state_machine(name=MACHINE, definition=text, roleArn=_ROLE_ARN)
    return Resources(queue_url, functions)


def make_bucket(s3: Any, name: str) -> None:
    """Make a bucket unless it is there; all but the work bucket keep versions and announce new objects."""
    try:
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    except ClientError as error:
        if error.response["Error"]["Code"] != "BucketAlreadyOwnedByYou":
            raise
        return
    if name != WORK:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        s3.put_bucket_notification_configuration(
            Bucket=name, NotificationConfiguration={"EventBridgeConfiguration": {}}
        )


def _queue(sqs: Any) -> str:
    dead = sqs.create_queue(QueueName=f"{QUEUE}-dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": RECEIVE_LIMIT})
    attributes = {"RedrivePolicy": redrive, "VisibilityTimeout": str(VISIBILITY_S)}
    return str(sqs.create_queue(QueueName=QUEUE, Attributes=attributes)["QueueUrl"])


def _rule(events: Any) -> None:
    pattern = json.dumps({"source": ["aws.s3"], "detail-type": ["Object Created"]})
    events.put_rule(Name=QUEUE, EventPattern=pattern, State="ENABLED")
    events.put_targets(Rule=QUEUE, Targets=[{"Id": QUEUE, "Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{QUEUE}"}])


def _functions(lambdas: Any, functions: Iterable[Lambda]) -> None:
    for each in functions:
        lambdas.create_function(
            FunctionName=each.name,
            Runtime="python3.13",
            Handler=each.handler,
            Role=_ROLE_ARN,
            Code={"ZipFile": _nothing()},
            Timeout=int(each.timeout_s),
            MemorySize=each.memory_mb,
        )


def _trust() -> str:
    services = {"Service": ["lambda.amazonaws.com", "states.amazonaws.com"]}
    statement = {"Effect": "Allow", "Principal": services, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _arn(function: str) -> str:
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}"


def _nothing() -> bytes:
    """A zip for an API that wants one: the pool runs the handlers from this checkout."""
    with io.BytesIO() as buffer:
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("README", "The laptop runs this function's handler from its checkout.\n")
        return buffer.getvalue()
