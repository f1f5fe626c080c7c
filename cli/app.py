"""The application that commands are registered with, and the options that they share."""

from typing import Annotated

import typer

from cli.boundary import Boundary
from cli.output import Form

app = typer.Typer(
    cls=Boundary,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Files, APIs and databases into correct PostgreSQL tables.",
)
Output = Annotated[Form, typer.Option("--output", "-o", help="How the result is printed.")]
RunId = Annotated[str, typer.Argument(help="A run's id, the beginning of one, or: last.")]
