"""Folders for tests: in memory where there is enough, for what flushes every file that it writes."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108 - a home of a test is private inside it, and gone with the test


@contextmanager
def open_folder() -> Iterator[Path]:
    """A new folder that all may pass, in memory if there is enough: a cluster is a thousand files, S3 flushes each.

    Nothing of what tests prove depends on the medium: a process that is killed leaves what it wrote to either.
    """
    in_memory = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > 2_000_000_000
    with tempfile.TemporaryDirectory(
        prefix="etlplus-test-", dir=MEMORY if in_memory else None, ignore_cleanup_errors=True
    ) as name:  # what was killed may still write its last
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
