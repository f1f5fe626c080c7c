"""The laptop's AWS for the session, in a process of its own: the mends are for a whole process."""

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
from botocore.config import Config
from folders import open_folder

SERVING = Path(__file__).with_name("serving.py")
REGION, ROLE = "eu-west-1", "arn:aws:iam::123456789012:role/local"
FUNCTIONS = ("echo", "fail", "flaky", "picky", "slow", "release", "counted")
_numbers = count(1)


class Cloud:
    """A server process over a folder, and clients of it."""

    def __init__(self, disk: Path) -> None:
        self.disk = disk
        self._clients: dict[str, Any] = {}
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(SERVING), str(self.disk)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.endpoint = self._process.stdout.readline().strip()
        assert self.endpoint.startswith("http://127.0.0.1:")

    def stop(self, *, kill: bool = False) -> None:
        for client in self._clients.values():
            client.close()
        self._clients.clear()
        if kill:
            self._process.kill()
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()

    def client(self, service: str) -> Any:
        if service not in self._clients:
            session = boto3.session.Session("local", "local", region_name=REGION)
            config = Config(retries={"total_max_attempts": 1}, read_timeout=60)
            self._clients[service] = session.client(service, endpoint_url=self.endpoint, config=config)
        return self._clients[service]

    @property
    def process(self) -> psutil.Process:
        return psutil.Process(self._process.pid)

    def bucket(self, *, versioned: bool = False, announcing: bool = False) -> str:
        s3, name = self.client("s3"), f"bucket-{next(_numbers)}"
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        if versioned:
            s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        if announcing:
            s3.put_bucket_notification_configuration(
                Bucket=name, NotificationConfiguration={"EventBridgeConfiguration": {}}
            )
        return name

    def call(self, function: str, **payload: Any) -> Any:
        answer = self.client("lambda").invoke(FunctionName=function, Payload=json.dumps(payload))
        return json.loads(answer["Payload"].read())

    def make_functions(self) -> None:
        self.client("iam").create_role(RoleName="local", AssumeRolePolicyDocument="{}")
        with io.BytesIO() as buffer:
            with zipfile.ZipFile(buffer, "w") as archive:
                archive.writestr("README", "The test answers.")
            code = {"ZipFile": buffer.getvalue()}
        for name in FUNCTIONS:
            self.client("lambda").create_function(
                FunctionName=name, Runtime="python3.13", Handler="a.b", Role=ROLE, Code=code
            )


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    """One server for all tests that do not restart it."""
    with open_folder() as folder:
        found = Cloud(folder)
        found.start()
        found.make_functions()
        yield found
        found.stop()


@pytest.fixture
def own_cloud(memory_path: Path) -> Iterator[Cloud]:
    """A server that the test may restart."""
    found = Cloud(memory_path / "s3")
    found.start()
    yield found
    found.stop(kill=True)
