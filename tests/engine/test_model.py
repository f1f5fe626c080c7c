"""Any table of texts, any steps and rules: the engine does what a model of it in plain Python does."""

import re

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.core.counts import prove_in

TEXTS = st.sampled_from(["", "1", "2", "3", " 1", "x", "x ", " ", "10", "-4", "é"])
NAMES = ("p", "q", "r")


def whole(text):
    return int(text) if text is not None and re.fullmatch(r"\s*[-+]?[0-9]+\s*", text) else None


@st.composite
def steps_and_rules(draw):
    """Steps and rules, each as (document, function of a record that returns its fate or None)."""
    names, steps = list(NAMES), []
    for _ in range(draw(st.integers(0, 4))):
        name, other = draw(st.sampled_from(names)), draw(st.sampled_from(names))
        kind = draw(st.sampled_from(["trim", "rename", "copy", "cast", "equal", "same"]))
        if kind == "trim":
            steps.append(({"trim": [name]}, _trim(name)))
        elif kind == "rename" and name != other:
            steps.append(({"rename": {name: other, other: name}}, _swap(name, other)))
        elif kind == "copy":
            steps.append(({"derive": {name: f'"{other}" || "{name}"'}}, _join(name, other)))
        elif kind == "cast":
            steps.append(({"derive": {name: f'CAST(CAST("{other}" AS bigint) + 1 AS text)'}}, _next(name, other)))
        elif kind == "equal":
            steps.append(({"filter": f"\"{name}\" = '1'"}, _filter(lambda r, n=name: r[n] == "1")))
        else:
            condition = f'"{name}" = "{other}"'
            steps.append(({"filter": condition}, _filter(lambda r, n=name, o=other: r[n] is not None and r[n] == r[o])))
    return steps


def _trim(name):
    def step(record):
        record[name] = record[name] and record[name].strip(" \t\r\n")

    return step


def _swap(name, other):
    def step(record):
        record[name], record[other] = record[other], record[name]

    return step


def _join(name, other):
    def step(record):
        record[name] = None if None in (record[name], record[other]) else record[other] + record[name]

    return step


def _next(name, other):
    def step(record):
        text, value = record[other], whole(record[other])
        record[name] = None if value is None else str(value + 1)
        return None if text is None or value is not None else f"derive:{name}"

    return step


def _filter(condition):
    return lambda record: None if condition(record) else "filtered"


def modelled(rows, steps, listed):
    """What plain Python makes of the rows: (kept with numbers, number -> reasons, how many are filtered)."""
    kept, rejects, filtered = [], {}, 0
    for number, row in enumerate(rows, start=1):
        record = dict(zip(NAMES, (text or None for text in row), strict=True))
        reasons = _fate(record, steps)
        if reasons == "filtered":
            filtered += 1
            continue
        if record["q"] not in (None, *listed):
            reasons.append("rules[1]:q")
        if reasons:
            rejects[number] = list(dict.fromkeys(reasons))
        else:
            kept.append((*(record[name] for name in NAMES), number))
    return kept, rejects, filtered


def _fate(record, steps):
    reasons = []
    for step in steps:
        verdict = step(record)
        if verdict == "filtered" and not reasons:
            return "filtered"
        if verdict not in (None, "filtered"):
            reasons.append(verdict)
    return reasons


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(TEXTS, TEXTS, TEXTS), max_size=12), steps_and_rules(), st.booleans())
def test_any_pipeline_does_what_its_model_in_python_does(run, rows, steps, strict):
    listed = ["1", "2", "x"] if strict else ["1", "2", "3", "x", "11"]
    rules = [
        {"check": "expr", "sql": "p is not null or not true", "severity": "warn"},
        {"check": "in", "column": "q", "values": listed},
    ]
    data = "p,q,r\n" + "".join(",".join(f'"{text}"' for text in row) + "\n" for row in rows)
    ran = run(data.encode(), None, [document for document, _ in steps], rules)
    kept, rejects, filtered = modelled(rows, [step for _, step in steps], listed)
    assert kept == [tuple(record[name] for name in (*NAMES, "_etl_line")) for record in ran.kept]
    assert rejects == {number: list(dict.fromkeys(reasons)) for number, reasons in ran.rejects.items()}
    assert (len(rows), len(kept), filtered) == (ran.fates.read, ran.fates.kept, ran.fates.filtered)
    assert ran.fates.read == ran.fates.kept + ran.fates.filtered + len(ran.fates.rejected)
    prove_in(ran.fates.counts())
