"""The commands of the local cloud, as a person types them."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from clouds import url_of
from making import environment

from cli.up import _moved
from localcloud.cloud.address import API_PORT, AWS_PORT, Address, admin_token

PIPELINE = """
version: 1
name: {name}
source: {{type: s3, uri: "s3://landing/{name}/*.csv"}}
target: {{type: postgres, table: public.{name}}}
triggers: [{{type: object}}]
"""


class Commands:
    """``etlplus`` in processes of its own, in one home."""

    def __init__(self, home, database):
        self.names = environment(ETLPLUS_HOME=home, DATABASE_URL=database)

    def start(self, *arguments):
        command = [sys.executable, "-W", "error", "-m", "cli", *map(str, arguments)]
        return subprocess.Popen(command, env=self.names, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def __call__(self, *arguments, code=0):
        process = self.start(*arguments)
        out, err = process.communicate(timeout=90)
        assert code == process.returncode, out + err
        return out if code == 0 else err

    def json(self, *arguments, code=0):
        return json.loads(self(*arguments, "-o", "json", code=code))


@pytest.fixture
def shared(cloud):
    """Commands on the session's cloud."""
    return Commands(cloud.settings.home, url_of(cloud.database))


@pytest.fixture
def alone(memory_path, database):
    """Commands in a home where nothing runs."""
    return Commands(memory_path / "home", url_of(database))


def test_apply_put_and_run_load_a_file_and_say_so(shared, tmp_path):
    document, file = tmp_path / "p.yaml", tmp_path / "a.csv"
    document.write_text(PIPELINE.format(name="typed"))
    file.write_text("id,name\n1,one\n2,two\n")
    assert "typed version 1 is in force\n" == shared("apply", document)
    assert "s3://landing/typed/a.csv" == shared.json("put", file, "s3://landing/typed/")["uri"]
    run = shared.json("run", "typed")
    assert run["status"] in ("succeeded", "skipped")  # the object's own run may have been faster
    listed = shared.json("runs", "--pipeline", "typed")
    assert {"succeeded", "skipped"} >= {each["status"] for each in listed}


def test_a_run_that_nobody_waits_for_is_queued(shared, tmp_path):
    document = tmp_path / "p.yaml"
    document.write_text(PIPELINE.format(name="unwatched"))
    shared("apply", document)
    assert "queued" == shared.json("run", "unwatched", "--no-wait")["status"]


def test_apply_warns_of_a_bucket_that_does_not_exist_and_refuses_an_unknown_connection(shared, tmp_path):
    document = tmp_path / "p.yaml"
    document.write_text(PIPELINE.format(name="doubtful").replace("//landing", "//no-such-bucket"))
    out, err = shared.start("apply", document).communicate(timeout=90)
    assert "doubtful version 1 is in force\n" == out
    assert err.startswith("etlplus: warning: the bucket no-such-bucket does not exist")
    document.write_text(PIPELINE.format(name="doubtful").replace("postgres,", "postgres, connection: lake,"))
    assert "set ETLPLUS_CONNECTION_LAKE to its URL" in shared("apply", document, code=6)


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("apply", "none.yaml"), 7, "none.yaml does not exist"),
        (("run", "nobody"), 7, "there is no pipeline nobody"),
        (("put", "none.csv", "s3://landing/"), 7, "none.csv does not exist"),
        (("put", __file__, "s3://nowhere/a"), 7, "there is no bucket nowhere"),
        (("run", "a/b"), 7, "there is no such pipeline; its name has"),
        (("put", __file__, "landing/a"), 2, "is not an object's place"),
        (("put", "tests", "s3://landing/a"), 6, "tests is not a file"),
        (("invoke", "intak", "--event", "events/api_live.json"), 7, "did you mean intake?"),
        (("invoke", "api", "--event", "none.json"), 7, "none.json does not exist"),
    ],
)
def test_what_is_wrong_is_told_with_a_way_out(shared, arguments, code, told):
    assert told in shared(*arguments, code=code)


