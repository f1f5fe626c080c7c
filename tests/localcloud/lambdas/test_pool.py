"""What a caller of the pool relies on, with real processes."""

import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from invoking import call, failure, is_gone, named
from observing import eventually

from chalicelib.core.errors import Unreachable
from localcloud.lambdas.function import REQUEST_LIMIT_BYTES, RESPONSE_LIMIT_BYTES
from localcloud.lambdas.pool import LOG_LIMIT_BYTES, LambdaPool
from localcloud.lambdas.scratch import remove_left

EXIT = "Runtime.ExitError"


def invoke(pool: LambdaPool, function, event=None) -> tuple[str, str]:
    return failure(pool.invoke(function, json.dumps(event).encode()))


def pid_in(note: Path) -> list[int]:
    eventually(note.exists)
    return json.loads(note.read_text("utf-8"))


@pytest.mark.parametrize("event", [{"a": [1, 2.5, None, "ü"]}, [], None, "text", 0])
def test_the_result_is_the_json_of_what_the_handler_returns(forking, event):
    assert event == call(forking, named("echo"), event)


def test_no_payload_reads_as_an_empty_event(pool):
    assert b"{}" == pool.invoke(named("echo"), b"").payload


def test_an_idle_environment_is_used_again(pool):
    assert call(pool, named("who")) == call(pool, named("who"))


def test_two_functions_never_share_a_process(forking):
    assert call(forking, named("who")) != call(forking, named("note_birth"))


def test_a_changed_configuration_gets_a_fresh_process_and_the_old_one_ends(forking):
    old = call(forking, named("who"))
    assert old != call(forking, named("who", environment={"A": "1"}))
    eventually(lambda: is_gone(old))


def test_invocations_at_once_use_a_process_each(pool, tmp_path):
    with ThreadPoolExecutor(3) as threads:
        event = {"folder": str(tmp_path / "met"), "many": 3}
        (tmp_path / "met").mkdir()
        pids = list(threads.map(lambda _: call(pool, named("meet"), event), range(3)))
    assert 3 == len(set(pids))


def test_past_the_limit_an_invocation_waits_for_a_place(open_pool, tmp_path):
    pool = open_pool(limit=1)
    (tmp_path / "met").mkdir()
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(call, pool, named("meet"), {"folder": str(tmp_path / "met"), "many": 2})
        eventually(lambda: list((tmp_path / "met").iterdir()))
        second = threads.submit(call, pool, named("who"))
        assert not second.done()
        (tmp_path / "met" / "go").touch()
        assert first.result(10) != second.result(10)


def test_at_the_limit_an_idle_environment_of_another_function_gives_its_place(open_pool):
    pool = open_pool(limit=1)
    idle = call(pool, named("who"))
    assert {"a": 1} == call(pool, named("echo"), {"a": 1})
    eventually(lambda: is_gone(idle))


def test_an_environment_idle_for_too_long_ends(open_pool):
    pool = open_pool(idle_s=0.05)
    idle = call(pool, named("who"))
    eventually(lambda: is_gone(idle))
    assert idle != call(pool, named("who"))


def test_an_exception_is_told_by_class_text_and_place(pool):
    answer = pool.invoke(named("fail"), b'{"say": "312 of 4000"}')
    told = json.loads(answer.payload)
    assert ("TooManyRejectsError", "312 of 4000", 1) == (
        told["errorType"],
        told["errorMessage"],
        len(told["stackTrace"]),
    )
    assert 'raise TooManyRejectsError(event["say"])' in told["stackTrace"][0]


def test_after_an_exception_the_environment_goes_on(forking):
    before = call(forking, named("fail"), {})
    assert ("TooManyRejectsError", "no") == invoke(forking, named("fail"), {"say": "no"})
    assert before == call(forking, named("fail"), {})


def test_a_time_out_kills_the_process_and_what_it_started(pool, tmp_path):
    hanging = named("hang", timeout_s=0.5)
    assert ("Sandbox.Timedout", "Task timed out after 0.50 seconds") == invoke(
        pool, hanging, {"note": str(tmp_path / "note")}
    )
    for pid in pid_in(tmp_path / "note"):
        eventually(lambda pid=pid: is_gone(pid))
    assert ("Sandbox.Timedout", "Task timed out after 0.50 seconds") == invoke(
        pool, hanging, {"note": str(tmp_path / "again")}
    )
    assert pid_in(tmp_path / "note") != pid_in(tmp_path / "again")


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (3, "Runtime exited with error: exit status 3"),
        (0, "Runtime exited without providing a reason"),
        (None, "Runtime exited without providing a reason"),
        ("no way on", "Runtime exited with error: exit status 1"),
    ],
)
def test_sys_exit_in_a_handler_ends_the_environment(forking, code, error):
    assert (EXIT, error) == invoke(forking, named("leave"), {"code": code})


