"""The commands around plugins: begin one, see which are installed."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from cli.app import Output, app
from cli.output import Form, emit, table

plugin = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Steps of your own: begin one, list them.")
app.add_typer(plugin, name="plugin")


@plugin.command()
def new(
    name: Annotated[str, typer.Argument(help="The plugin's name, as a document will write it.")],
    into: Annotated[Path, typer.Option(help="The folder in which its own folder is made.")] = Path(),
    output: Output = Form.TABLE,
) -> None:
    """Write a package that is a plugin with its tests; it works unedited.

    etlplus plugin new shout
    """
    from cli.scaffold import write

    folder = write(name, into)
    place = shlex.quote(str(folder))
    told = f"{folder} is a plugin; .venv/bin/python -m pip install -e {place}, then .venv/bin/python -m pytest {place}"
    emit({"name": name, "folder": str(folder)}, output, told)


@plugin.command("list")
def list_(output: Output = Form.TABLE) -> None:
    """List the plugins that are installed, with their packages and versions."""
    from chalicelib.engine.plugins.installed import installed

    found = [each.pin for each in installed()]
    rows = [(pin.name, pin.package, pin.version) for pin in found]
    told = table(rows, ("plugin", "package", "version")) if rows else "none is installed; etlplus plugin new NAME"
    emit([{"name": name, "package": of, "version": version} for name, of, version in rows], output, told)
