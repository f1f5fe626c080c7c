"""The run's folder: what one stage leaves there, the next finds, equal; and the end of a run that was carried so."""

import json
from dataclasses import replace

import pytest
from making import AT, Silent, manifest, pipeline, plan, query, run_id, wrote

from chalicelib.core.codec import to_json
from chalicelib.core.errors import PlanStale
from chalicelib.core.folder import outcome_key
from chalicelib.core.outcome import Duplicate, Failed, Transformed
from chalicelib.core.run import Failure, Run, Stage, Status, Trigger
from chalicelib.disk import DiskStore
from chalicelib.ending import end
from chalicelib.engine.clean import CleanSink
from chalicelib.folder import RunFolder
from chalicelib.sources.file import FileSource
from chalicelib.stages.extract import extract
from chalicelib.stages.load import load
from chalicelib.stages.plan import plan as plan_stage
from chalicelib.stages.publish import publish
from chalicelib.stages.transform import transform
from chalicelib.store.runs import PostgresRuns
from chalicelib.targets.postgres import PostgresTarget

PLAN = plan()


@pytest.fixture
def work(tmp_path):
    return DiskStore(tmp_path / "work")


@pytest.fixture
def folder(work):
    return RunFolder(work, PLAN.run_id)


def failed(status: Status, message: str) -> Failed:
    return Failed(status, Failure("transform", "Fatal", message))


def test_a_plan_goes_on_to_extract_and_a_duplicate_to_record(folder):
    assert {"run_id": PLAN.run_id, "next": "extract"} == folder.keep_plan(PLAN)
    assert (PLAN, None) == (folder.plan(), folder.outcome())
    assert {"run_id": PLAN.run_id, "next": "record"} == folder.keep_plan(Duplicate("other"))
    assert Duplicate("other") == folder.outcome()


def test_a_manifest_leaves_an_item_a_batch_and_no_more_workers_than_batches(folder, work):
    listed = manifest(PLAN, 5)
    state = folder.keep_manifest(listed, workers=8)
    told = {"next": "transform", "batches": 1, "workers": 1, "round": 1, "items": state["items"]}
    assert {"run_id": PLAN.run_id, **told} == state
    with work.reading(state["items"]) as stream:
        assert [{"run_id": PLAN.run_id, "batch": 1}] == json.load(stream)
    assert (listed, listed.batches[:1]) == (folder.manifest(), folder.group(1))


def test_a_manifest_that_is_not_whole_is_where_extract_goes_on_until_another_plan_is_made(folder):
    begun = replace(manifest(PLAN, 5), whole=False)
    assert {"run_id": PLAN.run_id, "next": "extract"} == folder.keep_manifest(begun, workers=8)
    assert begun == folder.extracted()
    folder.keep_manifest(whole := manifest(PLAN, 5), workers=8)
    assert whole == folder.extracted()
    folder.keep_plan(PLAN)
    assert folder.extracted() is None


def test_the_worst_failure_of_a_batch_is_the_runs(folder):
    assert folder.failure() is None
    for number, each in enumerate((failed(Status.HELD, "a"), failed(Status.FAILED, "b"), failed(Status.FAILED, "c"))):
        folder.keep_failure(number + 1, each)
    assert failed(Status.FAILED, "b") == folder.failure()


def test_the_folder_tells_how_far_the_run_came(folder, work):
    reached = [folder.reached()]
    folder.keep_plan(PLAN)
    reached.append(folder.reached())
    folder.keep_manifest(manifest(PLAN), workers=1)
    reached.append(folder.reached())
    with work.writing(outcome_key(PLAN.run_id, 1)) as stream:
        stream.write(to_json(Transformed(wrote(3), written=3)))
    reached.append(folder.reached())
    assert [Stage.PLAN, Stage.EXTRACT, Stage.TRANSFORM, Stage.PUBLISH] == reached
    assert 3 == folder.so_far().written


class Carried:
    """A run carried to its publish through a folder, with a log and a target to end it in."""

    def __init__(self, plane, database, work, path):
        self.log, self.target, self.work = PostgresRuns(plane), PostgresTarget(database), work
        self.document = pipeline(path)
        queued = Run(run_id(7), "test", "d", "public.t", Trigger.OBJECT, AT)
        self.run = queued.moved(Status.RUNNING, at=AT)
        self.log.save(self.run, "run_started", "started")
        self.folder = RunFolder(work, self.run.run_id)

    def to_publish(self, path):
        source = FileSource(str(path), work=path.parent)
        planned = plan_stage(self.run.run_id, self.document, source=source, target=self.target, work=self.work)
        self.folder.keep_plan(planned)
        self.folder.keep_manifest(extract(planned, source=source), workers=1)
        (batch,) = self.folder.group(1)
        with CleanSink(self.work, planned, 1) as sink:
            transform(planned, batch, source=source, sink=sink, work=self.work, progress=Silent())
        load(planned, batch, work=self.work, target=self.target)
        return publish(planned, self.folder.manifest(), target=self.target, work=self.work)

    def end(self, caught=None, *, for_good=True):
        run = self.log.find(self.run.run_id)
        return end(run, caught, at=AT, log=self.log, work=self.work, target=self.target, for_good=for_good)


