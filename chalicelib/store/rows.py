"""A run as a row of ``etl.runs``, both ways."""

import json
from typing import Any

from chalicelib.core.counts import Counts
from chalicelib.core.run import Failure, Run, Skip, Status, Trigger
from chalicelib.postgres.connection import Row


def run_values(run: Run) -> dict[str, Any]:
    """The parameters of ``save_run``."""
    failure = run.failure
    return {
        "run_id": run.run_id,
        "pipeline": run.pipeline,
        "digest": run.pipeline_digest,
        "table_name": run.table,
        "trigger": run.trigger.value,
        "status": run.status.value,
        "counts": json.dumps(run.counts.to_json()),
        "broken": json.dumps(dict(run.broken)),
        "table_hash": run.table_hash,
        "ledger_number": run.ledger_number,
        "failure": json.dumps({"stage": failure.stage, "error": failure.error, "message": storable(failure.message)})
        if failure
        else None,
        "skipped_for": run.skipped_for,
        "skipped_because": run.skipped_because.value if run.skipped_because else None,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
    }


def storable(text: str) -> str:
    """The text as PostgreSQL can hold it: without NUL, and without halves of characters (odd file names have them)."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def run_of(row: Row) -> Run:
    """The run of a row that ``runs`` or ``find_runs`` returned."""
    return Run(
        run_id=row[0],
        pipeline=row[1],
        pipeline_digest=row[2],
        table=row[3],
        trigger=Trigger(row[4]),
        status=Status(row[5]),
        counts=Counts.from_json(row[6]),
        broken=row[7],
        table_hash=row[8],
        ledger_number=row[9],
        failure=Failure(**row[10]) if row[10] else None,
        skipped_for=row[11],
        skipped_because=Skip(row[12]) if row[12] else None,
        created_at=row[13],
        started_at=row[14],
        finished_at=row[15],
    )
