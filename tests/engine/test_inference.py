"""Dialect, header and types are decided from samples as a careful person would."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.core.dialect import Dialect
from chalicelib.core.pipeline import CsvFormat
from chalicelib.core.plan import Sample
from chalicelib.engine.inference import (
    data_records,
    decide_dialect,
    explained_dialect,
    gather,
    head_records,
    infer_type,
)


def decided(head, **pinned):
    return decide_dialect(Sample(head), CsvFormat(**pinned))


def types(head, **pinned):
    sample, dialect = Sample(head), decided(head, **pinned)
    columns = zip(*data_records(sample, dialect), strict=True)
    return [str(infer_type(column, dialect.nulls)) for column in columns]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "-2", "+3", "0"], "bigint"),
        (["999999999999999999"], "bigint"),
        (["9223372036854775807"], "numeric"),  # fits, and the next one would not
        (["1", "9223372036854775808"], "numeric"),
        (["12345678901234567890123"], "numeric"),
        (["1", "1.5"], "numeric"),
        (["1e3", "2"], "numeric"),
        (["00042", "1"], "text"),  # a postal code
        (["007.5"], "text"),
        (["-0", "0"], "bigint"),
        (["1", "2", "n/a"], "text"),
        (["1.5", "x"], "text"),
        (["1_000"], "text"),
        (["1,5"], "text"),
        (["٣"], "text"),
        (["1.", "."], "text"),
        (["e5"], "text"),
        (["NaN"], "text"),
        (["inf"], "text"),
        (["0x1A"], "text"),
        (["true", "FALSE"], "boolean"),
        (["yes", "no"], "text"),
        (["true", "1"], "text"),
        (["t", "f"], "text"),
        (["2024-02-29"], "date"),
        (["2023-02-29"], "text"),
        (["2024-02-30"], "text"),
        (["0000-01-01"], "text"),
        (["20240229"], "bigint"),
        (["05/01/2024"], "text"),  # whose month is which?
        (["2024-1-5"], "text"),
        (["2024-01-05 10:00", "2024-01-05T10:00:00.123"], "timestamp without time zone"),
        (["2024-01-05 24:00:00"], "text"),
        (["2024-01-05 10:00:60"], "text"),
        (["2024-01-05", "2024-01-05 10:00:00"], "text"),
        (["2024-01-05T10:00:00Z", "2024-01-05 10:00:00+02"], "timestamp with time zone"),
        (["2024-01-05T10:00:00Z", "2024-01-05T10:00:00"], "text"),
        (["2024-01-05T10:00:00+99"], "text"),
        (["2024-01-05T10:00:00 Europe/Paris"], "text"),
        (["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"], "uuid"),
        (["a0eebc999c0b4ef8bb6d6bb9bd380a11"], "text"),
        (["{}"], "text"),
        (["", "7", ""], "bigint"),
        ([" 7 ", "8"], "bigint"),
        (["", ""], "None"),
        ([], "None"),
    ],
)
def test_a_type_is_inferred_only_where_every_value_means_the_same_to_postgresql(values, kind):
    assert kind == str(infer_type(values, ("",)))


def test_blanks_are_a_value_and_no_null():
    assert str(infer_type(["1", " "], ("",))) == "text"


@pytest.mark.parametrize(
    ("head", "delimiter"),
    [
        (b"a,b\n1,2\n", ","),
        (b"a;b\n1,5;2\n2,5;3\n", ";"),
        (b"a\tb\tc\n1\t2, 3\t4\n", "\t"),
        (b"a|b\n1|2\n", "|"),
        (b'a,b\n"x;y;z",1\n"u;v;w",2\n', ","),
        (b"name\nAnna\nBert\n", ","),
        (b"note\nhello, you\nplain\nplain\nplain\n", ","),
        (b"a;b\n", ";"),
        (b'a,b\n"two\nlines; yes",1\n', ","),
        (b"\xef\xbb\xbfa;b\r\n1;2\r\n", ";"),
    ],
)
def test_the_delimiter_is_what_cuts_the_records_alike(head, delimiter):
    assert delimiter == decided(head).delimiter


@pytest.mark.parametrize(
    ("head", "header"),
    [
        (b"id,name\n1,x\n", True),
        (b"1,x\n2,y\n", False),
        (b"x,2024-01-05\n", False),
        (b"x,true\n", False),
        (b"x,\ny,z\n", False),  # a header leaves no name out
        (b"x,\\N\ny,z\n", False),
        (b"x,x\ny,z\n", False),  # nor does it give one twice
        (b"id\n", True),
        (b"Anna\nBert\n", True),  # nobody can know
        (b'"id","2024"\n1,2\n', False),
        (b'"first\nname",b\n1,2\n', True),
        (b"\xef\xbb\xbfid,b\n1,2\n", True),
        (b"", True),
    ],
)
def test_a_header_is_a_record_of_names_and_no_values(head, header):
    assert header is decided(head).header


def test_what_the_document_pins_is_not_decided():
    pinned = {"delimiter": ":", "quote": "'", "header": False, "nulls": ["-"]}
    assert Dialect(":", "'", header=False, nulls=("-",)) == decided(b"a,b\nc,d\n", **pinned)


@pytest.mark.parametrize(
    ("head", "nulls", "kinds"),
    [
        (b"a,b\n1,\\N\n\\N,x\n", ("", "\\N"), ["bigint", "text"]),
        (b"a,b\n1,\n,x\n", ("",), ["bigint", "text"]),
        (b"a,b\n1,NULL\n2,5\n", ("",), ["bigint", "text"]),  # only a pinned NULL is one
    ],
)
def test_nulls_are_the_empty_field_and_copys_own(head, nulls, kinds):
    assert (nulls, kinds) == (decided(head).nulls, types(head))


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_line_ends_quotes_and_marks_do_not_disturb_types(end):
    lines = [b"\xef\xbb\xbfid,note,amount", b'1,"two\nlines, and ""quotes""",1.50', b"2,plain,3"]
    assert types(end.join(lines) + end) == ["bigint", "text", "numeric"]
    assert types(end.join(lines)) == ["bigint", "text", "numeric"]


