"""What a cloud that was killed leaves behind, and what the next one makes of it."""

import json
import os
import signal
import time
from contextlib import contextmanager
from dataclasses import replace

import pytest
from clouds import PATIENCE_S, Cloud, cloud_on, url_of
from folders import open_folder
from making import query

from chalicelib.postgres.connection import Dsn
from chalicelib.settings import Settings
from localcloud.cloud.client import start

RECORDS = 200_000


@contextmanager
def to_be_killed(home, database):
    """A cloud that the test kills; nothing of it is left after the block."""
    process = start(Settings(home=home, database_url=url_of(database)), attached=True)
    try:
        yield Cloud(Settings(home=home, database_url=url_of(database)), database, process)
    finally:
        process.kill()
        process.stdin.close()
        process.wait(PATIENCE_S)


def until(found, what: str):
    deadline = time.monotonic() + PATIENCE_S
    while not found():
        assert time.monotonic() < deadline, what
        time.sleep(0.005)


def actions(cloud, name: str) -> list[str]:
    runs = cloud.remote.runs(name)
    return [event["action"] for run in runs for event in cloud.remote.run(run["run_id"])["events"]]


def test_a_run_in_the_midst_of_which_the_cloud_was_killed_ends_after_the_next_start(database, memory_path):
    body = b"id,name\n" + b"".join(b"%d,name of %d\n" % (n, n) for n in range(RECORDS))
    with to_be_killed(memory_path, database) as cloud:
        cloud.apply("killed")
        cloud.drop("killed/a.csv", body)
        until(lambda: "plan_made" in actions(cloud, "killed"), "the run was never planned")
        os.kill(cloud.pid, signal.SIGKILL)
        cloud.process.wait(PATIENCE_S)
    assert "succeeded" not in [row[0] for row in query(database, "SELECT status FROM etl.runs")]
    with cloud_on(memory_path, database) as cloud:
        (run,) = cloud.ended("killed")
        assert ("succeeded", RECORDS) == (run["status"], run["records_loaded"])
        assert [[RECORDS, RECORDS]] == query(database, "SELECT count(*), count(DISTINCT id) FROM killed")


@pytest.fixture(scope="module")
def restarted(server, admin):
    """A cloud that was stopped and started again, and the version of the object that it had loaded before."""
    name = f"restarted{os.getpid()}"
    admin.run(f"CREATE DATABASE {name} TEMPLATE template0")
    database = replace(Dsn.parse(server), database=name)
    with open_folder() as home:
        with cloud_on(home, database) as cloud:
            for name in ("stays", "lost"):
                cloud.apply(name)
            version = cloud.drop("stays/a.csv", b"id,name\n1,one\n")
            cloud.ended("stays")
            cloud.client("events").disable_rule(Name="etlplus-intake")
            cloud.drop("lost/a.csv", b"id,name\n1,one\n")
        with cloud_on(home, database) as cloud:
            yield cloud, version


def test_objects_outlive_a_restart_and_are_not_loaded_again(restarted):
    cloud, version = restarted
    found = cloud.client("s3").get_object(Bucket="landing", Key="stays/a.csv")
    assert (b"id,name\n1,one\n", version) == (found["Body"].read(), found["VersionId"])
    assert ["succeeded"] == [run["status"] for run in cloud.ended("stays")]
    cloud.drop("stays/b.csv", b"id,name\n2,two\n")
    assert ["succeeded", "succeeded"] == [run["status"] for run in cloud.ended("stays", 2)]


def test_an_object_whose_message_was_lost_is_found_by_the_sweep(restarted):
    cloud, _ = restarted
    assert ["succeeded"] == [run["status"] for run in cloud.ended("lost")]


def test_a_message_that_nobody_understands_ends_in_the_dead_letter_queue(restarted):
    cloud, _ = restarted
    sqs = cloud.client("sqs")
    url = sqs.get_queue_url(QueueName="etlplus-intake")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"what": "ever"}))
    dead = sqs.get_queue_url(QueueName="etlplus-intake-dead")["QueueUrl"]
    until(lambda: sqs.receive_message(QueueUrl=dead).get("Messages"), "the message never got there")


def test_control_plane_and_target_may_be_two_databases(empty_database, new_database, memory_path):
    database, target = empty_database, Dsn.parse(new_database())
    with cloud_on(memory_path, database, {"warehouse": url_of(target)}) as cloud:
        cloud.apply("apart", more=", connection: warehouse")
        cloud.drop("apart/a.csv", b"id,name\n1,one\nx,two\n")
        (run,) = cloud.ended("apart")
        assert ("succeeded", 1, 1) == (run["status"], run["records_loaded"], run["records_rejected"])
    schemas = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'etl%' ORDER BY 1"
    assert [[["etl"]], [["etl_stage"], ["etl_target"]]] == [query(database, schemas), query(target, schemas)]
    assert [[1, "one"]] == query(target, "SELECT id, name FROM apart")
