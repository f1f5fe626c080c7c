"""The parts of a home's cloud, started in their order and stopped in the reverse one."""

import json
import logging
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from chalicelib.api import templates
from chalicelib.core.errors import Unreachable
from chalicelib.postgres.connection import Dsn
from chalicelib.settings import Settings
from chalicelib.store.plane import Plane
from chalicelib.store.tokens import PostgresTokens
from localcloud.aws.server import AwsServer
from localcloud.bridge import Bridge
from localcloud.cloud.address import API_PORT, AWS_PORT, Address, admin_token, local_environment
from localcloud.cloud.poller import Poller
from localcloud.cloud.resources import clients, make
from localcloud.cloud.sweeper import Sweeper
from localcloud.lambdas.function import Answer, Lambda
from localcloud.lambdas.pool import LambdaPool
from localcloud.lease import lease

#: What every Lambda process has imported at birth: what is heavy and reads no settings while it is imported.
PRELOAD = (
    "aws_lambda_powertools",
    "boto3",
    "chalice",
    "chalicelib.api",
    "chalicelib.bootstrap.cloud",
    "chalicelib.stages.plan",
    "chalicelib.stages.transform",
    "duckdb",
    "pg8000.native",
    "pgpq",
    "pyarrow.parquet",
    "pydantic",
)
logger = logging.getLogger(__name__)


class Parts:
    """All parts of one home's cloud, after the settings of whoever started it."""

    def __init__(self, home: Path, settings: Settings) -> None:
        self._home, self._settings = home, settings
        self._pool = LambdaPool(log=home / "lambda.log", scratch=home / "tmp", preload=PRELOAD)
        self._functions: Mapping[str, Lambda] = {}
        self._sweeper = Sweeper(self._sweep, soon_s=settings.patience_s)

    @contextmanager
    def running(self) -> Iterator[Address]:
        """Everything is up for the length of the block; what a crash left behind is started again meanwhile."""
        with ExitStack() as stack:
            stack.callback(self._pool.close)
            self._pool.begin()
            database = stack.enter_context(_database(self._home, self._settings))
            aws = AwsServer(port=AWS_PORT, disk=self._home / "s3", invoke=self._invoke)
            aws.start()
            stack.callback(aws.stop)
            client = clients(aws.endpoint)
            made = make(client, local_environment(aws.endpoint), self._values(database))
            self._functions = made.functions
            for function in made.functions.values():
                self._pool.warm(function)
            _keep_token(database, self._home)
            poller = Poller(client("sqs"), made.queue_url, self._take, patience_s=self._settings.patience_s)
            poller.start()
            stack.callback(poller.stop)
            bridge = Bridge(port=API_PORT, routes=templates(), invoke=self._ask)
            serving = threading.Thread(target=bridge.serve, name="api", daemon=True)
            serving.start()
            stack.callback(serving.join)
            stack.callback(bridge.stop)
            self._sweeper.start()
            stack.callback(self._sweeper.stop)
            yield Address(os.getpid(), bridge.url, aws.endpoint)

    def _invoke(self, name: str, payload: bytes) -> tuple[bytes, bool]:
        answer = self._answer(name, payload)
        return answer.payload, answer.failed

    def _ask(self, event: dict[str, Any]) -> dict[str, Any] | None:
        return self._call("api", event)

    def _take(self, event: dict[str, Any]) -> dict[str, Any] | None:
        answer = self._call("intake", event)
        if answer is None:
            self._sweeper.soon()
        return answer

    def _sweep(self) -> bool:
        return self._call("sweep", {}) is not None

    def _call(self, name: str, event: dict[str, Any]) -> dict[str, Any] | None:
        """The function's answer, or None when it failed; why stands in its log."""
        try:
            answer = self._answer(name, json.dumps(event).encode())
        except Unreachable as error:
            logger.warning("%s was not called: %s", name, error, extra={"action": "call_failed"})
            return None
        return None if answer.failed else json.loads(answer.payload)

    def _answer(self, name: str, payload: bytes) -> Answer:
        return self._pool.invoke(self._functions[name], payload)

    def _values(self, database: str) -> Mapping[str, str]:
        facts = {"MAX_WORKERS": str(os.cpu_count() or 1), "EXTRACT_RESERVE_S": str(self._settings.extract_reserve_s)}
        return {**self._settings.databases(), "DATABASE_URL": database, **facts}


@contextmanager
def _database(home: Path, settings: Settings) -> Iterator[str]:
    if settings.database_url:
        yield settings.database_url
        return
    with lease(home) as held:
        yield held.dsn


def _keep_token(database: str, home: Path) -> None:
    plane = Plane(Dsn.parse(database))
    try:
        PostgresTokens(plane).keep("admin", admin_token(home))
    finally:
        plane.close()
