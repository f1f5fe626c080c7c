"""Ahead: count and hash a local file in a process of its own, while this one still imports what it needs.

Start-up leaves one core idle for 0.4 s; a file of 200 MB is counted and hashed in that time. The count assumes the
usual quote and more than one column; where the dialect turns out otherwise, ``tally`` counts again.
"""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Self

from chalicelib.core.tally import Lines
from chalicelib.engine.records.tally import count_lines

#: Below this size a process costs more than it gains.
WORTHWHILE_BYTES = 16 * 1024**2
QUOTE = '"'
_CODE = "import sys; sys.path[:0] = sys.argv[2:]; from chalicelib.engine.records.ahead import main; main(sys.argv[1])"


class ReadAhead:
    """One file that is being counted and hashed."""

    def __init__(self, path: Path) -> None:
        self.stat = path.stat()  #: as it was before the first byte was read
        root = str(Path(__file__).parents[3])
        command = [sys.executable, "-S", "-E", "-c", _CODE, str(path), root]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)  # noqa: S603 - us
        self._found: Lines | None = None

    @classmethod
    def of(cls, path: Path) -> Self | None:
        """Begin with ``path``, or do nothing if it is no large plain file."""
        try:
            large = path.is_file() and path.stat().st_size >= WORTHWHILE_BYTES
        except OSError:
            return None
        return cls(path.resolve()) if large else None

    def result(self) -> Lines | None:
        """Wait for what was found; None if the file could not be read."""
        if self._found is None and self._process.stdout is not None:
            with self._process:
                out = self._process.stdout.read()
            self._found = Lines(**json.loads(out)) if out else None
        return self._found


def main(path: str) -> None:
    """Count and hash ``path`` and print what was found as JSON."""
    sys.stdout.write(json.dumps(asdict(count_lines(Path(path), QUOTE, skip_blank=True))))
