"""The conformance kit: what every plugin promises, checked on the plugin as it is installed, the way a run calls it.

In the tests of a plugin's package::

    CASE = Case("shout", options={"column": "text"}, records=[{"text": "hello"}, {"text": None}])

    @pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
    def test_the_plugin_keeps_its_promises(promise):
        promise(CASE)

Besides the case's own records, each promise is tried on random ones of the columns that the plugin reads: with nulls,
empty text, other alphabets, the ends of each range. Where hypothesis is installed it searches, and shows the smallest
records that break a promise; else a fixed seed draws. A broken promise is an AssertionError that says which.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import Any

import pyarrow as pa

from chalicelib.core.errors import InvalidPipeline
from chalicelib.core.types import ColumnType
from chalicelib.engine.plugins.arrow import arrow_type
from chalicelib.engine.plugins.call import Call, Failed
from chalicelib.engine.plugins.installed import plugin_named
from etlplus.plugins import Made
from etlplus.values import values_of

__all__ = ["PROMISES", "Case", "Promise", "outcomes"]

#: How many random batches a promise is tried on, and how many records each has at most.
BATCHES, MOST = 30, 12
_PLACE = "the case"
_ELSEWHERE = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from etlplus.testing import answer_elsewhere
answer_elsewhere()
"""


@dataclass(frozen=True)
class Case:
    """A plugin by the name of its entry point, options that it takes, and records that it should meet.

    ``records`` are values by column, as Python has them; a column that the plugin reads and a record has not is null.
    ``numeric`` is the type of columns that the plugin reads as ``numeric`` without digits.
    """

    plugin: str
    options: Mapping[str, Any] = field(default_factory=dict)
    records: Sequence[Mapping[str, Any]] = ()
    numeric: str = "numeric(12,2)"

    def call(self) -> Call:
        """The plugin with its options, as a step has it."""
        return Call.of(plugin_named(self.plugin, _PLACE), self.options, _PLACE)

    def types(self, call: Call) -> dict[str, pa.DataType]:
        """The Arrow types of the columns that the plugin reads."""
        return {
            name: arrow_type(kind) or arrow_type(ColumnType.parse(self.numeric)) for name, kind in call.reads.items()
        }

    def batch(self, call: Call, records: Sequence[Mapping[str, Any]]) -> pa.RecordBatch:
        """Some records as the plugin gets them."""
        types = self.types(call)
        arrays = [pa.array([record.get(name) for record in records], kind) for name, kind in types.items()]
        return batch_of(types, arrays, len(records))


Promise = Callable[[Case], None]
#: What a plugin made of each record: its values, and the reason if it is rejected.
Outcomes = list[tuple[Any, ...]]


def is_installed_and_takes_its_options(case: Case) -> None:
    """The entry point leads to a plugin, which takes the case's options and declares what can be."""
    call = case.call()
    _holds(bool(call.adds), f"{case.plugin} adds no column")
    bare = [name for name in call.reads if all(record.get(name) is None for record in case.records)]
    _holds(not bare, f"no record of the case has a value in {', '.join(bare)}; give it one")


def refuses_options_that_it_does_not_know(case: Case) -> None:
    """An option that nobody declared is refused, so that a misspelt one is not silently left out."""
    wrong = Case(case.plugin, {**case.options, "no_such_option": 1})
    try:
        wrong.call()
    except InvalidPipeline:
        return
    raise AssertionError(
        f"{case.plugin} takes an option no_such_option; derive its options from etlplus.plugins.Options"
    )


def takes_an_empty_batch(case: Case) -> None:
    """No records in, none out."""
    call = case.call()
    _holds(_outcomes(call, case.batch(call, [])) == [], f"{case.plugin} makes something of nothing")


def takes_nulls(case: Case) -> None:
    """Each column that it reads may be null, alone and together with all others."""
    call = case.call()
    whole = list(case.records) or [{}]
    for name in call.reads:
        _outcomes(call, case.batch(call, [{**record, name: None} for record in whole]))
    _outcomes(call, case.batch(call, [{}] * 3))


def makes_what_it_declares(case: Case) -> None:
    """As many values as records, in the declared columns and types; rejects only for declared reasons."""
    _each(case, _outcomes)


def answers_the_same_each_time(case: Case) -> None:
    """The same records give the same answer, however often it is asked."""

    def same(call: Call, records: pa.RecordBatch) -> None:
        """One answer like the other."""
        before = records.to_pylist()
        first, second = _outcomes(call, records), _outcomes(call, records)
        _holds(first == second, f"{case.plugin} made {first!r}, then {second!r} of the same records {before!r}")
        _holds(
            repr(records.to_pylist()) == repr(before),
            f"{case.plugin} changed the records that it was given: {before!r}",
        )

    _each(case, same)


