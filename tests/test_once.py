"""Exactly once, whatever is duplicated, killed, cut off or done at the same time. Real processes, real connections."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from cutting import cutting_proxy
from making import Silent, environment, load, pipeline, places, query

from chalicelib.bootstrap.local import run_in_process, run_log
from chalicelib.core.counts import Counts
from chalicelib.postgres.connection import Dsn, connected
from localcloud.lease import lease

WAYS = {"direct": "bigint", "staged": "numeric"}


@pytest.fixture
def where(database, tmp_path):
    return places(database, database, tmp_path)


@pytest.fixture(params=WAYS)
def document(request, tmp_path):
    """A pipeline on a file of three good records and a bad one."""
    (tmp_path / "f.csv").write_bytes(b"id,name\n1,one\n2,two\n3,three\nx,four\n")
    return pipeline(tmp_path / "f.csv", columns={"id": WAYS[request.param]})


DONE = Counts(read=4, kept=3, rejected=1, produced=3, loaded=3)


def published_once(runs, where, rows=3):
    """One run published, the others name it, and the table holds its rows once."""
    expected = Counter({"succeeded": 1, "skipped": len(runs) - 1})
    assert expected == Counter(run.status for run in runs), [r.failure for r in runs]
    (first,) = (run for run in runs if run.status == "succeeded")
    assert {run.skipped_for for run in runs if run.status == "skipped"} <= {first.run_id}
    assert [[rows]] == query(where.target, "SELECT count(*) FROM t")
    assert [[first.run_id]] == query(where.target, "SELECT run_id::text FROM etl_target.ledger")


def test_ten_times_one_after_the_other_is_once(document, where):
    published_once([load(document, where) for _ in range(10)], where)


def test_ten_times_at_once_in_threads_is_once(document, where):
    with ThreadPoolExecutor(10) as pool:
        runs = list(pool.map(lambda _: load(document, where), range(10)))
    published_once(runs, where)


LOAD = """
import json, sys
from pathlib import Path
from cutting import cutting_proxy
from making import Silent, pipeline
from chalicelib.bootstrap.local import Places, run_in_process
from chalicelib.postgres.connection import Dsn
url, work, path, kind = sys.argv[1:]
sys.stdin.readline()
run = run_in_process(pipeline(path, columns={"id": kind}), Places(Dsn.parse(url), Dsn.parse(url), Path(work)), Silent())
print(json.dumps(run.to_json()))
"""


def url_of(dsn):
    return f"postgresql://{dsn.user}:{dsn.password}@{dsn.host}:{dsn.port}/{dsn.database}"


def process(program, where, document):
    kind = str(document.columns["id"].type)
    arguments = [url_of(where.target), str(where.work), document.source.path, kind]
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", program, *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip


def test_several_times_at_once_in_processes_is_once(document, where):
    started = [process(LOAD, where, document) for _ in range(4)]
    for each in started:
        each.stdin.write("go\n")
        each.stdin.flush()
    told = [json.loads(each.communicate(timeout=60)[0]) for each in started]
    assert {"succeeded": 1, "skipped": 3} == Counter(run["status"] for run in told)
    assert [[3]] == query(where.target, "SELECT count(*) FROM t")


@pytest.mark.parametrize("files", [2, 6])
def test_other_files_at_once_into_one_new_table_all_land(tmp_path, where, files):
    for n in range(files):
        (tmp_path / f"{n}.csv").write_bytes(b"id,name\n" + b"%d,x\n" % n * 10)
    with ThreadPoolExecutor(files) as pool:
        runs = list(pool.map(lambda n: load(pipeline(tmp_path / f"{n}.csv"), where), range(files)))
    assert {"succeeded"} == {run.status for run in runs}, [run.failure for run in runs]
    assert [[n, 10] for n in range(files)] == query(where.target, "SELECT id, count(*) FROM t GROUP BY id ORDER BY id")


@pytest.fixture(params=WAYS)
def big(request, tmp_path):
    path = tmp_path / "big.csv"
    path.write_bytes(b"id,name\n" + b"".join(b"%d,name %d\n" % (n, n) for n in range(100_000)))
    return pipeline(path, columns={"id": WAYS[request.param]})


BIG = Counts(read=100_000, kept=100_000, produced=100_000, loaded=100_000)


class InMidCopy(Silent):
    """Calls ``then`` once, when PostgreSQL itself says that rows of a COPY have arrived."""

    def __init__(self, dsn, then):
        self._dsn, self._then, self._records = dsn, then, 0

    def advance(self, records):
        self._records += records
        if self._then is None or self._records < 60_000:  # the encoder may hold the first records back
            return
        with connected(self._dsn) as connection:
            while not connection.one(
                "SELECT 1 FROM pg_stat_progress_copy WHERE datname = :name AND tuples_processed > 0",
                name=self._dsn.database,
            ):
                pass
        then, self._then = self._then, None
        then()


KILLED = """
import os, signal, sys
from pathlib import Path
from cutting import cutting_proxy
from making import pipeline
from test_once import InMidCopy
from chalicelib.bootstrap.local import Places, run_in_process
from chalicelib.postgres.connection import Dsn
url, work, path, kind = sys.argv[1:]
dsn = Dsn.parse(url)
kill = lambda: os.kill(os.getpid(), signal.SIGKILL)
run_in_process(pipeline(path, columns={"id": kind}), Places(dsn, dsn, Path(work)), InMidCopy(dsn, kill))
"""


def test_after_kill_9_in_mid_copy_nothing_is_published_and_loading_again_works(big, where):
    killed = process(KILLED, where, big)
    _, told = killed.communicate(timeout=60)
    assert -signal.SIGKILL == killed.returncode, told
    assert [[None, 0]] == query(where.target, "SELECT to_regclass('t'), (SELECT count(*) FROM etl_target.ledger)")
    with run_log(where.control) as log:
        orphan = log.find("last")
        assert "running" == orphan.status
    run = load(big, where)
    with run_log(where.control) as log:
        closed = log.find(orphan.run_id)
    assert ("failed", "the process ended before the run did") == (
        closed.status,
        closed.failure.message.partition(";")[0],
    )
    assert BIG == run.counts
    assert [[100_000]] == query(where.target, "SELECT count(*) FROM t")


def test_a_reader_sees_whole_runs_only(tmp_path, where):
    sizes = [20_000, 30_001, 1, 25_000]
    for n, size in enumerate(sizes):
        kind = b"%d.5,x\n" if n % 2 else b"%d,x\n"
        (tmp_path / f"{n}.csv").write_bytes(b"id,name\n" + b"".join(kind % i for i in range(size)))
    query(where.target, "CREATE TABLE t (id numeric, name text)")
    seen, stop = set(), threading.Event()

    def read():
        with connected(where.target) as connection:
            while not stop.is_set():
                seen.add(connection.one("SELECT count(*) FROM t")[0])

    reader = threading.Thread(target=read)
    reader.start()
    try:
        runs = [load(pipeline(tmp_path / f"{n}.csv"), where) for n in range(len(sizes))]
    finally:
        stop.set()
        reader.join()
    assert {"succeeded"} == {run.status for run in runs}
    assert seen <= {sum(sizes[:n]) for n in range(len(sizes) + 1)}
    assert {0, sum(sizes)} <= seen | {query(where.target, "SELECT count(*) FROM t")[0][0]}


def test_when_postgresql_is_stopped_at_once_in_mid_copy_the_run_is_carried_out_anew(tmp_path_factory, big):
    home = tmp_path_factory.mktemp("home")
    home.chmod(0o755)
    with lease(home) as held:  # durable: what was committed before the crash must be there after it
        dsn = Dsn.parse(held.dsn)
        ((text,),) = query(dsn, "SELECT pg_read_file('postmaster.pid')")

        def stop():
            os.kill(int(text.split()[0]), signal.SIGQUIT)

        run = run_in_process(big, places(dsn, dsn, home), InMidCopy(dsn, stop))
        assert "succeeded" == run.status, run.failure
        assert BIG == run.counts
        assert [[100_000, 1]] == query(dsn, "SELECT count(*), (SELECT count(*) FROM etl_target.ledger) FROM t")
        with run_log(dsn) as log:
            assert run == log.find("last")


@pytest.mark.parametrize("deliver", [True, False], ids=["reply lost", "never delivered"])
def test_a_commit_that_is_cut_off_ends_in_one_publish(document, where, deliver):
    with cutting_proxy(where.target, deliver=deliver) as (dsn, cut):
        run = load(document, replace(where, target=dsn))
    assert cut.is_set()
    assert ("succeeded", DONE) == (run.status, run.counts)
    published_once([run], where)
    with run_log(where.control) as log:
        assert run == log.find("last")
        assert [4] == [reject.record for reject in log.rejects(run.run_id, limit=10)]
    assert "skipped" == load(document, where).status


def test_a_file_that_changes_in_mid_run_is_loaded_as_it_is_then(tmp_path, where):
    path = tmp_path / "f.csv"
    path.write_bytes(b"id,name\n1,one\n")

    class Rewriting(Silent):
        done = False

        def total(self, records):
            del records
            if not self.done:
                self.done = True
                path.write_bytes(b"id,name\n1,one\n2,two\n")

    run = run_in_process(pipeline(path), where, Rewriting())
    assert ("succeeded", 2) == (run.status, run.counts.loaded)
    assert [[1], [2]] == query(where.target, "SELECT id FROM t ORDER BY id")


def test_a_defect_ends_the_run_and_not_the_process(document, where, caplog):
    class Broken(Silent):
        def total(self, records):
            del records
            raise ZeroDivisionError("here")

    run = run_in_process(document, where, Broken())
    assert ("failed", "internal error: ZeroDivisionError: here") == (run.status, run.failure.message)
    assert "Traceback" in caplog.text
    assert "succeeded" == load(document, where).status
