"""``etlplus``: all commands, together."""

import atexit
import gc
import os
import sys

from cli import cloud, document, here, plugin
from cli.app import app

__all__ = ["app", "cloud", "document", "here", "main", "plugin"]

#: A command imports much and leaves few cycles: with the usual 700 the collector takes a tenth of a second of each, and
#: with 50,000 a fiftieth still.
_COLLECT_AFTER = 250_000


def main() -> None:
    """Run the command line."""
    gc.set_threshold(_COLLECT_AFTER)
    try:
        app(prog_name="etlplus")
    except SystemExit as ended:
        if isinstance(ended.code, int | None):
            _leave(ended.code or 0)
        raise


def _leave(code: int) -> None:
    """End the process at once: to take its objects apart first costs another tenth of a second."""
    atexit._run_exitfuncs()  # noqa: SLF001 - what the interpreter itself would call
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        return  # the interpreter's own end knows what to say of it
    os._exit(code)
