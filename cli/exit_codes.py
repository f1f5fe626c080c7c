"""Exit codes: what a script can rely on."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from chalicelib.core import errors
from chalicelib.core.run import Status


class Exit(IntEnum):
    """0 ok, then what went wrong; 2 is Typer's own for a wrong command line."""

    OK = 0
    INTERNAL = 1
    USAGE = 2
    INVALID_PIPELINE = 3
    RUN_FAILED = 4
    HELD = 5
    NOT_ALLOWED = 6
    NOT_FOUND = 7
    TEMPORARY = 75


_BY_ERROR: tuple[tuple[type[errors.EtlError], Exit], ...] = (
    (errors.InvalidPipeline, Exit.INVALID_PIPELINE),
    (errors.NotFound, Exit.NOT_FOUND),
    (errors.Refused, Exit.NOT_ALLOWED),
    (errors.Held, Exit.HELD),
    (errors.Retriable, Exit.TEMPORARY),
    (errors.Fatal, Exit.RUN_FAILED),
)


def exit_of_error(error: errors.EtlError) -> Exit:
    """The exit code for an error, by its category."""
    return next((code for kind, code in _BY_ERROR if isinstance(error, kind)), Exit.INTERNAL)


def exit_of_run(run: Mapping[str, Any]) -> Exit:
    """The exit code for a run (in its JSON form) that has ended: succeeded and skipped are both ok."""
    if run["status"] in (Status.SUCCEEDED, Status.SKIPPED):
        return Exit.OK
    if run["failure"] is None:
        return Exit.RUN_FAILED
    kind = getattr(errors, run["failure"]["error"], errors.Fatal)
    return exit_of_error(kind())
