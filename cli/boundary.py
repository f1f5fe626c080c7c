"""The boundary: the one place where an error becomes one message on stderr and an exit code."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import ENOSPC
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from chalicelib.core.errors import EtlError
from cli.exit_codes import Exit, exit_of_error
from cli.output import full

#: Tracebacks go here, in the home, never to the terminal.
LOG_NAME = "etlplus.log"


class Boundary(TyperGroup):
    """The group of all commands: what they raise ends here."""

    def main(self, *given: Any, **named: Any) -> Any:
        """Run the command line; what meets a full disk before any command does is the help."""
        try:
            return super().main(*given, **named)
        except OSError as error:
            refused = full(error, "stdout")
            raise SystemExit(_ended(str(refused), exit_of_error(refused)).exit_code) from error

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            with _log() as path:
                return _checked(super().invoke, ctx, path)
        except EtlError as error:
            raise _ended(str(error), exit_of_error(error)) from error
        except KeyboardInterrupt as error:
            raise _ended("interrupted; what was not published is rolled back", Exit.TEMPORARY) from error


def _checked(command: Any, ctx: Any, path: Path) -> Any:
    """Run ``command``; a defect leaves its traceback in the log at ``path``."""
    try:
        return command(ctx)
    except (EtlError, typer.Exit, typer.Abort, TyperException, BrokenPipeError):
        raise
    except Exception as error:  # the boundary of a command: what it did outside a run has no other
        if isinstance(error, OSError) and error.errno == ENOSPC:  # help goes to stdout without our ``emit``
            raise full(error, error.filename or "stdout or a file at work") from error
        logging.getLogger("cli").exception("A command met a defect", extra={"action": "command_broke"})
        place = f"the traceback is in {path}" if path.is_file() else f"its traceback could not be written to {path}"
        told = f"internal error: {type(error).__name__}: {' '.join(str(error).split())}; {place}"
        raise _ended(told, Exit.INTERNAL) from error


def _ended(told: str, code: Exit) -> typer.Exit:
    sys.stderr.write(f"etlplus: {told}\n")
    return typer.Exit(code)


@contextmanager
def _log() -> Iterator[Path]:
    """Send log records of errors to a file in the home, made when there is one; give its path."""
    from chalicelib.settings import Settings

    path = Settings.read().home / LOG_NAME
    handler = _HomeHandler(path, delay=True, encoding="utf-8")
    handler.setLevel(logging.ERROR)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger().addHandler(handler)
    try:
        yield path
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()


class _HomeHandler(logging.FileHandler):
    """Makes the home with its file; neither exists before the first error. Where they cannot be, it is silent."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record where that can be done."""
        with suppress(OSError):
            super().emit(record)

    def _open(self) -> Any:
        Path(self.baseFilename).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return super()._open()
