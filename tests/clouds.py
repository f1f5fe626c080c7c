"""A local cloud for tests: a process of its own, with a home and databases of its own."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chalicelib.core.document import parse_pipeline
from chalicelib.core.run import TRANSITIONS, Status
from chalicelib.postgres.connection import Dsn
from chalicelib.settings import PATIENCE_S as PATIENCE
from chalicelib.settings import Settings
from cli.remote import Remote
from localcloud.cloud.address import admin_token
from localcloud.cloud.client import running, start
from localcloud.cloud.resources import clients

#: Nothing here takes nearly as long; a test that waits so long has found a defect.
PATIENCE_S = 60

DOCUMENT = """
version: 1
name: {name}
source: {{type: s3, uri: "s3://landing/{name}/*"}}
columns: {{id: bigint, name: text}}
target: {{type: postgres, table: public.{name}{more}}}
triggers: [{{type: object}}]
{parts}
"""


def url_of(dsn: Dsn) -> str:
    return f"postgresql://{dsn.user}:{dsn.password}@{dsn.host}:{dsn.port}/{dsn.database}"


@dataclass
class Cloud:
    """What a test does with a cloud: apply a pipeline, drop objects, wait for runs."""

    settings: Settings
    database: Dsn
    process: Any
    remote: Remote = field(init=False)
    endpoint: str = field(init=False)

    def __post_init__(self) -> None:
        address = running(self.settings)
        self.remote = Remote(address.api, admin_token(self.settings.home))
        self.api, self.endpoint, self.pid = address.api, address.aws, address.pid

    def client(self, service: str) -> Any:
        return clients(self.endpoint)(service)

    def apply(self, name: str, *, more: str = "", parts: str = "") -> None:
        text = DOCUMENT.format(name=name, more=more, parts=parts)
        parse_pipeline(text)
        self.remote.apply(text, name)

    def drop(self, key: str, body: bytes) -> str:
        done = self.client("s3").put_object(Bucket="landing", Key=key, Body=body)
        return done["VersionId"]

    def ended(self, name: str, runs: int = 1) -> list[dict[str, Any]]:
        """The pipeline's runs in their order, once there are so many and all have ended."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            found = self.remote.runs(name)[::-1]
            if len(found) >= runs and all(is_final(run) for run in found):
                return [self.remote.run(run["run_id"]) for run in found]
            time.sleep(0.05)
        raise AssertionError(f"{name}: after {PATIENCE_S} s there are {[run['status'] for run in found]}")


def is_final(run: dict[str, Any]) -> bool:
    return not TRANSITIONS[Status(run["status"])] or run["status"] == "held"


@contextmanager
def cloud_on(
    home: Path, database: Dsn, connections: dict[str, str] | None = None, *, patience_s: float = PATIENCE
) -> Iterator[Cloud]:
    """A cloud that runs for the length of the block, on the home's S3 and the database."""
    url = url_of(database)
    settings = Settings(home=home, database_url=url, connections=connections or {}, patience_s=patience_s)
    process = start(settings, attached=True)
    try:
        yield Cloud(settings, database, process)
    finally:
        process.stdin.close()
        process.wait(PATIENCE_S)
