"""The Lambdas' handlers in this process, one after another, as the state machine calls them."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from uuid import UUID

import pytest
from making import query

import functions.extract
import functions.intake
import functions.load
import functions.notify
import functions.plan
import functions.publish
import functions.record
import functions.sweep
import functions.transform
from chalicelib.aws.events import run_requested
from chalicelib.aws.machine import RESTARTS
from chalicelib.bootstrap.cloud import cloud as wiring
from chalicelib.core.errors import Fatal, Held, PlanStale
from chalicelib.core.manifest import Manifest
from chalicelib.core.run import Trigger
from chalicelib.folder import ROUNDS
from chalicelib.postgres.connection import connected
from chalicelib.stages.extract import extract

CONTEXT = SimpleNamespace(aws_request_id="1", get_remaining_time_in_millis=lambda: 900_000)
pytestmark = pytest.mark.usefixtures("in_process")


def queued(cloud, name: str, *bodies: bytes, rules: str = "[]", parts: str = "parallel: {}") -> str:
    """A run of all that lies in the pipeline's folder, which nobody starts."""
    text = (
        f"{{version: 1, name: {name}, source: {{type: s3, uri: 's3://landing/{name}/*'}}, columns: {{id: bigint}}, "
        f"rules: {rules}, {parts}, target: {{type: postgres, table: public.{name}}}}}"
    )
    cloud.remote.apply(text, name)
    for number, body in enumerate(bodies):
        cloud.drop(f"{name}/{number}", body)
    pipeline = wiring().pipelines.current(name).pipeline
    return wiring().queue.request(pipeline, trigger=Trigger.PERSON, at=wiring().clock.now()).run_id


def call(function, **payload):
    return function.handler(payload, CONTEXT)


def carried(run_id: str) -> dict:
    """The way from plan to record, as in ``journey.asl.json``."""
    assert {"run_id": run_id, "next": "extract"} == call(functions.plan, run_id=run_id)
    state = call(functions.extract, run_id=run_id)
    while state["next"] == "extract":
        state = call(functions.extract, run_id=run_id)
    numbers = [group[0].number for group in wiring().folder(run_id).manifest().groups]
    assert len(numbers) == state["batches"]
    for number in numbers:
        assert {} == call(functions.transform, run_id=run_id, batch=number)
        assert {} == call(functions.load, run_id=run_id, batch=number)
    assert {} == call(functions.publish, run_id=run_id)
    return call(functions.record, **state)


def big(records: int) -> bytes:
    """A CSV of about two and a half megabytes, whose quoted fields hold line breaks."""
    return b"id,note\n" + b"".join(b'%d,"%s\n%d"\n' % (n, b"x" * 80, n) for n in range(1, records + 1))


def test_a_big_object_is_cut_and_each_part_reads_its_own_bytes(cloud):
    run_id = queued(cloud, "parts", big(25_000), parts="parallel: {batch_mb: 1}")
    assert "succeeded" == carried(run_id)["status"]
    numbers = "SELECT count(*), count(DISTINCT _etl_line), sum(id - _etl_line), max(_etl_line) FROM public.parts"
    assert [[25_000, 25_000, 0, 25_000]] == query(cloud.database, numbers)


def test_extract_goes_on_where_its_time_was_up(cloud, monkeypatch):
    monkeypatch.setenv("EXTRACT_RESERVE_S", "901")
    run_id = queued(cloud, "passes", big(25_000), b"id,note\n1,a\n", parts="parallel: {batch_mb: 1}")
    call(functions.plan, run_id=run_id)
    for batches in (1, 2, 3):
        assert {"run_id": run_id, "next": "extract"} == call(functions.extract, run_id=run_id)
        assert batches == len(wiring().folder(run_id).extracted().batches)
    state = call(functions.extract, run_id=run_id)
    assert ("transform", 3) == (state["next"], state["batches"])  # the small object joins the last part
    assert state == call(functions.extract, run_id=run_id)
    one_go = extract_again(run_id)
    assert (25_001, 4) == (one_go.records, len(one_go.batches))
    assert wiring().folder(run_id).manifest() == one_go
    assert "succeeded" == carried(run_id)["status"]
    assert [[25_001]] == query(cloud.database, "SELECT count(*) FROM public.passes")


