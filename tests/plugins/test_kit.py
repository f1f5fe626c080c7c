"""The conformance kit: it lets a good plugin pass, and each promise that is broken is told by the promise broken."""

import sys

import pytest
from plugging import SHOUT, plugin_code, plugs

from etlplus.testing import PROMISES, Case

__all__ = ["plugs"]

CASE = Case("p", records=[{"a": "x"}, {"a": "2"}, {"a": "x"}])


def broken(case):
    """The promises that a plugin does not keep, with what is said."""
    found = {}
    for promise in PROMISES:
        try:
            promise(case)
        except AssertionError as error:
            found[promise.__name__] = str(error)
    return found


@pytest.mark.parametrize("searches", [True, False])
def test_a_good_plugin_keeps_all_promises_with_and_without_hypothesis(plugs, monkeypatch, searches):
    if not searches:
        monkeypatch.setitem(sys.modules, "hypothesis", None)
    plugs.install("shout", SHOUT)
    assert {} == broken(Case("shout", {"column": "a"}, [{"a": "hello"}, {"a": "-"}]))


TEXT = "return Made(columns={'b': pa.array([%s], pa.string())})"


@pytest.mark.parametrize("searches", [True, False])
@pytest.mark.parametrize(
    ("make", "promise", "said"),
    [
        (TEXT % "v.upper() for v in a", "takes_nulls", "raised AttributeError at etlplus_p.py:12: 'NoneType' object"),
        (TEXT % "str(len(a)) for v in a", "sees_each_record_by_itself", "together"),
        (TEXT % "(a[i - 1] if i else None) for i in range(len(a))", "sees_each_record_by_itself", "in batches cut at"),
        (TEXT % "str(id(object())) + str(__import__('random').random()) for v in a", "answers_the_same_each_time",
         "of the same records"),
        (TEXT % "str(hash(v)) for v in a", "answers_the_same_in_a_fresh_process", "in a fresh process"),
        ("seen.append(1)\n" + TEXT % "str(len(seen)) for v in a", "answers_the_same_each_time", "then"),
        (TEXT % "v for v in a if v", "makes_what_it_declares", "values for"),
        (TEXT % "a[0]", "takes_an_empty_batch", "raised IndexError"),
        ("return Made(columns={'b': records.column(0)}, rejected={i: 'x' for i in range(len(a))})",
         "makes_what_it_declares", "for a reason that it does not declare"),
    ],
)  # fmt: skip
def test_a_broken_promise_is_told(plugs, monkeypatch, searches, make, promise, said):
    if not searches:
        monkeypatch.setitem(sys.modules, "hypothesis", None)
    plugs.install("p", "seen = []\n" + plugin_code(make).lstrip("\n"))
    with pytest.raises(AssertionError, match=said):
        next(each for each in PROMISES if each.__name__ == promise)(CASE)


def test_options_that_nobody_declared_and_cases_without_values_are_told(plugs):
    code = plugin_code(TEXT % "v for v in a").replace("options=Options", "options=Loose")
    plugs.install("p", "from pydantic import BaseModel\nclass Loose(BaseModel): ...\n" + code)
    told = broken(Case("p", records=[{"a": None}]))
    assert ["is_installed_and_takes_its_options", "refuses_options_that_it_does_not_know"] == list(told)
    assert "no record of the case has a value in a; give it one" == told["is_installed_and_takes_its_options"]


def test_a_case_of_numerics_and_moments_meets_the_ends_of_their_ranges(plugs):
    reads = {"n": "numeric", "d": "date", "t": "timestamptz", "o": "time", "s": "smallint", "r": "real", "k": "boolean"}
    make = "return Made(columns={'b': pa.array([repr(v) for v in records.to_pylist()], pa.string())})"
    plugs.install("p", plugin_code(make, repr(reads)))
    told = broken(Case("p", records=[dict.fromkeys(reads)], numeric="numeric(5,1)"))
    assert ["is_installed_and_takes_its_options"] == list(told)