def sees_each_record_by_itself(case: Case) -> None:
    """However records are cut into batches and ordered, each has the same outcome: its scope is the record."""

    def apart(call: Call, records: pa.RecordBatch) -> None:
        """Together as in two parts, in reverse, and one by one."""
        size, whole = records.num_rows, _outcomes(call, records)
        for cuts in ([0, size // 2, size], list(range(size + 1))):
            parts = [each for a, b in pairwise(cuts) for each in _outcomes(call, records.slice(a, b - a))]
            told = f"{case.plugin} made {whole!r} of records together, {parts!r} of them in batches cut at {cuts}"
            _holds(whole == parts, told)
        turned = _outcomes(call, records.take(pa.array(range(size - 1, -1, -1), pa.int64())))
        _holds(whole == turned[::-1], f"{case.plugin} made {whole!r} of records, in reverse {turned!r}")

    _each(case, apart)


def answers_the_same_in_a_fresh_process(case: Case) -> None:
    """Another process, with other hashes of text, gives the same answer: nothing depends on what happened before."""
    call = case.call()
    records = _seeded(case, call, Random(1), 40)  # noqa: S311 - no secret
    here, there = repr(_outcomes(call, records)), _elsewhere(case, records)
    _holds(here == there, f"{case.plugin} made {here} here, {there} in a fresh process")


#: All promises, in the order in which to look at them.
PROMISES: tuple[Promise, ...] = (
    is_installed_and_takes_its_options,
    refuses_options_that_it_does_not_know,
    takes_an_empty_batch,
    takes_nulls,
    makes_what_it_declares,
    answers_the_same_each_time,
    sees_each_record_by_itself,
    answers_the_same_in_a_fresh_process,
)


def outcomes(case: Case) -> list[tuple[dict[str, Any], str | None]]:
    """What the plugin makes of each record of the case: its added columns, and the reason if it rejects it."""
    call = case.call()
    made = _made(call, case.batch(call, case.records))
    columns = {name: made.columns[name].to_pylist() for name in call.adds}
    return [
        ({name: values[i] for name, values in columns.items()}, made.rejected.get(i)) for i in range(len(case.records))
    ]


def batch_of(types: Mapping[str, pa.DataType], arrays: Sequence[pa.Array], size: int) -> pa.RecordBatch:
    """A batch of so many records, even without a column."""
    if arrays:
        return pa.record_batch(list(arrays), schema=pa.schema(list(types.items())))
    return pa.record_batch([pa.nulls(size)], names=["none"]).select([])


def _outcomes(call: Call, records: pa.RecordBatch) -> Outcomes:
    """What the plugin made of each record: values as Python writes them, for NaN is not equal to itself."""
    made = _made(call, records)
    columns = [made.columns[name].to_pylist() for name in call.adds]
    rows = list(zip(*columns, strict=True)) if columns else [()] * records.num_rows
    return [(*map(repr, row), made.rejected.get(i)) for i, row in enumerate(rows)]


def _made(call: Call, records: pa.RecordBatch) -> Made:
    try:
        return call.make(records)
    except Failed as failed:
        which = "" if failed.place is None else f", by record {failed.place} alone"
        told = f"{call.pin} {failed.what.whole}{which}; records: {records.to_pylist()!r}"
    raise AssertionError(told)


def _holds(promise: bool, told: str) -> None:  # noqa: FBT001 - an assert that python -O keeps
    if not promise:
        raise AssertionError(told)


def _each(case: Case, check: Callable[[Call, pa.RecordBatch], object]) -> None:
    """Check the case's own records, then random ones."""
    call = case.call()
    check(call, case.batch(call, case.records))
    try:
        import hypothesis  # noqa: PLC0415 - a plugin's tests may do without
        from hypothesis import strategies  # noqa: PLC0415
    except ImportError:
        random = Random(0)  # noqa: S311 - no secret
        for _ in range(BATCHES):
            check(call, _seeded(case, call, random, random.randint(0, MOST)))
        return
    pools = {name: strategies.sampled_from(pool) for name, pool in _pools(case, call).items()}
    records = strategies.lists(strategies.fixed_dictionaries(pools), max_size=MOST)
    tried = hypothesis.given(records)(lambda found: _nothing(check(call, case.batch(call, found))))
    hypothesis.settings(max_examples=BATCHES, deadline=None, derandomize=True, database=None)(tried)()


def _nothing(_: object) -> None:
    """A test of hypothesis returns nothing."""


def _pools(case: Case, call: Call) -> dict[str, list[Any]]:
    """Values for each column that is read: those of the case, null, and what its type has at its ends."""
    own = {name: [record[name] for record in case.records if name in record] for name in call.reads}
    return {name: [*values_of(kind), *own[name]] for name, kind in case.types(call).items()}


def _seeded(case: Case, call: Call, random: Random, size: int) -> pa.RecordBatch:
    pools = _pools(case, call)
    return case.batch(call, [{name: random.choice(pool) for name, pool in pools.items()} for _ in range(size)])


def _elsewhere(case: Case, records: pa.RecordBatch) -> str:
    """The outcomes, in words, as another process has them."""
    stream = pa.BufferOutputStream()
    with pa.ipc.new_stream(stream, records.schema) as writer:
        writer.write_batch(records)
    given = json.dumps([case.plugin, dict(case.options)]).encode() + b"\n" + stream.getvalue().to_pybytes()
    command = [sys.executable, "-c", _ELSEWHERE, json.dumps(sys.path)]
    done = subprocess.run(command, input=given, capture_output=True, check=False)  # noqa: S603 - this very Python
    told = done.stderr.decode(errors="replace").strip().splitlines()
    _holds(done.returncode == 0, f"{case.plugin} fails in a fresh process: {told[-1] if told else done.returncode}")
    return str(done.stdout, "utf-8")


def answer_elsewhere() -> None:
    """What the other process does: read the case and its records from stdin, write what became of them to stdout."""
    plugin, options = json.loads(sys.stdin.buffer.readline())
    records = pa.ipc.open_stream(sys.stdin.buffer.read()).read_next_batch()
    sys.stdout.write(repr(_outcomes(Case(plugin, options).call(), records)))
