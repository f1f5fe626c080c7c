"""Data sets that nobody here wrote: without a document, every record, null and digit of them arrives."""

import json
from hashlib import sha256

import pytest
from making import load, pipeline, places, query

from chalicelib.postgres.identifiers import quote
from cli.load import pipeline_for

FILES = [
    "openflights/routes.dat",
    "seaborn/diamonds.csv",
    "gdp/gdp.csv",
    "vega/zipcodes.csv",
    "world-cities/world-cities.csv",
]


@pytest.fixture(params=FILES)
def file(request, corpora):
    path = corpora / request.param
    if not path.is_file():
        pytest.skip(f"no {request.param} among the corpora")
    return path


@pytest.fixture
def truth(file):
    return json.loads((file.parent / "truth.json").read_text("utf-8"))[file.name]


@pytest.fixture
def where(database, tmp_path):
    return places(database, database, tmp_path)


def test_a_file_without_a_document_is_loaded_as_its_truth_says(file, truth, where):
    run = load(pipeline_for(str(file), None, "public.t", {}), where)
    assert ("succeeded", 0) == (run.status, run.counts.rejected)
    assert (truth["rows"], truth["rows"]) == (run.counts.read, run.counts.loaded)
    names = truth["column_names"]
    texts = ", ".join(f"{quote(name)}::text" for name in names)
    ((rows, unlike),) = query(
        where.target,
        f"SELECT (SELECT count(*) FROM public.t), (SELECT count(*) FROM (SELECT DISTINCT {texts} FROM public.t) AS u)",
    )
    assert (truth["rows"], truth["exact_duplicate_rows"]) == (rows, rows - unlike)
    assert [told(truth["per_column"][name]) for name in names] == [found(where.target, name) for name in names]


def told(column):
    """(nulls, distinct texts, leading zeros of numbers, exact sum) as truth.json has them."""
    return column["nulls"], column["distinct"], column.get("leading_zero_cells", 0), column.get("sum")


def found(dsn, name):
    """The same four facts as the table has them."""
    text = f"{quote(name)}::text"
    ((nulls, distinct, zeros, numbers, values),) = query(
        dsn,
        f"SELECT count(*) FILTER (WHERE {text} IS NULL), count(DISTINCT {text}),"
        f" count(*) FILTER (WHERE {text} ~ '^0[0-9]+$'), count(*) FILTER (WHERE {text} ~ '{NUMBER}'), count({text})"
        " FROM public.t",
    )
    total = None
    if numbers == values:
        ((total,),) = query(dsn, f"SELECT trim_scale(sum({text}::numeric))::text FROM public.t")
    return nulls, distinct, zeros, total


NUMBER = r"^[-+]?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$"


def test_a_file_declared_as_text_keeps_every_byte_of_its_cells(file, truth, where):
    names = truth["column_names"]
    form = {"header": truth["header"], "nulls": truth["null_tokens"]}
    run = load(pipeline(file, columns=dict.fromkeys(names, "text"), format=form), where)
    assert ("succeeded", truth["rows"]) == (run.status, run.counts.loaded)
    rows = query(where.target, f"SELECT {', '.join(map(quote, names))} FROM public.t")
    assert int(truth["row_hash_sum"], 16) == sum(map(row_hash, rows)) % 2**256


def row_hash(row):
    """The README of the corpora defines it: cells joined by 0x1F, NULL as 0x00."""
    return int.from_bytes(sha256("\x1f".join("\x00" if cell is None else cell for cell in row).encode()).digest())