def test_a_process_that_vanishes_is_told_and_replaced(pool):
    assert (EXIT, "Runtime exited with error: exit status 3") == invoke(pool, named("vanish"), {"code": 3})
    assert (EXIT, "Runtime exited with error: exit status 4") == invoke(pool, named("vanish"), {"code": 4})


def test_a_crash_is_told_by_its_signal(pool):
    assert (EXIT, "Runtime exited with error: signal: segmentation fault") == invoke(pool, named("crash"))


def test_each_process_has_temporary_files_of_its_own_which_go_with_the_pool(open_pool, log):
    pool = open_pool(preload=("lambda_handlers",))
    files = [Path(call(pool, named("scribble"), {})), Path(call(pool, named("scribble", environment={"A": "1"}), {}))]
    assert {log.with_name("tmp")} == {file.parents[1] for file in files}
    assert 2 == len({file.parent for file in files})
    pool.close()
    eventually(lambda: remove_left(log.with_name("tmp")) or not any(file.exists() for file in files))


def test_the_temporary_files_of_a_process_that_was_killed_go_while_the_pool_lives(open_pool, tmp_path, monkeypatch):
    monkeypatch.setattr("localcloud.lambdas.pool._TIDY_S", 0.05)
    pool = open_pool()
    other = Path(call(pool, named("scene"))["environ"]["TMPDIR"])
    assert (EXIT, "Runtime exited with error: signal: killed") == invoke(
        pool, named("scribble"), {"note": str(tmp_path / "note")}
    )
    (left,) = pid_in(tmp_path / "note")
    eventually(lambda: not Path(left).parent.exists())
    assert other.exists()


def test_what_a_cloud_that_was_killed_left_is_gone_at_the_next_start(open_pool, log):
    left = log.with_name("tmp") / "1" / "etlplus-s3-x"  # a process that lives, and is none of ours
    left.mkdir(parents=True)
    open_pool()
    assert not left.exists()


def test_a_process_that_died_while_idle_is_not_used(forking, tmp_path):
    born = call(forking, named("leave_thread"), {"gate": str(tmp_path / "gate"), "then_exit": True})
    (tmp_path / "gate").touch()
    eventually(lambda: is_gone(born))
    assert born != call(forking, named("leave_thread"), {"gate": str(tmp_path / "gate")})


def test_a_thread_left_behind_goes_on_and_holds_nothing_up(forking, tmp_path):
    function, gate = named("leave_thread"), tmp_path / "gate"
    born = call(forking, function, {"gate": str(gate)})
    assert born == call(forking, function, {"gate": str(gate)})
    gate.touch()
    eventually((tmp_path / "gate.seen").exists)


def test_more_memory_than_configured_kills_the_process(pool):
    error, text = invoke(pool, named("grow", memory_mb=128), {"mb": 300, "hold": True})
    assert "Runtime.OutOfMemory" == error
    assert text.endswith("the limit is 128 MB)")


def test_memory_within_the_limit_is_left_alone(forking):
    assert 100 == call(forking, named("grow", memory_mb=256), {"mb": 100, "hold": False})


def test_what_the_zygote_imported_is_nobodys_memory(open_pool):
    pool = open_pool(preload=["duckdb", "pyarrow.compute", "boto3"])
    resident_mb = call(pool, named("linger", memory_mb=32), {"s": 0.7})
    assert resident_mb > 32


def test_libraries_imported_ahead_work_in_a_fork(open_pool):
    pool = open_pool(preload=["duckdb", "pyarrow.compute"])
    assert [["duckdb", "pyarrow"], 499999500000, 499500] == call(pool, named("libraries"))


def test_a_module_that_cannot_be_imported_ahead_is_logged_and_missed_by_nobody(open_pool, log):
    assert 1 == call(open_pool(preload=["no_such_module"]), named("echo"), 1)
    assert "Not imported ahead: No module named 'no_such_module'\n" == log.read_text("utf-8")


def test_a_request_that_is_too_large_is_refused(forking):
    answer = forking.invoke(named("echo"), b'"' + b"x" * REQUEST_LIMIT_BYTES + b'"')
    assert ("RequestTooLarge", "The payload has 6291458 bytes, the limit is 6291456 bytes") == failure(answer)


def test_a_response_may_be_as_large_as_the_limit(forking):
    assert RESPONSE_LIMIT_BYTES - 2 == len(call(forking, named("large"), {"bytes": RESPONSE_LIMIT_BYTES - 2}))


def test_a_response_that_is_too_large_is_refused(forking):
    text = "Response payload size (6291557 bytes) exceeded maximum allowed payload size (6291556 bytes)."
    too_large = {"bytes": RESPONSE_LIMIT_BYTES - 1}
    assert ("Function.ResponseSizeTooLarge", text) == invoke(forking, named("large"), too_large)