def test_many_small_objects_are_one_item_of_the_map_and_stay_apart(cloud):
    bodies = [b"id,note\n%d,a\nx,b\n" % number for number in range(60)]
    run_id = queued(cloud, "small", *bodies, rules="[{check: reject_ratio, max: 0.6}]")
    call(functions.plan, run_id=run_id)
    state = call(functions.extract, run_id=run_id)
    assert (1, 60) == (state["batches"], len(wiring().folder(run_id).manifest().batches))
    for _ in range(2):
        call(functions.transform, run_id=run_id, batch=1)
        call(functions.load, run_id=run_id, batch=1)
    for what in ("outcomes", "rejects", "batches"):
        assert 1 == len(wiring().work.keys(f"runs/{run_id}/{what}/"))
    markers = "SELECT count(*), min(row_count), max(row_count) FROM etl_stage.batches WHERE run_id = :run_id"
    assert [[60, 1, 1]] == query(cloud.database, markers, run_id=run_id)
    call(functions.publish, run_id=run_id)
    assert "succeeded" == call(functions.record, **state)["status"]
    rows = "SELECT count(*), count(DISTINCT _etl_object), max(_etl_line) FROM public.small"
    assert [[60, 60, 1]] == query(cloud.database, rows)
    assert 60 == cloud.remote.run(run_id)["records_rejected"]


def extract_again(run_id: str) -> Manifest:
    """The manifest of a run, made in one pass."""
    planned = wiring().folder(run_id).plan()
    with wiring().source(planned.pipeline) as source:
        return extract(planned, source=source, batch_bytes=planned.pipeline.parallel.batch_mb * 1024**2)


def test_a_run_goes_from_plan_to_record_and_is_told(cloud):
    run_id = queued(cloud, "by_hand", b"id\n1\nx\n", b"id\n2\n")
    ended = carried(run_id)
    assert {"run_id": run_id, "pipeline": "by_hand", "status": "succeeded"} == ended
    assert {} == functions.notify.handler(ended, CONTEXT)
    run = cloud.remote.run(run_id)
    assert (3, 2, 1) == (run["records_read"], run["records_loaded"], run["records_rejected"])
    assert [[1], [2]] == query(cloud.database, "SELECT id FROM by_hand ORDER BY id")


RULES = "[{check: unique, columns: [id]}, {check: reject_ratio, max: 1.0}, {check: sum, column: id, max: 9}]"


def test_what_publish_rejects_is_told_with_its_bytes_by_record(cloud):
    run_id = queued(cloud, "late_by_hand", b"id\n1\nx\n1\n", b"id\n2\n1\n", rules=RULES)
    carried(run_id)
    run = cloud.remote.run(run_id)
    assert (5, 2, 3, 0) == tuple(run[f"records_{word}"] for word in ("read", "loaded", "rejected", "late"))
    assert {"type:id": 1, "unique:id": 2, "reject_ratio": 0, "sum:id": 0} == run["rules"]
    rejects = [(each.record, each.start, each.raw) for each in wiring().runs.rejects(run_id, limit=9)]
    assert [(2, 5, b"x"), (3, 7, b"1"), (2, 5, b"1")] == rejects


def test_a_run_that_a_rule_holds_tells_what_the_rules_say_and_a_late_reject_of_a_lost_object_its_values(cloud):
    run_id = queued(cloud, "held_by_rule", b"id\n6\n6\n7\n", rules=RULES)
    for function, payload in ((functions.plan, {}), (functions.extract, {}), (functions.transform, {"batch": 1}),
                              (functions.load, {"batch": 1})):  # fmt: skip
        call(function, run_id=run_id, **payload)
    with pytest.raises(Held, match="the sum of id is 13, not at most 9") as raised:
        call(functions.publish, run_id=run_id)
    s3, version = cloud.client("s3"), wiring().folder(run_id).manifest().batches[0].object
    s3.delete_object(Bucket=version.bucket, Key=version.key, VersionId=version.version)
    caught = {"Error": "Held", "Cause": json.dumps({"errorType": "Held", "errorMessage": str(raised.value)})}
    assert "held" == call(functions.record, run_id=run_id, failure=caught)["status"]
    assert {"unique:id": 1, "reject_ratio": 0, "sum:id": 1} == cloud.remote.run(run_id)["rules"]
    (reject,) = wiring().runs.rejects(run_id, limit=9)
    assert (2, None, b'{"id":6}') == (reject.record, reject.start, reject.raw)


