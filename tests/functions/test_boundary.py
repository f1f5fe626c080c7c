"""The boundary: how an error of a stage is logged, and what a payload must have."""

import logging
from types import SimpleNamespace

import pytest

from chalicelib.core import errors
from chalicelib.core.errors import EtlError, Fatal, Held, Retriable
from chalicelib.core.run import Stage
from functions.boundary import boundary, logger

CONTEXT = SimpleNamespace(aws_request_id="1")
EXPECTED = ("Held", "InvalidPipeline", "NotFound", "PlanStale", "Refused", "Retriable", "SourceMoved", "StagingLost")


@pytest.fixture
def logged():
    """The records that the stages' logger gets."""
    found: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = found.append
    logger._logger.addHandler(handler)
    yield found
    logger._logger.removeHandler(handler)


def stage_of(error: Exception):
    @boundary(Stage.PLAN)
    def handler(_payload):
        raise error

    return handler


@pytest.mark.parametrize("name", [*EXPECTED, "Unreachable"])
def test_what_is_expected_to_happen_is_one_line_without_a_traceback(logged, name):
    with pytest.raises(EtlError):
        stage_of(getattr(errors, name)("the object is empty"))({"run_id": "r"}, CONTEXT)
    (record,) = logged
    assert ("WARNING", "Stage plan ended: the object is empty", None, name) == (
        record.levelname, record.getMessage(), record.exc_info, record.error,
    )  # fmt: skip


@pytest.mark.parametrize("error", [KeyError("x"), Fatal("wrong"), errors.BrokenLaw("2 is not 3")])
def test_a_defect_is_an_error_with_its_traceback(logged, error):
    with pytest.raises(Fatal):
        stage_of(error)({"run_id": "r"}, CONTEXT)
    (record,) = logged
    assert ("ERROR", error) == (record.levelname, record.exc_info[1])


@pytest.mark.parametrize(
    ("error", "category"),
    [(errors.Unreachable("away"), "Retriable"), (errors.SourceMoved("gone"), "SourceMoved"), (Held("no"), "Held")],
)
def test_an_error_leaves_under_the_name_that_the_state_machine_knows(error, category):
    with pytest.raises(EtlError) as raised:
        stage_of(error)({"run_id": "r"}, CONTEXT)
    assert category == type(raised.value).__name__
    assert issubclass(type(raised.value), Held | Retriable)