def test_invoke_prints_what_a_function_answers_to_a_recorded_event(shared):
    live = shared.json("invoke", "api", "--event", "events/api_live.json")
    assert (200, {"status": "pass"}) == (live["statusCode"], json.loads(live["body"]))
    taken = shared.json("invoke", "intake", "--event", "events/intake_object_created.json")
    assert {"batchItemFailures": []} == taken


def test_status_and_up_say_where_a_running_cloud_is(shared, cloud):
    assert cloud.pid == shared.json("status")["pid"]
    told = shared.json("up")
    assert (cloud.api, cloud.endpoint, cloud.pid) == (told["api"], told["aws"], told["pid"])
    assert admin_token(cloud.settings.home) == told["admin_token"]


def test_a_cloud_that_is_not_on_its_usual_ports_says_so():
    usual = Address(1, f"http://127.0.0.1:{API_PORT}", f"http://127.0.0.1:{AWS_PORT}")
    assert [] == list(_moved(usual))
    assert ["port 8000 was taken, so the API is on 1234"] == list(_moved(replace(usual, api="http://127.0.0.1:1234")))
    assert ["port 4566 was taken, so the AWS is on 1234"] == list(_moved(replace(usual, aws="http://127.0.0.1:1234")))


def test_a_cloud_that_finds_its_port_taken_says_so_in_what_it_tells(shared, cloud):
    port = urlsplit(cloud.api).port
    told = shared("up")
    assert (f"port {API_PORT} was taken, so the API is on {port}" in told) == (port != API_PORT)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--once",), "without --demo there is nothing to tell"),
        (("--once", "--demo", "--detach"), "--detach leaves it running; give one of them"),
    ],
)
def test_options_of_up_that_contradict_each_other_are_refused(alone, memory_path, arguments, told):
    assert told in " ".join(alone("up", *arguments, code=2).split())
    assert not (memory_path / "home").exists()


def test_without_a_cloud_commands_say_what_starts_one(alone):
    assert "stopped" == alone.json("status")["cloud"]
    for arguments in (("down",), ("run", "orders"), ("invoke", "api", "--event", "events/api_live.json")):
        assert "`etlplus up` starts it" in alone(*arguments, code=7)


def test_a_detached_cloud_stays_until_down(alone, memory_path):
    pid = alone.json("up", "--detach")["pid"]
    assert pid == Address.read(memory_path / "home").pid
    alone("down")
    assert Address.read(memory_path / "home") is None


def test_ctrl_c_stops_what_up_started(alone, memory_path):
    process = alone.start("up")
    assert process.stdout.readline() == "the local cloud is up\n"
    pid = Address.read(memory_path / "home").pid
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=90)
    assert Address.read(memory_path / "home") is None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_the_token_is_nowhere_in_the_home(cloud):
    token = admin_token(cloud.settings.home).encode()
    found = [path for path in cloud.settings.home.rglob("*") if path.is_file() and token in path.read_bytes()]
    assert [] == found


def test_an_address_that_a_killed_cloud_left_leads_to_no_process_of_a_stranger(alone, memory_path):
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    home = memory_path / "home"
    home.mkdir(mode=0o700)
    Address(stranger.pid, "http://127.0.0.1:8000", "http://127.0.0.1:4566").write(home)
    assert "stopped" == alone.json("status")["cloud"]
    assert "`etlplus up` starts it" in alone("down", code=7)
    assert None is stranger.poll()
    stranger.communicate()


def test_two_who_start_at_once_share_one_cloud(alone):
    both = [alone.start("up", "--detach", "-o", "json") for _ in range(2)]
    told = [process.communicate(timeout=90) for process in both]
    assert [0, 0] == [process.returncode for process in both], told
    assert 1 == len({json.loads(out)["pid"] for out, _ in told})
    alone("down")
