"""The state machine that CDK deploys, carried out on this machine: an object lands, its rows stand in PostgreSQL."""

import gzip
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from clouds import DOCUMENT
from making import query

from chalicelib.core.document import parse_pipeline
from chalicelib.core.errors import Refused
from chalicelib.store.pipelines import PostgresPipelines
from chalicelib.store.plane import Plane

GOOD = b"id,name\n1,one\n2,two\nx,three\n"


def test_an_object_that_lands_is_published_with_every_bad_record_explained(cloud):
    cloud.apply("lands")
    cloud.drop("lands/a.csv", GOOD)
    (run,) = cloud.ended("lands")
    assert ("succeeded", "object", 3, 2, 1) == (
        run["status"], run["trigger"], run["records_read"], run["records_loaded"], run["records_rejected"],
    )  # fmt: skip
    assert [{"rule": "type", "column": "id", "message": "id is no bigint", "records": 1}] == run["rejected_by"]
    assert [[1, "one"], [2, "two"]] == query(cloud.database, "SELECT id, name FROM lands ORDER BY id")
    assert ["run_queued", "run_started", "plan_made", "run_succeeded"] == [e["action"] for e in run["events"]]


def test_nothing_of_a_run_is_left_in_the_work_bucket_or_in_staging(cloud):
    cloud.apply("tidy")
    cloud.drop("tidy/a.csv", GOOD)
    (run,) = cloud.ended("tidy")
    left = cloud.client("s3").list_objects_v2(Bucket="etlplus-work", Prefix=f"runs/{run['run_id']}")
    staged = "SELECT count(*) FROM pg_tables WHERE schemaname = 'etl_stage' AND tablename LIKE :name"
    assert (0, 0) == (left["KeyCount"], query(cloud.database, staged, name=f"r%{run['run_id'][-12:]}%")[0][0])


def test_a_lookup_reads_a_table_of_the_target_and_its_lambda_of_transform_needs_no_database(cloud):
    query(cloud.database, "CREATE TABLE public.titles (id int PRIMARY KEY, title text)")
    query(cloud.database, "INSERT INTO public.titles VALUES (1, 'first'), (3, 'third')")
    step = "{lookup: {table: public.titles, on: [id], columns: [title], missing: reject}}"
    cloud.apply("looks", parts=f"transforms: [{step}]")
    cloud.drop("looks/a.csv", GOOD)
    (run,) = cloud.ended("looks")
    assert ("succeeded", 3, 1, 2) == (
        run["status"], run["records_read"], run["records_loaded"], run["records_rejected"],
    ), run["failure"]  # fmt: skip
    assert [[1, "one", "first"]] == query(cloud.database, "SELECT id, name, title FROM public.looks")
    assert "looks up public.titles (id, title): 2 rows, as they are now" in str(run["events"])


def copies(cloud, name: str, version: str) -> dict:
    """A message that announces an object version again."""
    event = {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {
            "bucket": {"name": "landing"},
            "object": {"key": f"{name}/a.csv", "size": len(GOOD), "etag": "x", "version-id": version},
        },
    }
    url = cloud.client("sqs").get_queue_url(QueueName="etlplus-intake")["QueueUrl"]
    return {"QueueUrl": url, "MessageBody": json.dumps(event)}


def test_an_event_that_is_delivered_ten_times_at_once_publishes_once(cloud):
    cloud.apply("at_once")
    message = copies(cloud, "at_once", cloud.drop("at_once/a.csv", GOOD))
    sqs = cloud.client("sqs")
    with ThreadPoolExecutor(9) as pool:
        list(pool.map(lambda _: sqs.send_message(**message), range(9)))
    runs = cloud.ended("at_once", 10)
    published = [run["run_id"] for run in runs if run["status"] == "succeeded"]
    skipped = [run["skipped_for"] for run in runs if run["status"] == "skipped"]
    assert (1, published * 9) == (len(published), skipped)
    assert [[2]] == query(cloud.database, "SELECT count(*) FROM at_once")


