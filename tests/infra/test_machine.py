"""The state machine's definition: the subset of ASL that AWS and the laptop both run, and where each failure leads."""

import copy
import json
import re

import pytest

from chalicelib.core.run import Stage
from infra.functions import FUNCTIONS
from infra.machine import DEFINITION, definition, digest

MACHINE = json.loads(DEFINITION.read_text(encoding="utf-8"))
#: What a state may have; the rest (JSONata, variables, batchers, writers) one of the two does not run, or otherwise.
FIELDS = {
    "Task": {"Resource", "Parameters", "OutputPath", "ResultPath", "Retry", "Catch", "Next", "End"},
    "Choice": {"Choices", "Default"},
    "Pass": {"Parameters", "Next"},
    "Map": {"ItemReader", "MaxConcurrencyPath", "ItemProcessor", "ResultPath", "Catch", "Next"},
    "Succeed": set(),
}
#: What its parts may have.
PARTS = {
    "Retry": {"ErrorEquals", "IntervalSeconds", "BackoffRate", "MaxAttempts", "MaxDelaySeconds", "JitterStrategy"},
    "Catch": {"ErrorEquals", "ResultPath", "Next"},
    "Choices": {"Variable", "StringEquals", "NumericEquals", "NumericGreaterThan", "Next"},
}
PROCESSOR = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
READER = {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSON"}}


def states(machine: dict) -> dict[str, dict]:
    """All states, those within a Map among them."""
    found = dict(machine["States"])
    for state in machine["States"].values():
        if state["Type"] == "Map":
            found |= states(state["ItemProcessor"])
    return found


def faults(machine: dict) -> list[str]:
    """What in a machine is outside the subset."""
    found = [f"machine: {key}" for key in machine.keys() - {"Comment", "StartAt", "States"}]
    for name, state in states(machine).items():
        allowed = FIELDS.get(state["Type"])
        if allowed is None:
            found.append(f"{name}: {state['Type']}")
            continue
        found += [f"{name}: {key}" for key in state.keys() - allowed - {"Type", "Comment"}]
        for part, fields in PARTS.items():
            found += [f"{name}: {part}: {key}" for each in state.get(part, []) for key in each.keys() - fields]
        if any(each["ErrorEquals"] != ["States.ALL"] for each in state.get("Catch", [])[-1:]):
            found.append(f"{name}: States.ALL is not last")
        if state["Type"] == "Task" and state["Resource"] != "arn:aws:states:::lambda:invoke":
            found.append(f"{name}: {state['Resource']}")
        if state["Type"] == "Task" and not state.get("Retry"):
            found.append(f"{name}: no Retry")
        if state["Type"] == "Map":
            reader = {key: value for key, value in state["ItemReader"].items() if key != "Parameters"}
            found += [] if reader == READER else [f"{name}: ItemReader"]
            found += [] if "MaxConcurrencyPath" in state else [f"{name}: no MaxConcurrencyPath"]
            processor = {
                key: value for key, value in state["ItemProcessor"].items() if key not in ("StartAt", "States")
            }
            found += [] if processor == {"ProcessorConfig": PROCESSOR} else [f"{name}: ItemProcessor"]
    return found


def test_the_machine_stays_in_the_subset_that_both_run():
    assert [] == faults(MACHINE)


@pytest.mark.parametrize(
    ("state", "change", "told"),
    [
        ("Plan", {"Assign": {}}, "Plan: Assign"),
        ("Plan", {"QueryLanguage": "JSONata"}, "Plan: QueryLanguage"),
        ("Plan", {"Resource": "arn:aws:states:::sqs:sendMessage"}, "Plan: arn:aws:states:::sqs:sendMessage"),
        ("Plan", {"Retry": []}, "Plan: no Retry"),
        ("EachBatch", {"ItemBatcher": {}}, "EachBatch: ItemBatcher"),
        ("EachBatch", {"ResultWriter": {}}, "EachBatch: ResultWriter"),
        ("EachBatch", {"ItemReader": {**READER, "ReaderConfig": {"InputType": "JSONL"}}}, "EachBatch: ItemReader"),
        (
            "EachBatch",
            {"ItemProcessor": {**MACHINE["States"]["EachBatch"]["ItemProcessor"], "QueryLanguage": "JSONata"}},
            "EachBatch: ItemProcessor",
        ),
        ("Plan", {"Retry": [{"ErrorEquals": ["Retriable"], "Output": "{% 1 %}"}]}, "Plan: Retry: Output"),
        ("Plan", {"Catch": [{"ErrorEquals": ["Held"], "Next": "Record"}]}, "Plan: States.ALL is not last"),
        ("Batches", {"Choices": [{"Condition": "{% true %}", "Next": "Record"}]}, "Batches: Choices: Condition"),
        ("Done", {"Type": "Wait"}, "Done: Wait"),
    ],
)
def test_what_is_outside_the_subset_is_found(state, change, told):
    machine = copy.deepcopy(MACHINE)
    machine["States"][state].update(change)
    assert told in faults(machine)


def test_a_map_says_how_many_batches_are_worked_on_at_once():
    machine = copy.deepcopy(MACHINE)
    del machine["States"]["EachBatch"]["MaxConcurrencyPath"]
    assert ["EachBatch: no MaxConcurrencyPath"] == faults(machine)


def test_a_stage_is_a_state_that_invokes_the_function_of_its_name():
    for stage in Stage:
        assert f"${{{stage}}}" == MACHINE["States"][stage.capitalize()]["Parameters"]["FunctionName"]


def test_the_definition_names_the_stages_notify_and_the_work_bucket():
    named = set(re.findall(r"\$\{(\w+)\}", DEFINITION.read_text(encoding="utf-8")))
    assert {*Stage, "notify", "work_bucket"} == named
    assert named - {"work_bucket"} == {function.name for function in FUNCTIONS} - {"api", "intake", "sweep"}


def test_every_failure_ends_in_record():
    for name, state in MACHINE["States"].items():
        if state["Type"] not in ("Task", "Map") or name in ("Record", "Notify"):
            continue
        last = state["Catch"][-1]
        assert (["States.ALL"], "$.failure", "Record") == (last["ErrorEquals"], last["ResultPath"], last["Next"]), name


TASKS = {name: state for name, state in states(MACHINE).items() if state["Type"] == "Task"}
STAGES = {name: state for name, state in TASKS.items() if name not in ("Record", "Notify")}


def waited_s(retry: dict) -> list[int]:
    """The pauses of a Retry, without jitter."""
    pauses = (retry["IntervalSeconds"] * retry["BackoffRate"] ** attempt for attempt in range(retry["MaxAttempts"]))
    return [min(pause, retry["MaxDelaySeconds"]) for pause in pauses]


def test_stages_retry_what_waiting_may_help_and_nothing_else():
    retried = {name: state["Retry"][0]["ErrorEquals"] for name, state in TASKS.items() if name != "Record"}
    assert 1 == len({tuple(errors) for errors in retried.values()}), retried
    assert "Retriable" in retried["Plan"]
    assert {"Held", "Fatal", "States.ALL"}.isdisjoint(retried["Plan"])


def test_what_is_away_for_two_minutes_fails_no_stage():
    for name, state in STAGES.items():
        retry = state["Retry"][0]
        expected = sum(waited_s(retry)) / 2  # full jitter takes half of each pause on average
        assert (True, "FULL") == (expected >= 120, retry["JitterStrategy"]), name


def test_a_run_is_recorded_though_the_database_is_away_for_five_minutes():
    (retry,) = MACHINE["States"]["Record"]["Retry"]
    assert ["States.ALL"] == retry["ErrorEquals"]
    assert "JitterStrategy" not in retry  # it could take the pauses away
    assert sum(waited_s(retry)) >= 300


@pytest.mark.parametrize(
    "error",
    ["Runtime.ExitError", "Runtime.OutOfMemory", "Sandbox.Timedout", "Lambda.Unknown", "SourceMoved"],
)
def test_a_lambda_that_was_ended_is_called_again_twice(error):
    for name, state in TASKS.items():
        if name != "Record":
            (retry,) = [retry for retry in state["Retry"] if error in retry["ErrorEquals"]]
            assert (2, True) == (retry["MaxAttempts"], retry["IntervalSeconds"] > 0), name


def test_staging_that_was_lost_is_loaded_again_a_bounded_number_of_times():
    publish, batches = MACHINE["States"]["Publish"], MACHINE["States"]["Batches"]
    assert (["StagingLost"], "Reload") == (publish["Catch"][0]["ErrorEquals"], publish["Catch"][0]["Next"])
    assert {"Variable": "$.round", "NumericGreaterThan": 2, "Next": "Record"} == batches["Choices"][0]


def test_a_stale_plan_is_made_again():
    assert (
        "Plan" == {each["ErrorEquals"][0]: each["Next"] for each in MACHINE["States"]["Publish"]["Catch"]}["PlanStale"]
    )


def test_every_state_is_reached():
    reached = {MACHINE["StartAt"]}
    for state in MACHINE["States"].values():
        followers = [state.get("Next"), state.get("Default")]
        followers += [each["Next"] for each in (*state.get("Catch", []), *state.get("Choices", []))]
        reached |= {each for each in followers if each}
    assert MACHINE["States"].keys() == reached


def test_each_name_is_replaced_and_a_name_that_nobody_has_is_an_error():
    arns = {function.name: f"arn:aws:lambda:eu-west-1:1:function:{function.name}" for function in FUNCTIONS}
    text = definition(arns, "work")
    assert "${" not in text
    assert "work" == json.loads(text)["States"]["EachBatch"]["ItemReader"]["Parameters"]["Bucket"]
    with pytest.raises(KeyError, match="plan"):
        definition({}, "work")
    assert 64 == len(digest())
