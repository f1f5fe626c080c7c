"""``etlplus``: all commands, together."""

from cli import cloud, document, here
from cli.app import app

__all__ = ["app", "cloud", "document", "here", "main"]


def main() -> None:
    """Run the command line."""
    app(prog_name="etlplus")
