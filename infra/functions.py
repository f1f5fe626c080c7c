"""The functions table: each Lambda's handler, limits, place and environment, read by CDK and by the laptop.

``reads`` names the settings (``chalicelib.settings``) that a function gets, ``*`` at an end for any; whoever creates it
supplies the values, and it gets no other. Functions outside the VPC reach the internet and never a database of ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

_CONTROL = ("DATABASE_URL", "DATABASE_AUTH", "DATABASE_PATIENCE_S")
_DATABASES = (*_CONTROL, "ETLPLUS_CONNECTION_*")


@dataclass(frozen=True, slots=True)
class Function:
    """One Lambda. A stage's word is its name, its file in ``functions`` and its state."""

    name: str
    handler: str
    timeout_s: int
    memory_mb: int
    reads: tuple[str, ...]
    inside: bool

    def environment(self, values: Mapping[str, str]) -> dict[str, str]:
        """What it reads of ``values``; a setting that has no value is left out."""
        return {name: value for name, value in values.items() if any(fnmatchcase(name, read) for read in self.reads)}


def _stage(name: str, *reads: str, timeout_s: int, memory_mb: int, inside: bool) -> Function:
    return Function(name, f"functions.{name}.handler", timeout_s, memory_mb, reads, inside)


FUNCTIONS = (
    Function("api", "app.app", 29, 512, (*_DATABASES, "QUEUE_URL"), inside=True),
    _stage("intake", *_CONTROL, "STATE_MACHINE_ARN", timeout_s=60, memory_mb=512, inside=True),
    _stage("sweep", *_DATABASES, "STATE_MACHINE_ARN", "WORK_BUCKET", timeout_s=300, memory_mb=512, inside=True),
    _stage("plan", *_DATABASES, "WORK_BUCKET", timeout_s=300, memory_mb=1024, inside=True),
    _stage("extract", "WORK_BUCKET", "MAX_WORKERS", "EXTRACT_RESERVE_S", timeout_s=900, memory_mb=2048, inside=False),
    _stage("transform", "WORK_BUCKET", timeout_s=900, memory_mb=4096, inside=False),
    _stage("load", *_DATABASES, "WORK_BUCKET", timeout_s=900, memory_mb=2048, inside=True),
    _stage("publish", *_DATABASES, "WORK_BUCKET", timeout_s=900, memory_mb=1024, inside=True),
    _stage("record", *_DATABASES, "WORK_BUCKET", timeout_s=300, memory_mb=1024, inside=True),
    _stage("notify", timeout_s=60, memory_mb=256, inside=False),
)
