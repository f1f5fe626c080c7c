"""Who dies takes along what he made: kill -9 of the cloud, of the zygote, and Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from invoking import call, failure, is_gone, named, parent_of
from observing import eventually


def noted(note: Path) -> list[int]:
    eventually(note.exists)
    return json.loads(note.read_text("utf-8"))


@pytest.mark.parametrize("mode", ["fork", "exec"])
def test_a_cloud_killed_in_mid_invocation_leaves_no_process(tmp_path, mode):
    note = tmp_path / "note"
    with subprocess.Popen(
        [sys.executable, Path(__file__).with_name("cloud.py"), mode, note],
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
    ) as cloud:
        idle = json.loads(cloud.stdout.readline())
        left = [idle, parent_of(idle), *noted(note)]
        assert [] == [pid for pid in left if is_gone(pid)]
        cloud.kill()
        for pid in left:
            eventually(lambda pid=pid: is_gone(pid), within_s=3)


def test_a_zygote_killed_takes_its_workers_along_and_the_next_invocation_gets_another(pool, tmp_path):
    zygote = parent_of(call(pool, named("who")))
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(pool.invoke, named("hang"), json.dumps({"note": str(tmp_path / "note")}).encode())
        hanging = noted(tmp_path / "note")
        os.kill(zygote, signal.SIGKILL)
        assert "Runtime.ExitError" == failure(running.result(5))[0]
    for pid in hanging:
        eventually(lambda pid=pid: is_gone(pid))

    def another_answers() -> bool:  # an idle worker may answer until it is gone, and go while it does
        answer = pool.invoke(named("who"), b"null")
        return not answer.failed and zygote != parent_of(json.loads(answer.payload))

    eventually(another_answers)


def test_ctrl_c_reaches_neither_zygote_nor_workers(pool):
    worker = call(pool, named("who"))
    for pid in (worker, parent_of(worker)):
        os.kill(pid, signal.SIGINT)
    assert worker == call(pool, named("who"))
    assert isinstance(call(pool, named("scene")), dict)