@pytest.fixture
def carried(plane, database, work, tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"id,name\n1,a\n2,b\nx\n")
    made = Carried(plane, database, work, path)
    made.path = path
    yield made
    made.target.close()


def staging_tables(database) -> int:
    sql = "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'etl_stage'"
    return query(database, f"{sql} AND relname LIKE 'r%' AND relkind = 'r'")[0][0]


def test_a_published_run_ends_succeeded_and_leaves_nothing_behind(carried, database, work):
    carried.folder.keep_outcome(carried.to_publish(carried.path))
    ended = carried.end()
    assert (Status.SUCCEEDED, 3, 2, 1) == (
        ended.status, ended.counts.read, ended.counts.loaded, ended.counts.rejected,
    )  # fmt: skip
    assert (1, 0, []) == (len(carried.log.rejects(ended.run_id, limit=9)), staging_tables(database), work.keys("runs/"))


def test_a_publish_whose_answer_was_lost_outweighs_the_failure_that_was_caught(carried):
    carried.to_publish(carried.path)
    ended = carried.end(Failure("publish", "Retriable", "the connection broke"))
    assert (Status.SUCCEEDED, 2, None) == (ended.status, ended.counts.loaded, ended.failure)


def test_recording_twice_changes_nothing(carried):
    carried.folder.keep_outcome(carried.to_publish(carried.path))
    first = carried.end()
    assert first == carried.end(Failure("record", "Retriable", "late"))
    assert 1 == len(carried.log.rejects(first.run_id, limit=9))


def test_a_failure_of_a_batch_says_more_than_that_the_map_failed(carried):
    carried.folder.keep_failure(1, failed(Status.HELD, "the gzip is damaged"))
    ended = carried.end(Failure("lambda", "Fatal", "States.ExceedToleratedFailureThreshold: one failed"))
    assert (Status.HELD, "the gzip is damaged") == (ended.status, ended.failure.message)


def test_a_lambda_that_was_ended_is_told_with_the_stage_that_it_was_in(carried):
    carried.folder.keep_plan(replace(PLAN, run_id=carried.run.run_id))
    caught = Failure("lambda", "Fatal", "a Lambda was ended: it needed more memory than it has")
    carried.target.prepare()
    assert "extract" == carried.end(caught).failure.stage


def test_a_run_that_nobody_speaks_of_failed(carried):
    ended = carried.end()
    assert (Status.FAILED, "record") == (ended.status, ended.failure.stage)


AWAY = Failure("publish", "Unreachable", "the database does not answer")
ENDED = Failure("lambda", "Fatal", "the state machine ended")


def test_a_run_that_failed_because_something_was_away_waits_to_be_carried_on(carried, database, work):
    folder, left = carried.folder, carried.folder.planned
    source = FileSource(str(carried.path), work=carried.path.parent)
    folder.keep_plan(plan_stage(carried.run.run_id, carried.document, source=source, target=carried.target, work=work))
    assert carried.run == carried.end(AWAY, for_good=False)
    assert {"run_id": carried.run.run_id, "next": "extract"} == left()
    told = query(database, "SELECT message FROM etl.run_events WHERE action = 'run_waits'")
    assert [["the database does not answer; the next sweep carries the run on"]] == told
    ended = carried.end(ENDED)
    assert (Status.FAILED, AWAY, []) == (ended.status, ended.failure, work.keys("runs/"))


def test_a_run_that_failed_for_its_data_or_its_definition_ends_at_once(carried):
    ended = carried.end(Failure("plan", "Held", "the object is empty"), for_good=False)
    assert Status.HELD == ended.status


def test_why_an_earlier_attempt_failed_does_not_stand_for_what_ended_the_run(carried):
    carried.folder.keep_failure(1, failed(Status.FAILED, "the database was away"))
    ended = carried.end(Failure("publish", "Held", "too many rejects"))
    assert (Status.HELD, "too many rejects") == (ended.status, ended.failure.message)


def test_a_stale_plan_is_no_plan_until_another_is_made(folder):
    assert folder.planned() is None
    state = folder.keep_plan(PLAN)
    assert state == folder.planned()
    folder.begin_again(PlanStale("the table is gone"))
    assert (None, PLAN) == (folder.planned(), folder.plan())
    assert state == folder.keep_plan(PLAN) == folder.planned()


def test_another_execution_forgets_why_the_one_before_failed(folder):
    folder.keep_failure(1, failed(Status.FAILED, "away"))
    folder.forget_failures()
    assert folder.failure() is None