def test_a_record_that_the_sample_cuts_is_not_looked_at():
    sample = Sample(b"id,n\n1,10\n2,20\n3,2024-", middle=b"cut,x\n4,40\n5,5", tail=b"cut\n6,60\n7,70")
    assert data_records(sample, Dialect()) == [["1", "10"], ["2", "20"], ["4", "40"], ["6", "60"], ["7", "70"]]
    assert head_records(sample, Dialect()) == [["id", "n"], ["1", "10"], ["2", "20"]]


def test_a_text_far_into_the_object_makes_the_column_text():
    sample = Sample(b"id\n" + b"1\n" * 100, middle=b"1\n1\n", tail=b"1\nunknown\n")
    records = data_records(sample, Dialect())
    assert str(infer_type((record[0] for record in records), ("",))) == "text"


def test_records_of_another_width_do_not_decide():
    assert types(b"a,b\n1,2\n3\n4,5,6\n7,8\n") == ["bigint", "bigint"]


def test_bytes_that_are_no_utf_8_or_nul_do_not_disturb():
    assert types(b"a,b\n\xff\xfe,1\n\0x,2\n") == ["text", "bigint"]


VALUES = st.one_of(
    st.integers(-(2**70), 2**70).map(str),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
    st.floats(allow_nan=False).map(repr),
    st.dates().map(str),
    st.datetimes().map(str),
    st.times().map(str),
    st.uuids().map(str),
    st.booleans().map(str),
    st.builds("{}T{}{}".format, st.dates(), st.sampled_from(["10:00", "23:59:59", "24:00"]), st.text("Z+-:0159")),
    st.text("0123456789.+-eE ", max_size=6),
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(VALUES, min_size=5, max_size=40))
def test_every_value_fits_the_type_that_is_inferred_from_it(run, values):
    columns = {f"c{i}": str(infer_type([value], ()) or "text") for i, value in enumerate(values)}
    ran = run(",".join(f'"{value}"' for value in values).encode() + b"\n", columns, dialect=Dialect(header=False))
    assert ran.rejects == {}


