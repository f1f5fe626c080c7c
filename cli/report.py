"""Reports: a run for people, in a few lines."""

from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.core.history import RuleCount
from chalicelib.core.run import Run, Skip, Status
from cli.output import table

#: The counts of a run that a person sees, those that are not always there only where there are some.
_COUNTS = (
    "read",
    "loaded",
    "updated",
    "unchanged",
    "removed",
    "filtered",
    "deduplicated",
    "combined",
    "sifted",
    "rejected",
    "late",
)
_ALWAYS = frozenset({"read", "loaded", "filtered", "rejected"})

#: Why a run was skipped, as a sentence that the run it was skipped for ends.
_SKIPPED = {
    Skip.DUPLICATE: "the same bytes were loaded by",
    Skip.SUPERSEDED: "a newer version of the same object was loaded by",
    Skip.CLAIMED: "the same object version was announced before, and belongs to",
}


def run_report(run: Mapping[str, Any], rejected_by: Sequence[Mapping[str, Any]]) -> str:
    """What a person wants to know about a run (in its JSON form), most important first."""
    took = f" in {run['duration_ms'] / 1000:.2f} s" if run["duration_ms"] is not None else ""
    lines = [f"{run['pipeline']} -> {run['table']}: {run['status']}{took}"]
    if run["status"] == Status.SKIPPED:
        lines.append(f"  {_SKIPPED[run['skipped_because']]} run {run['skipped_for']}; nothing changed")
    if run["failure"]:
        lines.append(f"  {run['failure']['message']}")
    if run["records_read"]:
        facts = (f"{name} {run[f'records_{name}']:,}" for name in _COUNTS if name in _ALWAYS or run[f"records_{name}"])
        lines.append("  records: " + ", ".join(facts))
    elif run["status"] == Status.SUCCEEDED:
        lines.append("  a header and no records: nothing was loaded")
    if rejected_by:
        rows = [(r["records"], r["rule"], r["column"], r["message"]) for r in rejected_by]
        lines += ["  " + line for line in table(rows, ("rejected", "rule", "column", "reason")).splitlines()]
    if run["table_hash"]:
        lines.append(f"  table hash {run['table_hash']}")
    lines.append(f"  run {run['run_id']}")
    if run["records_rejected"] or run["records_late"]:
        lines.append(f"  each reject with its bytes: etlplus rejects {run['run_id'][:13]}")
    return "\n".join(lines)


def run_rows(runs: Sequence[Run]) -> str:
    """Runs as a table, newest first."""
    rows = [
        (
            run.run_id,
            run.pipeline,
            run.table,
            run.status,
            run.counts.read,
            run.counts.loaded,
            run.counts.rejected,
            f"{run.created_at:%Y-%m-%d %H:%M:%S}",
        )
        for run in runs
    ]
    return table(rows, ("run", "pipeline", "table", "status", "read", "loaded", "rejected", "created (UTC)"))


def rule_rows(counts: Sequence[RuleCount]) -> str:
    """What runs counted under their rules as a table, newest run first."""
    rows = [
        (
            each.run_id,
            f"{each.created_at:%Y-%m-%d %H:%M:%S}",
            each.status,
            each.rule,
            each.read,
            each.broken,
            f"{each.share:.2%}" if each.share is not None else None,
        )
        for each in counts
    ]
    return table(rows, ("run", "created (UTC)", "status", "rule", "read", "broken", "share"))
