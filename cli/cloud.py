"""The commands of the local cloud: start it, feed it, ask it."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.app import Output, app
from cli.exit_codes import exit_of_run
from cli.output import Form, emit, warn


@app.command()
def up(
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Leave it running and return.")] = False,
    demo: Annotated[bool, typer.Option(help="Load the sample through it.")] = False,
    once: Annotated[bool, typer.Option(help="Stop it when all is told; with --demo.")] = False,
    output: Output = Form.TABLE,
) -> None:
    """Start the whole cloud on this machine: S3, queue, state machine, Lambdas, PostgreSQL, API. Ctrl-C stops it.

    etlplus up

    etlplus up --detach
    """
    if once and not demo:
        raise typer.BadParameter(
            "without --demo there is nothing to tell before it stops; add --demo", param_hint="--once"
        )
    if once and detach:
        raise typer.BadParameter(
            "it stops the cloud, and --detach leaves it running; give one of them", param_hint="--once"
        )
    from chalicelib.settings import Settings
    from cli.demo import show_sample
    from cli.up import told, up

    settings = Settings.read()
    with up(settings, attached=not detach) as process:
        emit(*told(settings, output))
        code = show_sample(settings, output) if demo else 0
        if process is not None and not detach and not once:
            process.wait()
    raise typer.Exit(code)


@app.command()
def down() -> None:
    """Stop the local cloud; what was loaded stays."""
    from chalicelib.settings import Settings
    from localcloud.cloud.client import stop

    stop(Settings.read())


@app.command()
def status(output: Output = Form.TABLE) -> None:
    """Say what runs here, and where."""
    from chalicelib.settings import Settings
    from cli.up import standing

    emit(*standing(Settings.read(), output))


@app.command()
def apply(
    file: Annotated[Path, typer.Argument(help="A pipeline document.")],
    output: Output = Form.TABLE,
) -> None:
    """Put a pipeline in force: from now on, what lands in its bucket is loaded.

    etlplus apply samples/orders.yaml
    """
    from chalicelib.planning.checking import checked
    from cli.load import text_of
    from cli.up import remote

    text = text_of(file)
    pipeline = checked(text, name=file.name, guess=False)  # mistakes are told with their places, before all is sent
    applied = remote().apply(text, pipeline.name)
    told = f"{applied['name']} version {applied['version']} is in force"
    for warning in applied["warnings"]:
        warn(warning)
    emit(applied, output, told)


@app.command()
def run(
    name: Annotated[str, typer.Argument(help="A pipeline that was applied.")],
    wait: Annotated[bool, typer.Option(help="Wait for its end.")] = True,
    output: Output = Form.TABLE,
) -> None:
    """Run a pipeline now, on all objects of its source that are not loaded yet.

    etlplus run orders
    """
    from cli.report import run_report
    from cli.up import ended, remote

    begun = remote().start(name)
    if not wait:
        emit(begun, output, f"run {begun['run_id']} is queued; etlplus show {begun['run_id'][:13]}")
        return
    found = ended(remote(), begun["run_id"])
    emit(found, output, run_report(found, found["rejected_by"]))
    raise typer.Exit(exit_of_run(found))


@app.command()
def put(
    file: Annotated[Path, typer.Argument(help="A local file.")],
    uri: Annotated[str, typer.Argument(help="s3://bucket/key, or s3://bucket/folder/ to keep the file's name.")],
    output: Output = Form.TABLE,
) -> None:
    """Drop a file into a bucket of the local cloud, as `aws s3 cp` does.

    etlplus put sales.csv s3://landing/sales/
    """
    from cli.up import put as put_object

    done = put_object(file, uri)
    emit(done, output, f"{file} -> {done['uri']}")


@app.command()
def invoke(
    function: Annotated[str, typer.Argument(help="A Lambda of the functions table, such as intake.")],
    event: Annotated[Path, typer.Option(help="A JSON file with the event; events/ has some.")],
    output: Output = Form.JSON,
) -> None:
    """Invoke one Lambda of the local cloud with an event and print what it answers.

    etlplus invoke api --event events/api_live.json
    """
    from cli.up import invoke as invoke_function

    answer = invoke_function(function, event)
    emit(answer, output, json.dumps(answer, indent=2))
    raise typer.Exit(1 if _is_error(answer) else 0)


def _is_error(answer: Any) -> bool:
    return isinstance(answer, dict) and "errorType" in answer
