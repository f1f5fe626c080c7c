"""Chains of steps over one to three objects: rows, counts and law are those of a model in plain Python."""

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from conftest import as_made
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from making import pipeline

from chalicelib.core.counts import Counts, prove_in
from chalicelib.core.dialect import Dialect
from chalicelib.core.errors import BrokenLaw
from chalicelib.core.outcome import Transformed
from chalicelib.core.plan import Field
from chalicelib.core.types import ColumnType
from chalicelib.engine.fates import Fates
from chalicelib.engine.gathering import Gathering
from chalicelib.engine.program import compile_program
from chalicelib.engine.session import locked_session, parser
from chalicelib.engine.stream import counted, delimited, open_input

COLUMNS = {"k": "bigint", "v": "text", "w": "text"}
TEXTS = ["", "x", "y", "v", "x;y", "y;z;z", ";"]


@dataclass
class Model:
    """The records on their way, each with its origin (batch, number) or None, and what became of the others."""

    records: list
    counts: Counter = field(default_factory=Counter)
    made: bool = False

    def keep(self, condition, fate):
        kept = [r for r in self.records if condition(r)]
        self.counts[self.fate(fate)] += len(self.records) - len(kept)
        self.records = kept

    def fate(self, fate):
        return fate if not self.made else "late" if fate == "rejected" else "sifted"

    def make(self, records, *, combines=False):
        if not self.made:
            self.counts["combined" if combines else "kept"] = len(self.records)
        self.counts["produced"] = self.counts["late"] + self.counts["sifted"] + len(records)
        self.made, self.records = True, records

    def end(self):
        if not self.made:
            self.counts["kept"] = self.counts["produced"] = len(self.records)
        return Counts(**self.counts)


def rank(text):
    return (text is not None, text or "")


def highest(texts):
    return max((text for text in texts if text is not None), default=None)


def groups(model, *names):
    found = {}
    for record in model.records:
        found.setdefault(tuple(record[name] for name in names), []).append(record)
    return found


def fail(model):
    model.keep(lambda r: r["v"] != "z", "rejected")


def upper(model):
    model.records = [{**r, "w": r["w"] and f"{r['w']}{r['k']}" if r["k"] is not None else None} for r in model.records]


def filter_(model):
    model.keep(lambda r: r["v"] is not None, "filtered")


def split(model):
    parts = [({**r, "v": part}) for r in model.records for part in (r["v"].split(";") if r["v"] else [r["v"]])]
    model.make(parts)


def unpivot(model):
    made = [{**r, "w": name, "v": r[name]} for r in model.records for name in "vw"]
    model.make([r for r in made if r["v"] is not None])


def aggregate(model):
    made = [
        {"k": k, "v": highest(r["v"] for r in some), "w": highest(r["w"] for r in some), "at": None}
        for (k,), some in groups(model, "k").items()
    ]
    model.make(made, combines=True)


def pivot(model):
    model.keep(lambda r: r["w"] in ("v", "x"), "rejected")
    made = [
        {"k": k, **{c: highest(r["v"] for r in some if r["w"] == wanted) for c, wanted in (("w", "v"), ("v", "x"))}}
        for (k,), some in groups(model, "k").items()
    ]
    model.make([{**r, "at": None} for r in made], combines=True)


def window(model):
    made = [{**some[0], "w": str(len(some)), "at": None} for some in groups(model, "k", "v").values()]
    model.make(made)


def double(model):
    model.make([{**r, "at": None} for r in model.records for _ in range(2)])


def deduplicate(model):
    stays = [max(enumerate(some), key=lambda each: (rank(each[1]["v"]), rank(each[1]["w"]), each[0]))[1]
             for some in groups(model, "k").values()]  # fmt: skip
    model.keep(lambda r: any(r is each for each in stays), "deduplicated")


GROUPED = "select count(*)::text as w, v, k from input group by v, k"
DOUBLED = "select v, w, k from input union all select v, w, k from input"
TAKEN = {"v": "max(v)", "w": "max(w)"}
STEPS = {
    "fail": ({"derive": {"v": "case when v = 'z' then cast(cast(v as int) as text) else v end"}}, fail),
    "upper": ({"derive": {"w": "w || k"}}, upper),
    "filter": ({"filter": "v is not null"}, filter_),
    "split": ({"split": {"column": "v", "by": ";"}}, split),
    "unpivot": ({"unpivot": {"columns": ["v", "w"], "name": "w", "value": "v", "nulls": "drop"}}, unpivot),
    "aggregate": ({"aggregate": {"by": ["k"], "take": TAKEN}}, aggregate),
    "pivot": ({"pivot": {"by": ["k"], "column": "w", "values": {"w": "v", "v": "x"}, "take": "max(v)"}}, pivot),
    "window": ({"sql": GROUPED}, window),
    "double": ({"sql": DOUBLED}, double),
    "deduplicate": ({"deduplicate": {"columns": ["k"], "order_by": ["v", "w"]}}, deduplicate),
}
GATHERED = ["split", "unpivot", "aggregate", "pivot", "window", "double", "deduplicate"]
records = st.tuples(st.sampled_from([None, 1, 2, "no"]), st.sampled_from(TEXTS), st.sampled_from(TEXTS))
batches = st.lists(st.lists(records, min_size=1, max_size=6), min_size=1, max_size=3)
chains = st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=5).filter(lambda c: {*c} & {*GATHERED})


