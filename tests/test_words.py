"""The law of one word: a stage's word is its file, its public function and its name in the code."""

from pathlib import Path

import chalicelib.stages
from chalicelib.core.run import Stage

STAGES = [stage.value for stage in Stage]
FOLDER = Path(chalicelib.stages.__file__).parent


def test_every_stage_has_one_file_with_one_function_of_its_name():
    assert sorted(STAGES) == sorted(path.stem for path in FOLDER.glob("[a-z]*.py"))
    for word in STAGES:
        assert f"\ndef {word}(" in (FOLDER / f"{word}.py").read_text(encoding="utf-8")


def test_the_journey_is_told_in_the_order_of_the_stages():
    told = [line.split()[0] for line in (chalicelib.stages.__doc__ or "").splitlines() if line[:1].islower()]
    assert [word for word in told if word in STAGES] == STAGES