def test_every_stage_may_be_tried_twice(cloud):
    run_id = queued(cloud, "twice", b"id\n1\n")
    for function, payload in (
        (functions.plan, {}),
        (functions.extract, {}),
        (functions.transform, {"batch": 1}),
        (functions.load, {"batch": 1}),
        (functions.publish, {}),
        (functions.record, {}),
    ):
        assert call(function, run_id=run_id, **payload) == call(function, run_id=run_id, **payload)
    assert [[1]] == query(cloud.database, "SELECT count(*) FROM twice")


def test_a_second_run_of_the_same_objects_goes_from_plan_to_record(cloud):
    first = queued(cloud, "again", b"id\n1\n")
    carried(first)
    second = queued(cloud, "again")
    assert {"run_id": second, "next": "record"} == call(functions.plan, run_id=second)
    assert "skipped" == call(functions.record, run_id=second, next="record")["status"]
    assert first == cloud.remote.run(second)["skipped_for"]


def test_an_error_leaves_as_its_category_with_stage_name_and_words(cloud):
    run_id = queued(cloud, "held_by_hand", b"")
    with pytest.raises(Held) as raised:
        call(functions.plan, run_id=run_id)
    told = json.loads(str(raised.value))
    assert ("plan", "Held", True) == (told["stage"], told["error"], "is empty" in told["message"])
    caught = {"Error": "Held", "Cause": json.dumps({"errorType": "Held", "errorMessage": str(raised.value)})}
    assert "held" == call(functions.record, run_id=run_id, failure=caught)["status"]


def test_a_defect_is_fatal_and_a_batchs_failure_is_kept_for_record(cloud):
    run_id = queued(cloud, "broken_by_hand", b"id\n1\n")
    call(functions.plan, run_id=run_id)
    call(functions.extract, run_id=run_id)
    with pytest.raises(Fatal):
        call(functions.transform, run_id=run_id, batch=7)
    caught = {"Error": "States.ExceedToleratedFailureThreshold", "Cause": "one failed"}
    assert "failed" == call(functions.record, run_id=run_id, failure=caught)["status"]
    failure = cloud.remote.run(run_id)["failure"]
    assert ("transform", True) == (failure["stage"], "KeyError" in failure["message"])


def test_a_run_that_has_ended_is_not_planned_again(cloud):
    run_id = queued(cloud, "over", b"id\n1\n")
    carried(run_id)
    with pytest.raises(Fatal, match="not carried out again"):
        call(functions.plan, run_id=run_id)
    assert "succeeded" == call(functions.record, run_id=run_id)["status"]


def test_intake_starts_what_is_asked_for_and_leaves_what_it_does_not_understand(cloud):
    run_id = queued(cloud, "by_intake", b"id\n1\n")
    records = [
        {"messageId": "m1", "body": json.dumps(run_requested(run_id))},
        {"messageId": "m2", "body": "what?"},
    ]
    assert {"batchItemFailures": [{"itemIdentifier": "m2"}]} == functions.intake.handler({"Records": records}, CONTEXT)
    assert ["succeeded"] == [run["status"] for run in cloud.ended("by_intake")]


def test_the_sweep_starts_a_run_that_waits(cloud):
    queued(cloud, "by_sweep", b"id\n1\n")
    assert functions.sweep.handler({}, CONTEXT)["resumed"] >= 1
    assert ["succeeded"] == [run["status"] for run in cloud.ended("by_sweep")]


@pytest.fixture
def forgetful(cloud, monkeypatch) -> Iterator[Callable[[], list[str]]]:
    """A state machine whose executions end at once and record nothing; the function waits for them and names them."""
    machines = cloud.client("stepfunctions")
    text = json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}})
    role = "arn:aws:iam::123456789012:role/local"
    arn = machines.create_state_machine(name="forgetful", definition=text, roleArn=role)["stateMachineArn"]
    monkeypatch.setenv("STATE_MACHINE_ARN", arn)
    wiring().close()
    wiring.cache_clear()

    def names() -> list[str]:
        while True:
            found = machines.list_executions(stateMachineArn=arn)["executions"]
            if all(each["status"] != "RUNNING" for each in found):
                return sorted(each["name"] for each in found)

    yield names
    machines.delete_state_machine(stateMachineArn=arn)


