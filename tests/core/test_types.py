"""Column types: PostgreSQL's spellings in, its canonical one out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.types import SUPPORTED, ColumnType

SPELLINGS = {
    "bigint": "bigint",
    "int8": "bigint",
    "int": "integer",
    "int4": "integer",
    "INTEGER": "integer",
    "int2": "smallint",
    "smallint": "smallint",
    "numeric": "numeric",
    "decimal": "numeric",
    "numeric(12,2)": "numeric(12,2)",
    "NUMERIC ( 12 , 2 )": "numeric(12,2)",
    "numeric(5)": "numeric(5,0)",
    "dec(3,3)": "numeric(3,3)",
    "numeric(1000,1000)": "numeric(1000,1000)",
    "real": "real",
    "float4": "real",
    "float8": "double precision",
    "float": "double precision",
    "double  precision": "double precision",
    "bool": "boolean",
    "boolean": "boolean",
    "text": "text",
    "varchar": "character varying",
    "varchar(80)": "character varying(80)",
    "character varying(80)": "character varying(80)",
    "char(3)": "character(3)",
    "character(3)": "character(3)",
    "char": "character(1)",
    "date": "date",
    "time": "time without time zone",
    "time without time zone": "time without time zone",
    "timestamp": "timestamp without time zone",
    "timestamptz": "timestamp with time zone",
    "timestamp with time zone": "timestamp with time zone",
    "uuid": "uuid",
    "json": "json",
    "jsonb": "jsonb",
}


@pytest.mark.parametrize(("written", "canonical"), SPELLINGS.items())
def test_every_spelling_becomes_the_one_that_format_type_prints(written, canonical):
    assert str(ColumnType.parse(written)) == canonical


@pytest.mark.parametrize("canonical", sorted(set(SPELLINGS.values())))
def test_a_canonical_spelling_is_read_back_as_itself(canonical):
    assert str(ColumnType.parse(canonical)) == canonical


@pytest.mark.parametrize(
    ("written", "nearest"),
    [
        ("bigit", "bigint"),
        ("varchr(80)", "varchar"),
        ("string", "text"),
        ("datetime", "timestamp"),
        ("number(10,2)", "numeric"),
        ("double", "double precision"),
        ("timestampz", "timestamptz"),
        ("boolen", "boolean"),
    ],
)
def test_an_unknown_type_is_answered_with_the_nearest_and_all_supported_ones(written, nearest):
    with pytest.raises(ValueError, match="unknown type") as caught:
        ColumnType.parse(written)
    assert f'did you mean "{nearest}"?' in str(caught.value)
    assert f"supported: {', '.join(SUPPORTED)}" in str(caught.value)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("numeric(0,0)", "numeric precision 0 is outside 1 to 1,000; write numeric(12,2)"),
        ("numeric(1001)", "numeric precision 1001 is outside 1 to 1,000; write numeric(12,2)"),
        ("numeric(4,5)", "numeric scale 5 is outside 0 to 4, its precision; write a smaller scale"),
        ("numeric(4,-1)", "numeric scale -1 is outside 0 to 4, its precision; write a smaller scale"),
        ("varchar(0)", "character varying length 0 is outside 1 to 10,485,760; without a limit it is text"),
        ("varchar(1,2)", "character varying takes one length, not 2; write character varying(80)"),
        ("bigint(20)", 'bigint takes no arguments; write "bigint"'),
        (
            "timestamp(3)",
            'timestamp without time zone takes no arguments; write "timestamp without time zone"',
        ),
    ],
)
def test_arguments_that_postgresql_would_refuse_are_named(written, message):
    with pytest.raises(ValueError, match=r"write|limit") as caught:
        ColumnType.parse(written)
    assert str(caught.value) == message


def test_only_date_and_time_types_take_a_format_and_only_timestamptz_a_zone():
    names = ("date", "time", "timestamp", "timestamptz", "text", "bigint")
    types = {name: ColumnType.parse(name) for name in names}
    assert [name for name in names if types[name].is_temporal] == ["date", "time", "timestamp", "timestamptz"]
    assert [name for name in names if types[name].has_timezone] == ["timestamptz"]


@given(st.text())
def test_any_text_is_a_type_or_a_value_error(text):
    try:
        parsed = ColumnType.parse(text)
    except ValueError:
        return
    assert ColumnType.parse(str(parsed)) == parsed


@given(st.integers(1, 1000), st.integers(0, 1000))
def test_numeric_takes_every_scale_up_to_its_precision(precision, scale):
    written = f"numeric({precision},{scale})"
    if scale <= precision:
        assert str(ColumnType.parse(written)) == written
    else:
        with pytest.raises(ValueError, match="numeric scale"):
            ColumnType.parse(written)
