"""What a handler finds in its process."""

import json
import os
import sys
from pathlib import Path

import pytest
from invoking import call, failure, named

from chalicelib.core.errors import Refused
from localcloud.lambdas.function import Lambda


@pytest.fixture
def broken_modules(tmp_path, monkeypatch):
    for name, text in (("syntax", "def"), ("import", "1 / 0"), ("exit", "raise SystemExit(9)")):
        (tmp_path / f"broken_{name}.py").write_text(text, "utf-8")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    return tmp_path


def test_the_environment_is_exactly_the_functions_and_what_lambda_adds(pool, monkeypatch):
    monkeypatch.setenv("OF_THE_CLOUD", "1")
    function = named("scene", environment={"DSN": "a=b c", "TZ": "Asia/Tokyo", "_HANDLER": "mine"})
    scene = call(pool, function)
    expected = {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "TZ": "Asia/Tokyo",
        "DSN": "a=b c",
        "AWS_LAMBDA_FUNCTION_NAME": "etl-scene",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "_HANDLER": "lambda_handlers.scene",
        "LAMBDA_TASK_ROOT": str(Path.cwd()),
        "TMPDIR": scene["environ"]["TMPDIR"],  # see the tests of the pool
    }
    assert expected == scene["environ"]
    assert sorted(f"{name}={value}" for name, value in expected.items()) == sorted(scene["seen_by_c"])


def test_a_process_starts_in_utc_in_the_task_root_without_input_and_deaf_to_ctrl_c(pool):
    scene = call(pool, named("scene", timeout_s=20))
    assert ("UTC", "", True) == (scene["zone"], scene["stdin"], scene["interrupt"])
    assert scene["environ"]["LAMBDA_TASK_ROOT"] == scene["cwd"]
    assert 19_000 < scene["left_ms"] <= 20_000


def test_the_context_tells_what_aws_tells(forking):
    answers = [call(forking, named("context")) for _ in range(2)]
    ids = {answer.pop("aws_request_id") for answer in answers}
    stream = answers[0].pop("log_stream_name")
    assert stream == answers[1].pop("log_stream_name")
    assert (2, True) == (len(ids), "/[$LATEST]" in stream)
    assert {
        "function_name": "etl-context",
        "function_version": "$LATEST",
        "invoked_function_arn": "arn:aws:lambda:us-east-1:123456789012:function:etl-context",
        "memory_limit_in_mb": "512",
        "log_group_name": "/aws/lambda/etl-context",
        "client_context": None,
        "identity": None,
    } == answers[0]


def test_an_environment_variable_must_be_text():
    with pytest.raises(Refused, match="the environment variable N must be text"):
        named("echo", environment={"N": 5})


@pytest.mark.parametrize("name", ["", "A=B", "A\0"])
def test_an_environment_variable_must_have_a_possible_name(name):
    with pytest.raises(Refused, match="cannot name an environment variable"):
        named("echo", environment={name: "x"})


def test_a_functions_repr_hides_its_environment():
    assert "hunter2" not in repr(named("echo", environment={"PASSWORD": "hunter2"}))


@pytest.mark.parametrize(
    ("handler", "error", "text"),
    [
        (
            "no_such.handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'no_such': No module named 'no_such'",
        ),
        ("lambda_handlers.absent", "Runtime.HandlerNotFound", "Handler 'absent' missing on module 'lambda_handlers'"),
        ("handler", "Runtime.MalformedHandlerName", "Bad handler 'handler': it must read module.function"),
        ("broken_syntax.handler", "Runtime.UserCodeSyntaxError", None),
        ("broken_import.handler", "ZeroDivisionError", "division by zero"),
        ("broken_exit.handler", "Runtime.ExitError", "Runtime exited with error: exit status 9"),
    ],
)
@pytest.mark.usefixtures("broken_modules")
def test_a_handler_that_cannot_be_had_is_told_in_awss_words(pool, handler, error, text):
    told = failure(pool.invoke(Lambda("etl-broken", handler, 5, 128, {}), b"{}"))
    assert (error, text or told[1]) == told


def test_a_module_that_was_mended_is_imported_by_the_next_invocation(forking, broken_modules):
    mended = Lambda("etl-mended", "broken_import.handler", 5, 128, {})
    assert "ZeroDivisionError" == failure(forking.invoke(mended, b"{}"))[0]
    (broken_modules / "broken_import.py").write_text("def handler(event, context):\n    return 'mended'", "utf-8")
    assert "mended" == call(forking, mended)


@pytest.mark.parametrize(
    ("handler", "text"),
    [
        ("not_json", "Unable to marshal response: Object of type Decimal is not JSON serializable"),
        ("not_a_number", "Unable to marshal response: Out of range float values are not JSON compliant"),
    ],
)
def test_a_result_that_is_no_json_is_told(forking, handler, text):
    error, told = failure(forking.invoke(named(handler), b"{}"))
    assert ("Runtime.MarshalError", True) == (error, told.startswith(text))


def test_a_payload_that_is_no_json_is_told(forking):
    assert "Runtime.UnmarshalError" == failure(forking.invoke(named("echo"), b"{"))[0]


def test_a_failure_carries_the_id_of_its_request(forking):
    told = json.loads(forking.invoke(named("fail"), b'{"say": ""}').payload)
    assert 36 == len(told["requestId"])