@pytest.mark.parametrize(
    ("content", "header"),
    [
        (b",name,qty\n0,a,1\n1,b,2\n", True),  # the index column of a data frame has no name
        (b"id,qty,qty\n1,2,3\n4,5,6\n", True),  # names that are given twice are still names
        (b"2B,410,AER\n2B,410,ASF\n", False),
        (b"a,b\nx,y\n", True),
        (b"x,x\nx,y\n", False),
        (b"day,n\n2024-01-05,1\n", True),
        (b"2024-01-04,1\n2024-01-05,1\n", False),
    ],
)
def test_a_header_is_what_is_unlike_the_records_below(content, header):
    assert header is decide_dialect(Sample(content), CsvFormat()).header


@pytest.mark.parametrize(
    ("content", "header"),
    [
        (b"country,2018,2019,2020\nFrance,1,2,3\nSpain,4,5,6\n", True),
        (b"2000,2005,2010\n1,2,3\n4,5,6\n", True),
        (b"2018,2019,2020\n2018,2019,2021\n2017,2018,2019\n", False),  # years below years are data
        (b"2018,2019\n1,2\n3,4\n", False),  # two prove nothing
        (b"2018,2019,2021\n1,2,3\n", False),
        (b"1,2,3\n4,5,6\n", False),
    ],
)
def test_years_at_one_step_over_other_numbers_are_names(content, header):
    assert header is decide_dialect(Sample(content), CsvFormat()).header


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1", "2", ""], ("bigint", 1.0, None)),
        (["1", "2.5"], ("numeric", 1.0, None)),
        (["1", "2.5", "3", "n/a"], ("text", 0.75, "numeric")),
        (["1", "2", "n/a"], ("text", 2 / 3, "bigint")),
        (["1", "x", "y"], ("text", 1.0, None)),
        (["", ""], (None, 1.0, None)),
    ],
)
def test_a_type_comes_with_the_share_of_values_that_fit(values, expected):
    found = gather(value or None for value in values)
    assert expected == (found.type and found.type.base, found.share, found.nearly)


def test_each_decision_of_a_dialect_comes_with_how_sure_it_is():
    assert {"delimiter": 1.0, "header": 1.0} == explained_dialect(Sample(b"a,b\n1,2\n3,4\n"), CsvFormat())[1]
    _, unsure = explained_dialect(Sample(b"a,b\n1,2\n3,4\n5\n"), CsvFormat())
    assert 0.75 == unsure["delimiter"]
    _, split = explained_dialect(Sample(b"a,2,c\n1,2,3\n3,4,5\n"), CsvFormat())
    assert 2 / 3 == split["header"]


@pytest.mark.parametrize(
    ("content", "quote"),
    [
        (b"'id','name'\n'1','a, b'\n'2','c'\n", "'"),
        (b"id;name\n1;'a; b'\n2;'it''s'\n", "'"),
        (b"id,name\n1,'tis\n2,o'clock\n", '"'),
        (b"id,name\n1,'a' is a letter\n2,'b' is one, too\n", '"'),
        (b"id,height\n1,6'\n2,5'\n", '"'),
        (b"id,name\n1,\"a\"\n2,'b'\n3,'c'\n", '"'),
        (b"id,name\n1,'a'\n2,b\n3,c\n4,d\n5,e\n", '"'),
    ],
)
def test_a_single_quote_quotes_where_the_file_is_regular_by_it(content, quote):
    assert quote == decided(content).quote