def compiled(chain):
    document = pipeline(columns=COLUMNS, transforms=[STEPS[word][0] for word in chain])
    fields = tuple(Field(name, ColumnType.parse(kind)) for name, kind in COLUMNS.items())
    with parser() as sql:
        return compile_program(document, fields, as_made(document, fields, sql), sql)


def carried(program, parts):
    """The kept records as (values, origin), and what all batches came to."""
    with TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{i}.csv" for i in range(len(parts))]
        fates = [Fates(program.causes) for _ in parts]
        with locked_session(readable=paths) as connection:
            gathering = Gathering(connection, program)
            for i, (path, part) in enumerate(zip(paths, parts, strict=True)):
                path.write_text("k,v,w\n" + "".join(f"{'' if r[0] is None else r[0]},{r[1]},{r[2]}\n" for r in part))
                open_input(connection, delimited(path, Dialect(), 3, new_line="\n", longest_bytes=2 * 1024**2))
                gathering.begin(i, fates[i], counted)
                gathering.take(i)
            gathering.carry_out()
            kept = [(i, r) for i in range(len(parts)) for c in gathering.records(i) for r in c.to_pylist()]
    done = Transformed.total([Transformed(each.counts(), cardinality=each.cardinality) for each in fates])
    return kept, done


def modelled(chain, parts):
    read = [
        {"k": k, "v": v or None, "w": w or None, "at": (i, line)}
        for i, part in enumerate(parts)
        for line, (k, v, w) in enumerate(part, 1)
    ]
    model = Model(read, Counter(read=len(read)))
    model.keep(lambda r: r["k"] != "no", "rejected")
    for word in chain:
        STEPS[word][1](model)
    return model


def flat(kept):
    return Counter((i, r["k"], r["v"], r["w"], r["_etl_line"]) for i, r in kept)


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(batches, chains)
@example([[(1, "x;y", "x"), (2, "", "y")]], ["unpivot", "aggregate"])
@example([[(1, "x;y", "x")], [(1, "x", "y")]], ["split", "deduplicate"])
@example([[(1, "x;y", "x")], [(1, "x", "y")]], ["split", "window"])
@example([[(1, "x;z", "x"), (2, "", "")]], ["split", "fail", "filter", "split", "deduplicate", "unpivot"])
def test_any_chain_of_steps_leaves_the_rows_and_counts_of_its_model(parts, chain):
    kept, done = carried(compiled(chain), parts)
    model = modelled(chain, parts)
    expected = Counter((*(r["at"] or (0, None))[:1], r["k"], r["v"], r["w"], (r["at"] or (0, None))[1])
                       for r in model.records)  # fmt: skip
    assert expected == flat(kept)
    assert model.end() == done.counts
    prove_in(done.counts, cardinality=done.cardinality)


@pytest.mark.parametrize("chain", [["split", "aggregate"], ["unpivot", "deduplicate"], ["deduplicate", "double"]])
@pytest.mark.parametrize("lost", ["WHERE k IS NULL", "UNION ALL BY NAME SELECT * FROM input"])
def test_records_lost_or_doubled_between_two_steps_break_the_law(chain, lost):
    program = compiled(chain)
    first, second = program.gathers
    named = f"WITH input AS ({second.select}) SELECT * FROM input {lost}"
    broken = replace(program, gathers=(first, replace(second, select=named)))
    with pytest.raises(BrokenLaw, match="nothing was published"):
        carried(broken, [[(1, "x;y", "x"), (2, "x", "y")]])


def test_records_that_do_not_come_out_break_the_law():
    program = compiled(["split"])
    select = f"SELECT * FROM ({program.select}) WHERE k = 1"
    with pytest.raises(BrokenLaw, match="3 records came out, but 4 were there before"):
        carried(replace(program, select=select, hidden=()), [[(1, "x;y;z", "x"), (2, "x", "y")]])
