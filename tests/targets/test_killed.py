"""`kill -9` in the middle of a publish: the table is as it was, loading again is right, and nothing is left behind."""

import os
import signal
import subprocess
import sys

import pytest
from clouds import url_of
from making import environment, places, query
from modes import Table, counted

from chalicelib.bootstrap.local import run_log
from chalicelib.core.pipeline import Pipeline
from chalicelib.postgres.connection import connected

KILLED = """
import sys
from making import Silent
from pathlib import Path
from chalicelib.bootstrap.local import Places, run_in_process
from chalicelib.core.pipeline import Pipeline
from chalicelib.postgres.connection import Dsn
url, work, document = sys.argv[1:]
dsn = Dsn.parse(url)
run_in_process(Pipeline.model_validate_json(document), Places(dsn, dsn, Path(work)), Silent())
"""
MODES = {
    "replace": ({"write": "replace"}, "LOCK TABLE", {"loaded": 2, "removed": 2}),
    "merge": ({"write": "merge", "keys": ["id"]}, "UPDATE", {"loaded": 1, "updated": 1}),
    "scd2": ({"write": "scd2", "keys": ["id"]}, "UPDATE", {"loaded": 2}),
}
BACKENDS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


def document(folder, mode):
    return {
        "version": 1,
        "name": "test",
        "source": {"type": "file", "path": str(folder / "new.csv"), "format": {"header": True}},
        "columns": {"id": "bigint", "name": "text"},
        "target": {"type": "postgres", "table": "public.t", **mode},
    }


def killed_in(table, of, statement):
    """Carry a run out in a process that is killed while PostgreSQL is at its publishing ``statement``."""
    with connected(table.dsn) as holder:
        holder.run("BEGIN")
        holder.run("SELECT FROM t FOR UPDATE")
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, url_of(table.dsn), str(table.folder / "work"), of.model_dump_json()],
            env=environment(),
            stderr=subprocess.PIPE,
        )
        waits = f"SELECT query {BACKENDS} AND wait_event_type = 'Lock' AND query LIKE :asked"
        with connected(table.dsn) as watcher:
            while watcher.one(waits, asked=f"%{statement}%") is None:
                assert process.poll() is None, process.stderr.read()
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        holder.run("ROLLBACK")
    with connected(table.dsn) as watcher:
        while watcher.one(f"SELECT 1 {BACKENDS} AND backend_type = 'client backend'"):
            pass


@pytest.mark.parametrize("name", MODES)
def test_after_kill_9_in_mid_publish_the_table_is_as_it_was_and_then_right(database, tmp_path, name):
    mode, statement, expected = MODES[name]
    table = Table(database, tmp_path, {"id": "bigint", "name": "text"})
    table.load("id,name\n1,a\n2,b\n", "old.csv", **mode)
    before = table.rows()
    (tmp_path / "new.csv").write_text("id,name\n2,B\n3,c\n")
    of = Pipeline.model_validate(document(tmp_path, mode))
    killed_in(table, of, statement)
    assert before == table.rows()
    staged = "SELECT count(*) FROM pg_tables WHERE schemaname = 'etl_stage' AND tablename <> 'batches'"
    assert [[1]] == query(database, staged)
    run = table.load("id,name\n2,B\n3,c\n", "new.csv", **mode)
    assert expected == counted(run)
    current = "" if name != "scd2" else "WHERE is_current "
    whole = [[1, "a"], [2, "B"], [3, "c"]]
    assert (whole[1:] if name == "replace" else whole) == table.rows("id, name", f"{current}ORDER BY 1")
    assert [[0]] == query(database, staged)
    assert [[0]] == query(database, "SELECT count(*) FROM etl_stage.batches")
    with run_log(places(database, database, tmp_path).control) as log:
        assert ["succeeded", "failed", "succeeded"] == [each.status for each in log.newest()]
