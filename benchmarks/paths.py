"""The paths that a file can take into PostgreSQL, each as one process with its wall and CPU time."""

import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.orders import COLUMNS
from localcloud.binaries import find_binaries

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Timing:
    """One process: wall seconds from its start to its end, and the CPU seconds of the client."""

    wall_s: float
    client_cpu_s: float


def timed(command: list[str], environment: dict[str, str]) -> Timing:
    """Run ``command`` to its end.

    Raises:
        RuntimeError: with its last words, if it fails.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {(done.stderr or done.stdout)[-2000:]}")
    return Timing(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def psql_copy(file: Path, table: str, url: str) -> Timing:
    """Let psql copy the file into the table: no transform, no rule, no promise."""
    psql = find_binaries().bin / "psql"
    command = [str(psql), "-X", "-q", "-d", url, "-c", f"\\copy {table} from '{file}' csv header"]
    return timed(command, dict(os.environ))


def bare(file: Path, table: str, url: str) -> Timing:
    """The same engine and the same binary COPY without a single promise: the floor for us."""
    return timed([sys.executable, "-m", "benchmarks.bare", str(file), table, url], dict(os.environ))


def etlplus(file: Path, pipeline: Path, url: str, home: Path) -> Timing:
    """``etlplus load`` with every promise on: the command that people type."""
    environment = {**os.environ, "DATABASE_URL": url, "ETLPLUS_HOME": str(home)}
    return timed(
        [sys.executable, "-m", "cli", "load", str(file), "--pipeline", str(pipeline), "-o", "json"], environment
    )


def create_table(table: str) -> str:
    """The DDL of a plain table for the orders."""
    return f"CREATE TABLE {table} ({', '.join(f'{name} {kind}' for name, kind in COLUMNS.items())})"
