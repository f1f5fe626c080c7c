"""Gathered batches: random records, cut anywhere, against a model in memory."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st
from making import pipeline

from chalicelib.core.counts import Counts, prove_in
from chalicelib.core.dialect import Dialect
from chalicelib.core.outcome import Transformed
from chalicelib.core.plan import Field, TargetColumn
from chalicelib.core.types import ColumnType
from chalicelib.engine.fates import Fates
from chalicelib.engine.gathering import Gathering
from chalicelib.engine.program import compile_program, compile_steps
from chalicelib.engine.session import locked_session, parser
from chalicelib.engine.stream import counted, delimited, open_input

COLUMNS = {"k": "bigint", "v": "bigint"}
STEPS = {
    "deduplicate": {"columns": ["k"], "order_by": ["v"]},
    "aggregate": {"by": ["k"], "take": {"n": "count(*)", "most": "max(v)"}},
    "unpivot": {"columns": ["k", "v"], "name": "c", "value": "x", "nulls": "drop"},
}
values = st.one_of(st.none(), st.integers(-3, 3))
batches = st.lists(st.lists(st.tuples(st.one_of(values, st.just("x")), values), min_size=1, max_size=8), max_size=4)


def gathered(word, parts):
    """The kept records as (batch, values...), and what all batches came to."""
    program = program_of(word)
    with TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{i}.csv" for i in range(len(parts))]
        fates = [Fates(program.causes) for _ in parts]
        with locked_session(readable=paths) as connection:
            gathering = Gathering(connection, program)
            for i, (path, part) in enumerate(zip(paths, parts, strict=True)):
                path.write_text(
                    "k,v\n" + "".join(f"{'' if k is None else k},{'' if v is None else v}\n" for k, v in part)
                )
                open_input(connection, delimited(path, Dialect(), 2, new_line="\n", longest_bytes=2 * 1024**2))
                gathering.begin(i, fates[i], counted)
                assert gathering.take(i) == len(part)
            gathering.carry_out()
            kept = [(i, *r.values()) for i in range(len(parts)) for c in gathering.records(i) for r in c.to_pylist()]
    done = [Transformed(each.counts(), cardinality=each.cardinality) for each in fates]
    return kept, Transformed.total(done)


@cache
def program_of(word):
    fields = tuple(Field(name, ColumnType.parse(kind)) for name, kind in COLUMNS.items())
    document = pipeline(columns=COLUMNS, transforms=[{word: STEPS[word]}])
    with parser() as sql:
        relation, _ = compile_steps(document, fields, sql)
        columns = tuple(TargetColumn(c.name, ColumnType.parse(c.fits or "bigint")) for c in relation.columns)
        return compile_program(document, fields, columns, sql)


def good(parts):
    return [(i, line, k, v) for i, part in enumerate(parts) for line, (k, v) in enumerate(part, 1) if k != "x"]


@settings(max_examples=60, deadline=None)
@given(batches.filter(bool))
def test_deduplicate_keeps_the_highest_then_the_last_of_each_key(parts):
    best = {}
    for record in good(parts):
        _, _, k, v = record
        rank = (v is not None, v or 0)
        if k not in best or rank >= best[k][0]:
            best[k] = (rank, record)
    expected = sorted((i, k is not None, k or 0, v, line) for _, (i, line, k, v) in best.values())
    kept, total = gathered("deduplicate", parts)
    assert expected == sorted((i, k is not None, k or 0, v, line) for i, k, v, line in kept)
    read = sum(map(len, parts))
    out = len(good(parts)) - len(best)
    assert total.counts == Counts(
        read=read, kept=len(best), deduplicated=out, rejected=read - len(good(parts)), produced=len(best)
    )
    prove_in(total.counts)


@settings(max_examples=60, deadline=None)
@given(batches.filter(bool))
def test_aggregate_combines_the_records_of_all_batches(parts):
    groups = {}
    for _, _, k, v in good(parts):
        groups.setdefault(k, []).append(v)
    expected = {k: (len(vs), max((v for v in vs if v is not None), default=None)) for k, vs in groups.items()}
    kept, total = gathered("aggregate", parts)
    assert (expected, len(expected)) == ({k: (n, most) for _, k, n, most, _ in kept}, len(kept))
    assert (0, len(good(parts)), len(kept)) == (total.counts.kept, total.counts.combined, total.counts.produced)
    prove_in(total.counts, cardinality=total.cardinality)


@settings(max_examples=60, deadline=None)
@given(batches.filter(bool))
def test_unpivot_keeps_batch_and_number(parts):
    expected = [
        (i, name, value, line)
        for i, line, *both in good(parts)
        for name, value in zip("kv", both, strict=True)
        if value is not None
    ]
    kept, total = gathered("unpivot", parts)
    assert expected == kept
    prove_in(total.counts, cardinality=total.cardinality)


def test_a_step_that_gathers_right_after_one_that_makes_several_records_sees_them_as_they_are(run):
    split = {"split": {"column": "a", "by": ";"}}
    once = run(b"a,z\nx;y,1\nx,3\n", None, [split, {"deduplicate": {"columns": ["a"]}}])
    assert ([("y", "1"), ("x", "3")], [1, 2]) == (once.values, once.lines)
    counted_ones = run(b"a,z\nx;y,1\nx,3\n", None, [split, {"aggregate": {"by": ["a"], "take": {"n": "count(*)"}}}])
    assert {("x", 2), ("y", 1)} == set(counted_ones.values)
