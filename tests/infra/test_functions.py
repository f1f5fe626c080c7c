"""The functions table: handlers that exist, limits that Lambda has, settings that somebody reads."""

import inspect
from fnmatch import fnmatchcase
from importlib import import_module

import pytest

from chalicelib import settings
from infra.functions import FUNCTIONS

SETTINGS = sorted({name for function in FUNCTIONS for name in function.reads})


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
def test_a_function_can_be_created(function):
    module, _, name = function.handler.rpartition(".")
    assert callable(getattr(import_module(module), name))
    assert (True, True) == (1 <= function.timeout_s <= 900, 128 <= function.memory_mb <= 10_240)


@pytest.mark.parametrize("name", SETTINGS)
def test_what_a_function_reads_is_a_setting(name):
    assert name.removesuffix("*") in inspect.getsource(settings)


def test_who_stands_outside_the_vpc_knows_no_database():
    outside = [function for function in FUNCTIONS if not function.inside]
    assert ["extract", "notify", "transform"] == sorted(function.name for function in outside)
    assert not any("DATABASE" in name or "CONNECTION" in name for each in outside for name in each.reads)


def test_a_function_gets_what_it_reads_and_nothing_else():
    values = {name.replace("*", "WAREHOUSE"): name for name in SETTINGS}
    for function in FUNCTIONS:
        given = function.environment(values)
        assert all(any(fnmatchcase(name, read) for read in function.reads) for name in given)
        assert len(given) == len(function.reads)
