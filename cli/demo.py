"""The demonstration of ``make run``: a sample lands in the bucket and its table is shown."""

from pathlib import Path
from typing import Any

from chalicelib.core.errors import Unreachable
from chalicelib.postgres.connection import Dsn, connected
from chalicelib.settings import Settings
from cli.exit_codes import exit_of_run
from cli.load import load_pipeline
from cli.local import control_url
from cli.output import Form, emit, table
from cli.report import run_report
from cli.up import ended, put, remote

SAMPLES = Path(__file__).parents[1] / "samples"
PIPELINE, OBJECT, PLACE = SAMPLES / "orders.yaml", SAMPLES / "orders.csv", "s3://landing/orders/"
ROWS = 5


def show_sample(settings: Settings, form: Form) -> int:
    """Apply the sample's pipeline, drop its object unless that was done before, show its run and its first rows."""
    pipeline = load_pipeline(PIPELINE)
    api = remote()
    api.apply(PIPELINE.read_text(encoding="utf-8"), pipeline.name)
    known = {run["run_id"] for run in api.runs(pipeline=pipeline.name)}
    dropped = put(OBJECT, PLACE, once=True)
    run = ended(api, _newest(api, pipeline.name, known if dropped["version"] else set()))
    where = settings.connection(pipeline.target.connection)
    with control_url(settings) as control:
        rows = _first_rows(Dsn.parse(where or control), str(pipeline.target.table))
    facts = {"object": dropped, "run": run, "rows": rows}
    emit(facts, form, _told(run, rows, str(pipeline.target.table), is_new=dropped["version"] is not None))
    return int(exit_of_run(run))


def _newest(api: Any, pipeline: str, known: set[str]) -> str:
    """The run of the object that has just landed; it is queued within a moment."""
    import time

    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = [run["run_id"] for run in api.runs(pipeline=pipeline) if run["run_id"] not in known]
        if found:
            return str(found[-1] if known else found[0])
        time.sleep(0.05)
    raise Unreachable("the sample landed, but no run was queued for it; cloud.log and lambda.log say why")


def _first_rows(dsn: Dsn, name: str) -> list[dict[str, Any]]:
    schema, relation = name.split(".")
    with connected(dsn) as connection:
        rows = connection.run(
            f'SELECT * FROM "{schema}"."{relation}" ORDER BY _etl_run, _etl_object, _etl_line LIMIT {ROWS}'
        )
        names = [column["name"] for column in connection.columns]
    return [dict(zip(names, map(_plain, row), strict=True)) for row in rows]


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def _told(run: dict[str, Any], rows: list[dict[str, Any]], name: str, *, is_new: bool) -> str:
    cells = [tuple("" if value is None else str(value) for value in row.values()) for row in rows]
    shown = table(cells, tuple(rows[0])) if rows else "no rows"
    landed = "landed in" if is_new else "is in"
    text = f"\n{OBJECT.name} {landed} {PLACE}{OBJECT.name}\n{run_report(run, run['rejected_by'])}"
    return f"{text}\n\nthe first rows of {name}:\n{shown}"
