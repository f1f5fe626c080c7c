"""The Lambdas of the functions table, as zips of this checkout's sources.

What they need besides (pydantic, pg8000, DuckDB, ...) is not in the zips yet: each function's list comes with the
issue that deploys, and ``_copy_sources`` is where it is bundled.
"""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambdas
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.functions import Function
from infra.network import Network

ROOT = Path(__file__).parents[1]
SOURCES = ("app.py", "chalicelib", "functions")
#: Room for an object and its decompressed copy.
DISK_MB = {"extract": 10_240, "transform": 10_240, "load": 2_048}


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
            environment={**each.environment(values), "POWERTOOLS_SERVICE_NAME": "etlplus"},
            tracing=lambdas.Tracing.ACTIVE,
            log_group=log,
            vpc=network.vpc if each.inside else None,
            vpc_subnets=network.private if each.inside else None,
            security_groups=[network.inside] if each.inside else None,
            ipv6_allowed_for_dual_stack=True if each.inside else None,
        )


def _copy_sources(folder: str) -> None:
    for name in SOURCES:
        source, copy = ROOT / name, Path(folder, name)
        if source.is_dir():
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, copy)
