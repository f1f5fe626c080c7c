"""The commands around a pipeline document: write one from a file, check it, look at what it does to records."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from cli.app import Output, app
from cli.output import Form, emit

Document = Annotated[Path, typer.Argument(help="A pipeline document.")]


@app.command()
def init(
    file: Annotated[str, typer.Option("--from", help="The file to write a pipeline for.")],
    table: Annotated[str | None, typer.Option(help="schema.table; the file's name in public by default.")] = None,
    to: Annotated[Path | None, typer.Option(help="Where to write it; NAME.yaml here by default.")] = None,
    force: Annotated[bool, typer.Option(help="Overwrite a document that is there.")] = False,
    output: Output = Form.TABLE,
) -> None:
    """Write a pipeline document for a file: dialect and types as the samples show them, rules as guesses that warn.

    etlplus init --from sales.csv --table shop.sales
    """
    from cli.draft import draft, write

    made = draft(file, table, to)
    write(made, force=force)
    command = shlex.join(["etlplus", "load", file, "--pipeline", str(made.path)])
    told = f"{made.path} loads {file} into {made.pipeline.target.table}; {command}"
    facts = {"path": str(made.path), "name": made.pipeline.name, "table": str(made.pipeline.target.table)}
    emit({**facts, "confidence": made.reading.confidence, "columns": made.evidence()}, output, told)


@app.command()
def check(document: Document, output: Output = Form.TABLE) -> None:
    """Check a pipeline document without data and without a database: every mistake with its place; exit code 3.

    Its SQL is compiled as far as the declared columns allow.
    """
    from chalicelib.core.document import parse_document
    from chalicelib.engine.session import parser
    from chalicelib.planning.checking import check as found_in
    from cli.load import text_of

    read = parse_document(text_of(document), name=document.name)
    with parser() as sql:
        found = found_in(read.pipeline, sql)
    if found.mistakes:
        raise read.invalid(found.mistakes)
    pipeline = read.pipeline
    told = f"{document} is valid: {pipeline.name} -> {pipeline.target.table}"
    if found.assumed:
        told += f"\n  not declared, so the file must have it: {', '.join(found.assumed)}"
    emit({"valid": True, "name": pipeline.name, "assumed_columns": found.assumed}, output, told)


@app.command()
def preview(
    document: Document,
    records: Annotated[int, typer.Option(min=1, max=1000, help="How many of the first records.")] = 5,
    object_: Annotated[
        str | None, typer.Option("--object", help="The file to look at; the source's own if not.")
    ] = None,
    dsn: Annotated[
        str | None, typer.Option(help="The database with the tables that steps look up; load's own if not.")
    ] = None,
    output: Output = Form.TABLE,
) -> None:
    """Show the first records of a file before and after each step, those that are out and why; nothing is loaded.

    etlplus preview samples/orders.yaml --object samples/orders.csv
    """
    from cli.load import load_pipeline
    from cli.looking import look

    looked = look(load_pipeline(document), object_, records, dsn)
    emit(looked.to_json(), output, looked.text())
