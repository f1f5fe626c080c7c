"""Step Functions: the subset of the language that the journey uses, as AWS carries it out."""

import json
import time
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.stepfunctions.parser.api import ExecutionFailedEventDetails
from moto.stepfunctions.parser.asl.eval.program_state import ProgramEnded, ProgramError
from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication

from localcloud.aws.mends.executions import terminated

ROLE = "arn:aws:iam::123456789012:role/local"
WAIT_S = 20
_numbers = count(1)


def task(function: str, payload: dict[str, Any], **more: Any) -> dict[str, Any]:
    parameters = {"FunctionName": f"arn:aws:lambda:eu-west-1:123456789012:function:{function}", "Payload": payload}
    return {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": parameters, **more}


def machine(states: dict[str, Any]) -> str:
    return json.dumps({"StartAt": next(iter(states)), "States": states})


@pytest.fixture
def make(cloud):
    """A function that makes a state machine and returns its ARN."""
    states = cloud.client("stepfunctions")

    def made(definition: dict[str, Any]) -> str:
        name = f"machine-{next(_numbers)}"
        answer = states.create_state_machine(name=name, definition=machine(definition), roleArn=ROLE)
        return answer["stateMachineArn"]

    return made


@pytest.fixture
def run(cloud, make):
    """A function that runs a definition to its end and returns what describe says."""

    def ran(definition: dict[str, Any], **given: Any) -> dict[str, Any]:
        answer = cloud.client("stepfunctions").start_execution(
            stateMachineArn=make(definition), input=json.dumps(given)
        )
        return ended(cloud, answer["executionArn"])

    return ran


def ended(cloud, arn: str) -> dict[str, Any]:
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        found = cloud.client("stepfunctions").describe_execution(executionArn=arn)
        if found["status"] != "RUNNING":
            return found
        time.sleep(0.01)
    raise AssertionError(f"{arn} still runs")


def output(found: dict[str, Any]) -> Any:
    assert "SUCCEEDED" == found["status"], found
    return json.loads(found["output"])


def mapped(cloud, items: list[Any], states: dict[str, Any], **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A distributed Map over a manifest, as the journey has it, and the input of its machine."""
    bucket = cloud.bucket()
    cloud.client("s3").put_object(Bucket=bucket, Key="run/items.json", Body=json.dumps(items))
    config = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    state = {
        "Type": "Map",
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSON"},
            "Parameters": {"Bucket": bucket, "Key.$": "$.items"},
        },
        "MaxConcurrencyPath": "$.workers",
        "ItemProcessor": {"ProcessorConfig": config, "StartAt": next(iter(states)), "States": states},
        **more,
    }
    return state, {"items": "run/items.json", "workers": 2}


def test_a_function_gets_what_the_input_says_and_its_payload_is_the_output(run):
    echo = task("echo", {"run_id.$": "$.run_id", "batch": 1}, OutputPath="$.Payload", End=True)
    assert {"run_id": 7, "batch": 1} == output(run({"Echo": echo}, run_id=7))


def test_a_null_result_path_keeps_the_input_and_a_result_selector_picks(run):
    states = {
        "Quiet": task("echo", {"x": 1}, ResultPath=None, Next="Picked"),
        "Picked": task("echo", {"x": 2}, ResultSelector={"y.$": "$.Payload.x"}, ResultPath="$.picked", End=True),
    }
    assert {"run_id": 7, "picked": {"y": 2}} == output(run(states, run_id=7))


def test_an_error_of_a_listed_type_is_retried(run):
    retry = {
        "ErrorEquals": ["Lambda.ServiceException", "Retriable"],
        "IntervalSeconds": 1,
        "MaxAttempts": 4,
        "BackoffRate": 2,
        "MaxDelaySeconds": 1,
        "JitterStrategy": "FULL",
    }
    flaky = task("flaky", {"mark": "retried", "fails": 2}, Retry=[retry], OutputPath="$.Payload", End=True)
    assert {"calls": 3} == output(run({"Flaky": flaky}))


def test_an_error_of_another_type_is_not_retried_and_is_caught_by_its_name(cloud, run):
    states = {
        "Fail": task(
            "fail",
            {"mark": "caught", "error": "Fatal"},
            Retry=[{"ErrorEquals": ["Retriable"], "IntervalSeconds": 1, "MaxAttempts": 4}],
            Catch=[
                {"ErrorEquals": ["StagingLost"], "ResultPath": "$.failure", "Next": "Wrong"},
                {"ErrorEquals": ["Fatal"], "ResultPath": "$.failure", "Next": "Right"},
            ],
            End=True,
        ),
        "Right": {"Type": "Succeed"},
        "Wrong": {"Type": "Fail", "Error": "Wrong", "Cause": "caught by another name"},
    }
    found = output(run(states, run_id=7))
    cause = {"errorType": "Fatal", "errorMessage": "on purpose"}
    assert (7, "Fatal", cause) == (found["run_id"], found["failure"]["Error"], json.loads(found["failure"]["Cause"]))
    assert 1 == cloud.call("counted", of="fail caught")


def test_all_errors_are_caught_and_what_is_not_caught_fails_with_its_type(run):
    caught = task("fail", {"error": "Odd"}, Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Stop"}], End=True)
    found = run({"Fail": caught, "Stop": {"Type": "Fail", "Error": "Stopped", "Cause": "on purpose"}})
    assert ("FAILED", "Stopped", "on purpose") == (found["status"], found["error"], found["cause"])
    found = run({"Fail": task("fail", {"error": "Odd"}, End=True)})
    assert ("FAILED", "Odd") == (found["status"], found["error"])


@pytest.mark.parametrize(
    ("given", "expected"),
    [({"next": "record"}, "text"), ({"batches": 1}, "number"), ({"round": 3}, "many"), ({"other": 0}, "none")],
)
def test_a_choice_looks_at_texts_numbers_and_presence(run, given, expected):
    def choice(name: str, test: dict[str, Any], into: str) -> dict[str, Any]:
        return {"And": [{"Variable": name, "IsPresent": True}, {"Variable": name, **test}], "Next": into}

    choices = [
        choice("$.next", {"StringEquals": "record"}, "text"),
        choice("$.batches", {"NumericEquals": 1}, "number"),
        choice("$.round", {"NumericGreaterThan": 2}, "many"),
    ]
    ends = {name: {"Type": "Pass", "Result": {"is": name}, "End": True} for name in ("text", "number", "many", "none")}
    states = {"Choice": {"Type": "Choice", "Choices": choices, "Default": "none"}, **ends}
    assert {"is": expected} == output(run(states, **given))


def test_a_pass_counts_with_math_add(run):
    parameters = {"round.$": "States.MathAdd($.round, 1)", "run_id.$": "$.run_id"}
    states = {"Count": {"Type": "Pass", "Parameters": parameters, "End": True}}
    assert {"round": 2, "run_id": 7} == output(run(states, round=1, run_id=7))


def test_a_distributed_map_runs_two_functions_for_each_item_of_the_manifest(cloud, run):
    states = {
        "First": task("echo", {"mark": "first", "batch.$": "$.batch"}, ResultPath=None, Next="Second"),
        "Second": task("echo", {"mark": "second", "batch.$": "$.batch"}, OutputPath="$.Payload", End=True),
    }
    state, given = mapped(cloud, [{"batch": n} for n in range(5)], states, End=True)
    assert [{"mark": "second", "batch": n} for n in range(5)] == output(run({"Each": state}, **given))
    assert (5, 5) == (cloud.call("counted", of="echo first"), cloud.call("counted", of="echo second"))


def test_a_distributed_map_with_a_null_result_path_passes_its_input_on(cloud, run):
    state, given = mapped(cloud, [], {"Pass": {"Type": "Pass", "End": True}}, ResultPath=None, End=True)
    assert given == output(run({"Each": state}, **given))


def test_a_distributed_map_fails_with_its_first_failed_child_and_begins_no_more(cloud, run):
    states = {"One": task("picky", {"mark": "map", "fails.$": "$.fails"}, End=True)}
    state, given = mapped(cloud, [{"fails": True}] + [{"fails": False}] * 50, states, End=True)
    found = run({"Each": state}, **given)
    assert ("FAILED", "States.ExceedToleratedFailureThreshold") == (found["status"], found["error"])
    assert cloud.call("counted", of="picky map") < 51


def test_a_failed_distributed_map_is_caught(cloud, run):
    states = {"One": task("picky", {"fails": True}, End=True)}
    catch = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": "Record"}]
    state, given = mapped(cloud, [{}], states, Catch=catch, ResultPath=None, End=True)
    found = output(run({"Each": state, "Record": {"Type": "Succeed"}}, **given))
    assert "States.ExceedToleratedFailureThreshold" == found["failure"]["Error"]


def test_one_worker_can_take_more_items_than_python_can_nest(cloud, run):
    state, given = mapped(cloud, list(range(1200)), {"Pass": {"Type": "Pass", "End": True}}, End=True)
    assert list(range(1200)) == output(run({"Each": state}, **{**given, "workers": 1}))


@pytest.mark.parametrize(
    ("state", "told"), [(ProgramEnded(), {"output"}), (ProgramError(ExecutionFailedEventDetails()), {"error", "cause"})]
)
def test_an_execution_has_its_outcome_before_its_status(state, told):
    class Watched(SimpleNamespace):
        def __setattr__(self, name, value):
            if name == "exec_status":
                assert told <= vars(self).keys()
            super().__setattr__(name, value)

    worker = SimpleNamespace(env=SimpleNamespace(program_state=lambda: state, states=SimpleNamespace(get_input=dict)))
    execution = Watched(exec_worker=worker)
    terminated(BaseExecutionWorkerCommunication(execution))
    assert execution.exec_status is not None


def test_executions_without_a_name_are_told_apart(cloud, make):
    arn = make({"End": {"Type": "Succeed"}})
    found = {cloud.client("stepfunctions").start_execution(stateMachineArn=arn)["executionArn"] for _ in range(2)}
    assert 2 == len(found)
    assert [] == [each for each in found if each.endswith(":None")]


def test_a_name_is_burnt(cloud, make):
    states, arn = cloud.client("stepfunctions"), make({"End": {"Type": "Succeed"}})
    first = states.start_execution(stateMachineArn=arn, name="7")["executionArn"]
    ended(cloud, first)
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        states.start_execution(stateMachineArn=arn, name="7")


def test_a_stopped_execution_is_aborted_at_once_and_calls_no_further_function(cloud, make):
    states = cloud.client("stepfunctions")
    slow = task("slow", {"mark": "stopped"}, Next="After")
    arn = states.start_execution(
        stateMachineArn=make({"Slow": slow, "After": task("echo", {"mark": "stopped"}, End=True)})
    )["executionArn"]
    assert 1 == cloud.call("counted", of="slow stopped", least=1)
    states.stop_execution(executionArn=arn)
    assert "ABORTED" == states.describe_execution(executionArn=arn)["status"]
    cloud.call("release", mark="stopped")
    assert "ABORTED" == ended(cloud, arn)["status"]
    assert 0 == cloud.call("counted", of="echo stopped")
