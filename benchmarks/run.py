"""``make bench``: jobs A, B and C in interleaved rounds, and a report with the machine's load beside every figure.

A: a clean file of 1,000,000 records appended to a table that does not exist yet, with every promise on.
B: the same with 1 % broken records, four steps and eight rules, against psql copying the CLEAN file into a plain table.
C: 200,000 records merged into a table of 1,000,000 (a tenth changes, a twentieth is equal, a twentieth new), with
before-images, against psql doing the same by hand.
"""

import argparse
import json
import os
import platform
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.merging import bare_merge, prepare_plain, psql_merge
from benchmarks.orders import write_changes, write_orders
from benchmarks.paths import Timing, bare, create_table, etlplus, psql_copy
from chalicelib.bootstrap.local import run_log
from chalicelib.postgres.connection import Dsn, connected
from chalicelib.targets.postgres import PostgresTarget
from localcloud.lease import lease

HERE = Path(__file__).parent
GOALS = {"A": 0.85, "B": 0.95, "C": 1.0}
#: What a job, and its bare path, are measured against.
AGAINST = {"A": ("psql", "bare"), "B": ("psql", "bare"), "C": ("psql_c", "bare_c")}


def main() -> None:
    """Run the rounds and write the report."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--records", type=int, default=1_000_000)
    arguments.add_argument("--data", type=Path, default=HERE.parent / ".etlplus" / "bench")
    arguments.add_argument("--report", type=Path, default=HERE / "report.json")
    given = arguments.parse_args()
    clean, broken = (given.data / f"{name}-{given.records}.csv" for name in ("clean", "broken"))
    write_orders(clean, given.records)
    write_orders(broken, given.records, broken=True)
    changes = given.data / f"changes-{given.records}.csv"
    write_changes(changes, given.records)
    with lease(given.data / "home") as held:
        home = given.data / "home"
        paths = {**_paths(clean, broken, held.dsn, home), **_merges(clean, changes, held.dsn, home)}
        rounds = [_round(paths, held.dsn) for _ in range(given.rounds)]
        report = _report(rounds, given.records, clean.stat().st_size, held.dsn)
    given.report.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    for name, job in report["jobs"].items():
        verdict = "reached" if job["ratio"] <= GOALS[name] else "MISSED"
        told = f"{job['ratio']:.2f} of psql (bare {job['ratio_bare']:.2f})"
        print(f"job {name}: {told}, goal {GOALS[name]}: {verdict}")


def _paths(clean: Path, broken: Path, url: str, home: Path) -> dict[str, Callable[[], Timing]]:
    return {
        "psql": lambda: psql_copy(clean, "bench.plain", url),
        "bare": lambda: bare(clean, "bench.plain", url),
        "A": lambda: etlplus(clean, HERE / "a.yaml", url, home),
        "B": lambda: etlplus(broken, HERE / "b.yaml", url, home),
    }


def _merges(clean: Path, changes: Path, url: str, home: Path) -> dict[str, Callable[[], Timing]]:
    """The paths of job C; each first makes the table that it merges into, which is not timed."""

    def by_hand(path: Callable[[Path, str, str], Timing]) -> Timing:
        prepare_plain("bench.hand", url)
        psql_copy(clean, "bench.hand", url)
        return path(changes, "bench.hand", url)

    def ours() -> Timing:
        etlplus(clean, HERE / "c.yaml", url, home)
        return etlplus(changes, HERE / "c.yaml", url, home)

    return {"psql_c": lambda: by_hand(psql_merge), "bare_c": lambda: by_hand(bare_merge), "C": ours}


def _round(paths: dict[str, Callable[[], Timing]], url: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, path in paths.items():
        _clear(Dsn.parse(url))
        os.sync()
        load = os.getloadavg()[0]
        timing = path()
        found[name] = {"wall_s": round(timing.wall_s, 3), "client_cpu_s": round(timing.client_cpu_s, 3), "load": load}
        print(
            f"{name:5} {timing.wall_s:6.2f} s wall, {timing.client_cpu_s:6.2f} s client CPU, load {load:.1f}",
            flush=True,
        )
    return found


def _clear(dsn: Dsn) -> None:
    """An empty plain table, no table of ours, an empty ledger, nothing left to write."""
    with connected(dsn) as connection:
        connection.run("DROP SCHEMA IF EXISTS bench, etl, etl_target, etl_stage CASCADE")
        connection.run("CREATE SCHEMA bench")
        connection.run(create_table("bench.plain"))
        target = PostgresTarget(dsn)
        target.prepare()
        target.close()
        with run_log(dsn) as runs:
            runs.newest(limit=1)
        connection.run("CHECKPOINT")


def _report(rounds: list[dict[str, Any]], records: int, size: int, url: str) -> dict[str, Any]:
    medians = {name: statistics.median(r[name]["wall_s"] for r in rounds) for name in rounds[0]}
    with connected(Dsn.parse(url)) as connection:
        version = connection.one("SHOW server_version")
    return {
        "machine": {"cores": os.cpu_count(), "platform": platform.platform(), "python": platform.python_version()},
        "postgresql": version[0] if version else None,
        "data": {"records": records, "bytes": size},
        "medians_s": medians,
        "jobs": {
            name: {
                "ratio": round(medians[name] / medians[AGAINST[name][0]], 3),
                "ratio_bare": round(medians[AGAINST[name][1]] / medians[AGAINST[name][0]], 3),
                "goal": goal,
            }
            for name, goal in GOALS.items()
        },
        "rounds": rounds,
    }


if __name__ == "__main__":
    main()