def test_an_event_that_is_delivered_ten_times_one_after_another_publishes_once(cloud):
    cloud.apply("in_turn")
    version = cloud.drop("in_turn/a.csv", GOOD)
    cloud.ended("in_turn")
    for number in range(2, 11):
        cloud.client("sqs").send_message(**copies(cloud, "in_turn", version))
        cloud.ended("in_turn", number)
    statuses = [run["status"] for run in cloud.ended("in_turn", 10)]
    assert (["succeeded", *["skipped"] * 9], [[2]]) == (
        statuses,
        query(cloud.database, "SELECT count(*) FROM in_turn"),
    )


def test_a_run_that_a_person_asks_for_loads_all_that_is_there_in_batches(cloud):
    cloud.apply("batches")
    objects = {f"other/{number}.csv": f"id,name\n{number},n\n".encode() for number in range(5)}
    for key, body in objects.items():
        cloud.drop(key, body)
    text = (
        "{version: 1, name: many, source: {type: s3, uri: 's3://landing/other/*.csv'}, "
        "target: {type: postgres, table: public.many}}"
    )
    cloud.remote.apply(text, "many")
    cloud.remote.start("many")
    (run,) = cloud.ended("many")
    assert ("succeeded", "person", 5, 5) == (
        run["status"], run["trigger"], run["records_read"], run["records_loaded"],
    )  # fmt: skip
    assert [[5]] == query(cloud.database, "SELECT count(DISTINCT _etl_object) FROM many")
    cloud.remote.start("many")
    assert "skipped" == cloud.ended("many", 2)[-1]["status"]


@pytest.mark.parametrize(
    ("name", "body", "status", "told"),
    [
        ("empty", b"", "held", "is empty"),
        ("header_only", b"id,name\n", "succeeded", None),
        ("cut_gzip", gzip.compress(GOOD * 99, mtime=0)[:-9], "held", "damaged gzip"),
        ("no_utf8", b"id,name\n1,one\n2,\xff\xfe\n", "succeeded", None),
        ("nul", b"id,name\n1,one\n2,t\0wo\n", "succeeded", None),
        ("ragged", b"id,name\n1,one\n2\n3,a,b\n", "succeeded", None),
        ("open_quote", b'id,name\n1,one\n2,"two\n3,three\n', "succeeded", None),
        ("big_cell", b"id,name\n1,one\n2," + b"x" * 10_000_000 + b"\n", "succeeded", None),
    ],
)
def test_bad_input_ends_in_a_clear_outcome(cloud, name, body, status, told):
    cloud.apply(name)
    cloud.drop(f"{name}/a", body)
    (run,) = cloud.ended(name)
    assert status == run["status"], run["failure"]
    if told:
        assert told in run["failure"]["message"]
        return
    assert run["records_read"] == run["records_loaded"] + run["records_rejected"]


def test_a_connection_that_leads_nowhere_fails_the_run_and_says_what_to_set(cloud):
    with pytest.raises(Refused, match="To add it, set ETLPLUS_CONNECTION_WAREHOUSE"):
        cloud.apply("nowhere", more=", connection: warehouse")
    plane = Plane(cloud.database)  # as if it had been applied when the connection was known
    text = DOCUMENT.format(name="nowhere", more=", connection: warehouse", parts="")
    PostgresPipelines(plane).apply(parse_pipeline(text))
    plane.close()
    cloud.drop("nowhere/a.csv", GOOD)
    (run,) = cloud.ended("nowhere")
    assert ("failed", True) == (run["status"], "ETLPLUS_CONNECTION_WAREHOUSE" in run["failure"]["message"])


def test_runs_that_all_want_to_create_the_table_all_publish(cloud):
    cloud.apply("rush", parts="parallel: {batch_mb: 1}")
    body = b"id,name\n" + b"".join(b"%d,%s\n" % (n, b"x" * 600) for n in range(1000))
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda number: cloud.drop(f"rush/{number}.csv", body), range(6)))
    runs = cloud.ended("rush", 6)
    assert ["succeeded"] * 6 == [run["status"] for run in runs], [run["failure"] for run in runs]
    assert [[6000, 6]] == query(cloud.database, "SELECT count(*), count(DISTINCT _etl_object) FROM rush")
