"""The law of one word: a stage's word is its file, its public function and its name in the code."""

import json
from pathlib import Path

import chalicelib.stages
import functions
from chalicelib.core.run import Stage
from infra.functions import FUNCTIONS
from infra.machine import DEFINITION

STAGES = [stage.value for stage in Stage]
FOLDER = Path(chalicelib.stages.__file__).parent


def test_every_stage_has_one_file_with_one_function_of_its_name():
    assert sorted(STAGES) == sorted(path.stem for path in FOLDER.glob("[a-z]*.py"))
    for word in STAGES:
        assert f"\ndef {word}(" in (FOLDER / f"{word}.py").read_text(encoding="utf-8")


def test_the_journey_is_told_in_the_order_of_the_stages():
    told = [line.split()[0] for line in (chalicelib.stages.__doc__ or "").splitlines() if line[:1].islower()]
    assert [word for word in told if word in STAGES] == STAGES


def test_every_stage_is_a_lambda_and_a_state_of_its_name():
    states = json.loads(DEFINITION.read_text(encoding="utf-8"))["States"]
    for word in STAGES:
        assert word.capitalize() in states
        assert f"functions.{word}.handler" in [function.handler for function in FUNCTIONS if function.name == word]
        assert (Path(functions.__file__).parent / f"{word}.py").is_file()
