"""The commands that need no running cloud: they work in this process, with the local PostgreSQL or a named one."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.app import Output, RunId, app
from cli.exit_codes import exit_of_run
from cli.output import Form, emit, say, table

Dsn = Annotated[str | None, typer.Option(help="The target database; etl_target and etl_stage are created in it.")]


@app.command()
def load(  # noqa: PLR0917 - Typer turns parameters into options
    file: Annotated[str, typer.Argument(help="The file, or a pattern in quotes.")],
    table: Annotated[str | None, typer.Option(help="schema.table; the file's name in public by default.")] = None,
    pipeline: Annotated[Path | None, typer.Option(help="A pipeline document; the file becomes its source.")] = None,
    dsn: Dsn = None,
    delimiter: Annotated[str | None, typer.Option(help="The character between fields; decided from samples.")] = None,
    encoding: Annotated[str | None, typer.Option(help="utf-8, utf-16-le, windows-1252 ...; from samples.")] = None,
    header: Annotated[bool | None, typer.Option(help="Whether the first record names the columns.")] = None,
    null: Annotated[list[str] | None, typer.Option(help="A text that means NULL; may be given several times.")] = None,
    output: Output = Form.TABLE,
) -> None:
    """Load a file into a PostgreSQL table; no cloud, no document needed.

    etlplus load sales.csv

    etlplus load sales.csv --table shop.sales --pipeline sales.yaml
    """
    from chalicelib.engine.records.ahead import ReadAhead

    ahead = ReadAhead.of(Path(file))  # first of all: it works while the next lines import

    from chalicelib.bootstrap.local import run_log
    from chalicelib.settings import Settings
    from cli.load import load_pipeline, pipeline_for, run_load
    from cli.local import places
    from cli.report import run_report

    csv = {"delimiter": delimiter, "encoding": encoding, "header": header, "nulls": tuple(null) if null else None}
    document = load_pipeline(pipeline) if pipeline else None
    made = pipeline_for(file, document, table, {key: value for key, value in csv.items() if value is not None})
    target = dsn or Settings.read().connection(made.target.connection)
    with places(target=target) as where:
        run = run_load(made, where, ahead)
        with run_log(where.control) as log:
            rejected_by = log.rejects_by_reason(run.run_id) if run.counts.rejected or run.counts.late else []
    told = run.to_json()
    emit({**told, "rejected_by": rejected_by}, output, run_report(told, rejected_by))
    raise typer.Exit(exit_of_run(told))


@app.command()
def runs(
    pipeline: Annotated[str | None, typer.Option(help="Only this pipeline's.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 20,
    output: Output = Form.TABLE,
) -> None:
    """List runs, the newest first."""
    from cli.report import run_rows

    with _log() as log:
        found = log.newest(pipeline=pipeline, limit=limit)
    emit(
        [run.to_json() for run in found],
        output,
        run_rows(found) if found else "no runs yet; etlplus load FILE",
    )


@app.command()
def rules(
    pipeline: Annotated[str, typer.Argument(help="The pipeline's name.")],
    rule: Annotated[str | None, typer.Option(help="Only this rule: its name, or as listed here.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="In how many runs.")] = 20,
    output: Output = Form.TABLE,
) -> None:
    """Show how many records broke each rule, run by run, the newest first.

    etlplus rules orders_daily --rule range:amount
    """
    from cli.report import rule_rows

    with _log() as log:
        found = log.rule_counts(pipeline, rule=rule, limit=limit)
    emit([each.to_json() for each in found], output, rule_rows(found))


@app.command()
def show(run: RunId, output: Output = Form.TABLE) -> None:
    """Show one run: status, counts, why records were rejected, what happened when."""
    from cli.report import run_report

    with _log() as log:
        found = log.find(run)
        events = log.events(found.run_id)
        rejected_by = log.rejects_by_reason(found.run_id)
    told = [{"at": at.isoformat(), "action": action, "message": message} for at, action, message in events]
    lines = [run_report(found.to_json(), rejected_by), *(f"  {at:%H:%M:%S} {message}" for at, _, message in events)]
    emit({**found.to_json(), "rejected_by": rejected_by, "events": told}, output, "\n".join(lines))


@app.command()
def rejects(
    run: RunId,
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 20,
    offset: Annotated[int, typer.Option(min=0, help="How many to leave out first.")] = 0,
    output: Output = Form.TABLE,
) -> None:
    """Show the records that a run rejected: number, byte range, all reasons, raw text."""
    with _log() as log:
        found = log.find(run)
        listed = log.rejects(found.run_id, limit=limit, offset=offset)
    rows = [
        (
            r.record,
            f"{r.start}-{r.end}" if r.start is not None else None,
            "; ".join(reason.message for reason in r.reasons),
            r.to_json()["raw"][:80],
        )
        for r in listed
    ]
    text = table(rows, ("record", "bytes", "reasons", "raw")) if rows else f"run {found.run_id} rejected no records"
    emit([r.to_json() for r in listed], output, text)


@app.command()
def dsn(output: Output = Form.TABLE) -> None:
    """Print the URL of the local database, with its password.

    So that there is time to use it, PostgreSQL stays for ten minutes from then, and for as long as a cloud or another
    command needs it. An open session of psql does not keep it; ask again for ten more minutes.

    psql "$(etlplus dsn)"
    """
    from chalicelib.settings import Settings
    from cli.local import KEEP_S, control_url

    settings = Settings.read()
    with control_url(settings, keep_s=KEEP_S) as url:
        emit({"dsn": url}, output, url)
    if not settings.database_url:
        say(f"PostgreSQL stays for {KEEP_S // 60} minutes from now, under open sessions, too; ask again for more")


@app.command()
def schema(output: Output = Form.JSON) -> None:
    """Print the JSON Schema of a pipeline document."""
    import json

    from chalicelib.core.pipeline import json_schema

    document = json_schema()
    emit(document, output, json.dumps(document, indent=2))


def _log() -> Any:
    from contextlib import contextmanager

    from chalicelib.bootstrap.local import run_log
    from cli.local import places

    @contextmanager
    def opened() -> Any:
        """The run log, with the databases that it needs, for the length of the block."""
        with places() as where, run_log(where.control) as log:
            yield log

    return opened()
