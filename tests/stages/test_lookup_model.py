"""Lookups over random tables and objects against a model in plain Python, the whole way through a real PostgreSQL."""

import re
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from making import load, pipeline, places, query

from chalicelib.bootstrap.local import run_log
from chalicelib.postgres.connection import connected

#: How the model reads a text as a value of the type; None: it is none.
READ = {
    "bigint": lambda text: int(text) if re.fullmatch(r"\s*[-+]?[0-9]+\s*", text) else None,
    "numeric": lambda text: Decimal(text.strip()) if re.fullmatch(r"\s*[-+]?[0-9]+(\.[0-9]*)?\s*", text) else None,
    "text": lambda text: text,
}
NUMBERS = st.integers(-3, 3)
STORED = {
    "bigint": NUMBERS.map(str),
    "numeric": st.sampled_from(["0", "0.0", "1", "1.50", "-1.5", "2.000"]),
    "text": st.sampled_from(["0", "1", "a", "A", "a ", "é", ""]),
}
TEXTS = st.one_of(
    NUMBERS.map(str), st.sampled_from(["", "01", "+1", " 2", "1.5", "1.50", "-0", "x", "a", "A", "a ", "é"])
)


@st.composite
def cases(draw):
    """Key types, rows of the table (one a key), the records of each object, and what is done with those not found."""
    kinds = draw(st.lists(st.sampled_from(sorted(READ)), min_size=1, max_size=2))
    keys = st.tuples(*(st.one_of(st.none(), STORED[kind]) for kind in kinds))
    rows = draw(st.lists(st.tuples(keys, st.one_of(st.none(), st.sampled_from(["v", "w", ""]))), max_size=12))
    objects = draw(
        st.lists(st.lists(st.tuples(*(TEXTS for _ in kinds)), min_size=1, max_size=20), min_size=1, max_size=3)
    )
    return kinds, rows, objects, draw(st.sampled_from(["keep", "reject"]))


def read(key, kinds):
    """A key as it is compared; None if a part of it is null, or none of its type."""
    values = tuple(None if text is None else READ[kind](text) for text, kind in zip(key, kinds, strict=True))
    return None if None in values else values


def modelled(kinds, rows, objects, missing):
    """The (object, number, value) of the records that are kept, and the (object, number) of the others."""
    table = {read(key, kinds): value for key, value in rows if read(key, kinds) is not None}
    kept, out = [], []
    for i, records in enumerate(objects):
        for line, record in enumerate(records, start=1):
            key = read([text or None for text in record], kinds)
            if key in table or missing == "keep":
                kept.append((i, line, table.get(key)))
            else:
                out.append((i, line))
    return kept, out


def one_a_key(rows, kinds):
    """The rows with the last of each key that can be found, and all of those that cannot."""
    last = {read(key, kinds): place for place, (key, _) in enumerate(rows)}
    return [row for place, row in enumerate(rows) if read(row[0], kinds) is None or last[read(row[0], kinds)] == place]


def put(database, kinds, rows):
    names = [f"k{i}" for i in range(len(kinds))]
    listed = ", ".join(f"{name} {kind}" for name, kind in zip(names, kinds, strict=True))
    with connected(database) as connection:
        connection.run("DROP TABLE IF EXISTS public.t, public.other")
        connection.run(f"CREATE TABLE public.other ({listed}, v text)")
        values = ", ".join(f":{name}::text::{kind}" for name, kind in zip(names, kinds, strict=True))
        for key, value in rows:
            connection.run(
                f"INSERT INTO public.other VALUES ({values}, :v)", v=value, **dict(zip(names, key, strict=True))
            )
    return names


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(cases())
def test_a_lookup_finds_what_its_model_in_python_finds(database, case):
    kinds, rows, objects, missing = case
    rows = one_a_key(rows, kinds)
    names = put(database, kinds, rows)
    with TemporaryDirectory() as folder:
        for i, records in enumerate(objects):
            lines = [",".join(f'"{text}"' for text in record) for record in records]
            (Path(folder) / f"{i}.csv").write_text("\n".join([",".join(names), *lines, ""]))
        step = {"lookup": {"table": "other", "on": names, "columns": ["v"], "missing": missing}}
        parts = {"columns": dict.fromkeys(names, "text"), "rules": [{"check": "reject_ratio", "max": 1.0}]}
        document = pipeline(Path(folder) / "*.csv", transforms=[step], **parts)
        run = load(document, places(database, database, Path(folder)))
    assert run.status == "succeeded", run.failure
    kept, out = modelled(kinds, rows, objects, missing)
    key = "substring(o.key from '([0-9])[.]csv$')::int"
    sql = f"SELECT {key}, _etl_line, v FROM public.t JOIN etl_target.objects o ON o.id = _etl_object ORDER BY 1, 2"
    assert kept == [tuple(row) for row in query(database, sql)]
    with run_log(database) as log:
        rejects = [(each.batch - 1, each.record) for each in log.rejects(run.run_id, limit=99)]
    assert (out, len(out)) == (sorted(rejects), run.counts.rejected)