def test_what_a_handler_prints_by_whatever_means_is_in_the_log(pool, log):
    call(pool, named("talk"), {"say": "Größe"})
    *lines, logged = log.read_text("utf-8").splitlines()
    assert ["Größe\\ud800", "puts: Größe", "echo: Größe"] == lines
    assert ("[WARNING]", "logged: Größe") == (logged.split("\t")[0], logged.split("\t")[2])


def test_the_log_is_bounded(open_pool, log):
    log.write_bytes(b"x" * (LOG_LIMIT_BYTES + 1))
    open_pool(idle_s=0.05)
    eventually(lambda: 0 == log.stat().st_size)


def test_a_time_out_loses_no_line(pool, log, tmp_path):
    invoke(pool, named("hang", timeout_s=0.5), {"note": str(tmp_path / "note")})
    assert "about to hang\n" == log.read_text("utf-8")


def test_warm_makes_the_missing_environments_ahead(open_pool, tmp_path):
    pool = open_pool(limit=2)
    born = named("note_birth", environment={"FOLDER": str(tmp_path / "met")})
    (tmp_path / "met").mkdir()
    pool.warm(born, 2)
    eventually(lambda: 2 == len(list((tmp_path / "met").iterdir())))
    pool.warm(born, 2)
    assert str(call(pool, born)) in [path.name for path in (tmp_path / "met").iterdir()]
    assert 2 == len(list((tmp_path / "met").iterdir()))


def test_warming_what_cannot_be_imported_leaves_the_news_to_the_invocation(forking):
    broken = named("absent")
    forking.warm(broken)
    assert "Runtime.HandlerNotFound" == invoke(forking, broken)[0]


def test_closing_ends_running_invocations_at_once_and_every_process(open_pool, tmp_path):
    pool = open_pool()
    idle = call(pool, named("who"))
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(invoke, pool, named("hang"), {"note": str(tmp_path / "note")})
        pids = pid_in(tmp_path / "note")
        pool.close()
        assert (EXIT, "Runtime exited with error: signal: killed") == running.result(2)
    for pid in (idle, *pids):
        eventually(lambda pid=pid: is_gone(pid))


def test_closing_sends_away_who_waits_for_a_place(open_pool, tmp_path):
    pool = open_pool(limit=1)
    with ThreadPoolExecutor(2) as threads:
        running = threads.submit(invoke, pool, named("hang"), {"note": str(tmp_path / "note")})
        pid_in(tmp_path / "note")
        waiting = threads.submit(invoke, pool, named("echo"))
        pool.close()
        assert running.result(2) == waiting.result(2)


def test_closing_twice_is_closing_once_and_a_closed_pool_answers(open_pool):
    pool = open_pool()
    pool.close()
    pool.close()
    assert (EXIT, "Runtime exited with error: signal: killed") == invoke(pool, named("echo"))


def test_closing_a_pool_that_was_never_used_starts_nothing(open_pool, log):
    open_pool().close()
    assert not log.exists()


def test_many_threads_get_their_own_answers(forking):
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda number: call(forking, named("echo"), number), range(400)))
    assert list(range(400)) == answers


def test_a_pool_leaves_no_thread_and_no_handle(open_pool):
    before = threading.active_count(), psutil.Process().num_fds()
    pool = open_pool()
    call(pool, named("echo"))
    invoke(pool, named("vanish"), {"code": 1})
    pool.close()
    assert before == (threading.active_count(), psutil.Process().num_fds())


def test_at_most_eight_idle_environments_of_a_function_are_kept(open_pool, tmp_path):
    pool, met = open_pool(), tmp_path / "met"
    met.mkdir()
    with ThreadPoolExecutor(9) as threads:
        pids = list(threads.map(lambda _: call(pool, named("meet"), {"folder": str(met), "many": 9}), range(9)))
    eventually(lambda: 1 == sum(is_gone(pid) for pid in pids))


@pytest.fixture
def imports(tmp_path, monkeypatch):
    """A folder that modules are imported from."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    return tmp_path


def test_a_module_that_breaks_the_zygote_is_told_with_the_log(open_pool, imports):
    (imports / "breaks_ahead.py").write_text("raise RuntimeError('broken ahead')", "utf-8")
    with pytest.raises(Unreachable, match="broken ahead"):
        open_pool(preload=["breaks_ahead"]).invoke(named("echo"), b"1")


def test_closing_does_not_wait_for_imports(open_pool, imports):
    text = f"import pathlib, threading; pathlib.Path({str(imports / 'began')!r}).touch(); threading.Event().wait()"
    (imports / "never_ends.py").write_text(text, "utf-8")
    pool = open_pool(preload=["never_ends"])
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(invoke, pool, named("echo"))
        eventually((imports / "began").exists)
        pool.close()
        assert (EXIT, "Runtime exited with error: signal: killed") == running.result(2)