def test_the_sweep_resumes_a_run_whose_execution_ended_without_recording_it_some_times_and_then_closes_it(
    cloud, forgetful
):
    run_id = queued(cloud, "unrecorded", b"id\n1\n")
    for _ in range(RESTARTS + 1):
        assert (1, 0) == resumed_and_closed()
        assert "queued" == cloud.remote.run(run_id)["status"]
        forgetful()
    assert (0, 1) == resumed_and_closed()
    assert [run_id, *(f"{run_id}-{number}" for number in range(2, RESTARTS + 2))] == forgetful()
    run = cloud.remote.run(run_id)
    assert ("failed", True) == (run["status"], "again and again without recording the run" in run["failure"]["message"])
    assert (0, 0) == resumed_and_closed()


def resumed_and_closed() -> tuple[int, int]:
    told = functions.sweep.handler({}, CONTEXT)
    return told["resumed"], told["closed"]


def test_the_sweep_clears_away_what_an_ended_run_left_in_staging(cloud):
    ended, other = queued(cloud, "leaves_staging", b"id\n1\n"), str(UUID(int=8))
    wiring().target(wiring().pipeline_of(wiring().runs.find(ended))).prepare()
    query(cloud.database, "UPDATE etl.runs SET status = 'failed' WHERE run_id = :run_id", run_id=ended)
    tables = [f"etl_stage.r{run_id.replace('-', '')}" for run_id in (ended, other)]  # the other is not known here
    with connected(cloud.database) as connection:
        for table, run_id in zip(tables, (ended, other), strict=True):
            connection.run(f"CREATE UNLOGGED TABLE {table} (id bigint)")
            connection.run("INSERT INTO etl_stage.batches (run_id, batch) VALUES (:run_id, 1)", run_id=run_id)
        try:
            connection.run("BEGIN")
            connection.run(f"SELECT FROM {tables[0]}")  # somebody is still at work with it
            assert 0 == functions.sweep.handler({}, CONTEXT)["cleared"]
            connection.run("ROLLBACK")
            assert 1 == functions.sweep.handler({}, CONTEXT)["cleared"]
            assert [[None, True]] == connection.run(
                "SELECT to_regclass(:mine), to_regclass(:theirs) IS NOT NULL", mine=tables[0], theirs=tables[1]
            )
            assert [[other]] == connection.run(
                "SELECT run_id::text FROM etl_stage.batches WHERE run_id IN (:ended, :other)", ended=ended, other=other
            )
        finally:
            connection.run(f"DROP TABLE {tables[1]}")
            connection.run("DELETE FROM etl_stage.batches WHERE run_id = :other", other=other)


def test_a_run_that_cannot_be_closed_keeps_no_other_from_the_sweep(cloud, forgetful):
    broken, good = queued(cloud, "unclosed", b"id\n1\n"), queued(cloud, "closed", b"id\n1\n")
    run = wiring().runs.find(broken)
    wiring().runs.save(replace(run, run_id=str(UUID(int=7)), pipeline_digest="none"), "run_queued", "of nothing")
    for _ in range(RESTARTS + 1):
        resumed_and_closed()
        forgetful()
    try:
        assert (0, 2) == resumed_and_closed()
        assert ["failed", "failed"] == [cloud.remote.run(run_id)["status"] for run_id in (broken, good)]
    finally:
        query(cloud.database, "UPDATE etl.runs SET status = 'failed' WHERE run_id = :run_id", run_id=str(UUID(int=7)))


def test_a_run_that_ended_for_its_data_is_not_tried_again_by_the_sweep(cloud):
    cloud.apply("once_held")
    cloud.drop("once_held/a.csv", b"")
    cloud.ended("once_held")
    functions.sweep.handler({}, CONTEXT)
    assert ["held"] == [run["status"] for run in cloud.ended("once_held")]


def test_a_run_that_failed_because_something_was_away_is_carried_on_by_the_sweep(cloud):
    run_id = queued(cloud, "waited", b"id\n1\n")
    call(functions.plan, run_id=run_id)
    told = json.dumps({"stage": "load", "error": "Unreachable", "message": "the database does not answer"})
    caught = {"Error": "Retriable", "Cause": json.dumps({"errorType": "Retriable", "errorMessage": told})}
    assert "running" == call(functions.record, run_id=run_id, failure=caught)["status"]
    assert "run_waits" in [event["action"] for event in cloud.remote.run(run_id)["events"]]
    functions.sweep.handler({}, CONTEXT)
    (run,) = cloud.ended("waited")
    assert (run_id, "succeeded", 1) == (run["run_id"], run["status"], run["records_loaded"])


