"""The Lambdas of the functions table, as zips of this checkout's sources.

What they need besides (pydantic, pg8000, DuckDB, ..., and ``rds.pem`` with the certificates of RDS) is not in the zips
yet: each function's list comes with the issue that deploys, and ``_copy_sources`` is where it is bundled.
"""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambdas
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.functions import Function
from infra.network import Network, dual_stack

ROOT = Path(__file__).parents[1]
SOURCES = ("app.py", "chalicelib", "etlplus", "functions")
#: Room for an object and its decompressed copy.
DISK_MB = {"extract": 10_240, "transform": 10_240, "load": 2_048, "record": 10_240}
#: Settings that lead to a service, its endpoint's variable and its name there: botocore reads one a service, so that S3
#: stays on the gateway endpoint.
ENDPOINTS = {"STATE_MACHINE_ARN": ("AWS_ENDPOINT_URL_SFN", "states"), "QUEUE_URL": ("AWS_ENDPOINT_URL_SQS", "sqs")}
#: What Lambda does in the function's name to stand in a VPC; it cannot be bound to one network interface.
_STAND_INSIDE = (
    *("ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DeleteNetworkInterface"),
    *("ec2:DescribeSubnets", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"),
)


class Lambdas(Construct):
    """One function a line of the table; it reads of ``values`` what its line says."""

    def __init__(
        self, scope: Construct, table: Sequence[Function], values: Mapping[str, str], network: Network
    ) -> None:
        super().__init__(scope, "lambdas")
        with TemporaryDirectory() as folder:  # the first function takes its copy of it
            _copy_sources(folder)
            code = lambdas.Code.from_asset(folder)
            self.functions = {each.name: self._made(each, code, values, network) for each in table}

    def _made(
        self, each: Function, code: lambdas.Code, values: Mapping[str, str], network: Network
    ) -> lambdas.Function:
        log = logs.LogGroup(
            self, f"{each.name}-log", retention=logs.RetentionDays.ONE_MONTH, removal_policy=cdk.RemovalPolicy.DESTROY
        )
        return lambdas.Function(
            self,
            each.name,
            runtime=lambdas.Runtime.PYTHON_3_13,
            architecture=lambdas.Architecture.X86_64,
            handler=each.handler,
            code=code,
            timeout=cdk.Duration.seconds(each.timeout_s),
            memory_size=each.memory_mb,
            ephemeral_storage_size=cdk.Size.mebibytes(DISK_MB.get(each.name, 512)),
            environment=_environment(each, values),
            role=self._role(each, log),
            tracing=lambdas.Tracing.ACTIVE,
            log_group=log,
            vpc=network.vpc if each.inside else None,
            vpc_subnets=network.private if each.inside else None,
            security_groups=[network.inside] if each.inside else None,
            ipv6_allowed_for_dual_stack=True if each.inside else None,
        )

    def _role(self, each: Function, log: logs.LogGroup) -> iam.Role:
        """A role of its own, which may write its own log; the policies that AWS keeps for this allow every log."""
        writing = ["logs:CreateLogStream", "logs:PutLogEvents"]
        may = [iam.PolicyStatement(actions=writing, resources=[log.log_group_arn])]
        if each.inside:
            may.append(iam.PolicyStatement(actions=list(_STAND_INSIDE), resources=["*"]))
        return iam.Role(
            self,
            f"{each.name}-role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            inline_policies={"run": iam.PolicyDocument(statements=may)},
        )


def _environment(each: Function, values: Mapping[str, str]) -> dict[str, str]:
    read = each.environment(values)
    endpoints = dict(ENDPOINTS[name] for name in read if each.inside and name in ENDPOINTS)
    urls = {name: dual_stack(service) for name, service in endpoints.items()}
    return {**read, **urls}


def _copy_sources(folder: str) -> None:
    for name in SOURCES:
        source, copy = ROOT / name, Path(folder, name)
        if source.is_dir():
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, copy)