def test_a_run_that_is_resumed_keeps_its_plan_whatever_arrived_meanwhile(cloud):
    run_id = queued(cloud, "replanned", b"id\n1\n")
    planned = call(functions.plan, run_id=run_id)
    objects = wiring().folder(run_id).plan().objects
    cloud.drop("replanned/0", b"id\n2\n")
    assert (planned, objects) == (call(functions.plan, run_id=run_id), wiring().folder(run_id).plan().objects)
    assert "succeeded" == carried(run_id)["status"]
    assert [[1]] == query(cloud.database, "SELECT id FROM replanned")


def staged(run_id: str) -> None:
    call(functions.extract, run_id=run_id)
    call(functions.transform, run_id=run_id, batch=1)
    call(functions.load, run_id=run_id, batch=1)


def test_a_run_whose_plan_is_stale_is_planned_again_and_publishes(cloud):
    first = queued(cloud, "raced", b"id\n1\n")
    call(functions.plan, run_id=first)
    staged(first)
    cloud.drop("raced/later", b"id\n2\nx\n")
    second = queued(cloud, "raced")
    call(functions.plan, run_id=second)  # both objects, and a table that does not exist
    state = call(functions.extract, run_id=second)
    for number in range(1, state["batches"] + 1):
        call(functions.transform, run_id=second, batch=number)
        call(functions.load, run_id=second, batch=number)
    call(functions.publish, run_id=first)
    with pytest.raises(PlanStale, match="since the plan was made"):
        call(functions.publish, run_id=second)
    assert "extract" == call(functions.plan, run_id=second)["next"]
    staged(second)
    call(functions.publish, run_id=second)
    assert ["succeeded"] * 2 == [call(functions.record, run_id=run_id)["status"] for run_id in (first, second)]
    run = cloud.remote.run(second)
    assert (2, 1, 1) == (run["records_read"], run["records_loaded"], run["records_rejected"])
    assert [[1], [2]] == query(cloud.database, "SELECT id FROM raced ORDER BY id")


def test_plans_that_are_stale_again_and_again_end_the_run(cloud):
    folder = wiring().folder(queued(cloud, "stale", b"id\n1\n"))
    for _ in range(ROUNDS):
        folder.begin_again(PlanStale("the table is gone"))
    with pytest.raises(Fatal, match="the table is gone; 5 plans in a row were stale"):
        folder.begin_again(PlanStale("the table is gone"))
    folder.remove()


def test_a_pipeline_whose_bucket_is_missing_does_not_keep_the_sweep_from_the_others(cloud):
    text = (
        "{{version: 1, name: {0}, source: {{type: s3, uri: 's3://{1}/{0}/*'}}, triggers: [{{type: object}}], "
        "target: {{type: postgres, table: public.{0}}}}}"
    )
    for name, bucket in (("a_missing", "no-such-bucket"), ("b_found", "landing")):
        cloud.remote.apply(text.format(name, bucket), name)
    events = cloud.client("events")
    events.disable_rule(Name="etlplus-intake")
    try:
        cloud.drop("b_found/a.csv", b"id\n1\n")
        functions.sweep.handler({}, CONTEXT)
        assert ["succeeded"] == [run["status"] for run in cloud.ended("b_found")]
    finally:
        events.enable_rule(Name="etlplus-intake")


@pytest.mark.parametrize(
    ("function", "payload", "told"),
    [
        (functions.plan, {}, 'the payload has no run_id; plan takes one like {"run_id": "0198..."}'),
        (functions.plan, [], "the payload has no run_id"),
        (functions.load, {"run_id": "1"}, 'no batch; load takes one like {"run_id": "0198...", "batch": 1}'),
        (functions.transform, {}, "the payload has no run_id and no batch; transform takes"),
        (functions.notify, {"run_id": "1"}, "the payload has no pipeline and no status; notify takes"),
        (functions.intake, {}, "the event has no list Records; intake takes"),
        (functions.intake, [], "the event has no list Records; intake takes"),
    ],
)
def test_what_a_payload_lacks_is_told_with_one_that_is_right(function, payload, told):
    with pytest.raises(Fatal) as caught:
        function.handler(payload, CONTEXT)
    words = str(caught.value)
    assert told in (json.loads(words)["message"] if words.startswith("{") else words)
