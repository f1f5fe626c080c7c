"""The engine's verdict and value for a text are PostgreSQL's own, asked of a real server.

Never is accepted what PostgreSQL refuses, and never with another value. What PostgreSQL takes and the engine does not
stands in ``REFUSED``, with the reason; what PostgreSQL cuts is in ``CUT``, and ``says_more`` tells it of any text.
"""

import csv
import io
import json
import re
from datetime import date, datetime, time
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.core.dialect import Dialect
from chalicelib.postgres.connection import Dsn, connected

INTEGERS = [
    "0", "1", "-1", "+5", "007", "-0", "1.5", "1.0", "1e3", "1E3", " 12 ", "\t12\n", "\f12\v", "", "  ", "12 3",
    "1,000",
    "32767", "32768", "-32768", "-32769", "2147483647", "2147483648", "-2147483648", "-2147483649",
    "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "9" * 26,
    "0" * 40 + "1",
    "abc", "NaN", "inf", "true", "--1", "+-1", "- 1", "\u00a012", "\u0661", "'1'", "1;", "1__0", "_1", "1_000", "0x1A",
    "0b11", "0o17",
]  # fmt: skip
NUMBERS = [
    *INTEGERS, "1.230", "1.2300000000", "1.2e-1", "1230e-3", "123.0e-2", "1.230e1", "1234e-3", ".0", ".50", "-0.10",
    "5.0", "1.235", "1.225", "-1.235", "0.005", "-0.005", "99999999.99", "99999999.994", "99999999.995",
    "-99999999.995", "100000000", "1.", ".5", "-.5", "+.5", ".", "1e", "1e+2", "1e-2", "1e10", "1e-10", "1.5e3",
    "3.25e3",
    "9000.794e-5", "-01554700100105.11914652e+1", "1e400", "1e-400", "0e400", "1e7", "1e8", "1 e5", "1e 5", "1.2.3",
    "12e3.5", "1e05", "1e0005", "$5", "1,5", "1.23456789012345678901234567890", "-Infinity", "nan", "0.5e-1000",
    "9.99995", "0.999994", "0.999995", "9" * 47 + ".999", "9" * 47 + ".9994", "9" * 47 + ".9995", "1" + "0" * 47,
]  # fmt: skip
FLOATS = [
    *NUMBERS, "1e308", "1.8e308", "-1.8e308", "1e-307", "5e-324", "1e-324", "2e-324", "1e38", "3.4028235e38", "3.5e38",
    "1e-45", "1e-46", "1e39", "1.1754943e-38", "0.1", "16777217", "123456789.123", "+inf", "+infinity", "-inf", "infin",
    "0.1f", "1d", "9007199254740993", "2.2250738585072014e-308", "1e-310", "0e-400", "0.0000000000e999", "0x1p3",
    "-nan",
    "nan(1)",
]  # fmt: skip
BOOLEANS = [
    "t", "f", "true", "false", "TRUE", "False", "yes", "no", "y", "n", "on", "off", "1", "0", "tr", "tru", "fals", "ye",
    "o", "of", "", " ", " true ", "\ttrue\n", "2", "01", "T", "N", "YES", "OFF", "null", "truee", "true false",
    "\u00a0true", "on ", "TRÜE", "+1", "1.0", "-1",
]  # fmt: skip
DATES = [
    "2024-01-05", "2024-02-29", "2023-02-29", "1900-02-29", "2024-02-30", "2024-1-5", "2024/01/05", "2024/1-5",
    "2024-01-05 ", " 2024-01-05", "0001-01-01", "0000-01-01", "-0001-01-01", "9999-12-31", "", "2024-13-01",
    "2024-00-10",
    "2024-01-00", "2024-01-32", "24-01-05", "99-01-05", "2024-01-05abc", "2024-01", "2024", "2024-W01-1", "+2024-01-05",
    "2024-01-05T00:00:00", "2024-01-05 00:00", "2024-01-05 00:00:00.000", "2024-01-05 00:00:00Z", "2024-01-05 0:0:0+00",
    "2024-01-05T00:00:00+00:00", "2024-01-05 00:00:00+02", "2024-01-05 00:00:01", "2024-01-05T00:01",
    "2024-01-05 00:00:00.001", "2024-01-05 10:00:00", "2024-01-05T10:00:00Z", "2024-01-05 25:00:00", "2024-01-05T",
]  # fmt: skip
ODD_DATES = [
    "10000-01-01", "2024-01-05 BC", "infinity", "-infinity", "epoch", "today", "now", "tomorrow", "yesterday",
    "20240105",
    "05/01/2024", "Jan 5, 2024", "2024-Jan-05", "5 January 2024", "J2451187", "2024-005", "2024.01.05", "02024-01-05",
]  # fmt: skip
TIMES = [
    "10:00", "10:00:00", "10:00:00.5", "10:00:00.123456", "24:00:01", "23:59:61", "10", "10:60", "25:00",
    "-1:00", "13:00 PM", "10:00:00Z", "10:00:00+02", "10:00:00+02:00", "10:00:00 Europe/Paris", "", " 10:00:00 ",
    "1:2:3",
    "10:00:00,5", "10.5", "10:5", "10:00:0", "10:00:00.", "0:0:0", "100:00:00", "10:00:00.000001", "00:00:00", "ten",
    "10:00:00.1234567", "10:00 PM", "23:59:60", "allballs", "1000", "2024-01-05 10:00:00",
]  # fmt: skip
OFFSETS = [
    "", "Z", "+02:00", "+02", "+0200", "+05:30", "-05:30", "+14:00", "+15:59", "+16:00", "-12:00", "+02:00:30", " UTC",
    "+24:00", "+99", "-00:00", "+02:60", "+00:09:21",
]  # fmt: skip
ODD_OFFSETS = [" Z", "z", "+2", "+5:30", " +02:00", " GMT", " CET", " EST", " Europe/Paris"]
MOMENTS = [
    *(f"2024-01-05{between}10:00:00{offset}" for between in " T" for offset in OFFSETS),
    *DATES,
    "2024-01-05 10:00", "2024-01-05T10", "2024-01-05 24:00:00", "2024-01-05 24:00:01", "2024-01-05 10:00:00 10:00:00",
    "2024-01-05T10:00:00.123456789Z", "2024-01-05 10:00:00.1234565", "2024-01-05 10:00:00.1234575",
    "2024-01-05 10:00:00.1234567+02", "2024-01-05 23:59:59.9999999", "2024-02-30 10:00:00", "24-01-05 10:00:00",
    "0001-01-01 00:00:00", "9999-12-31 23:59:59.999999", "0001-01-01 00:00:00-01", "9999-12-31 23:59:59+01",
    "2024-01-05 13:00 PM", "1704448800", "2024-01-05-10:00:00", " 2024-01-05 10:00:00 ",
]  # fmt: skip
ODD_MOMENTS = [
    *(f"2024-01-05 10:00:00{offset}" for offset in ODD_OFFSETS),
    *ODD_DATES,
    "2024-01-05 10:00:00 PM", "2016-12-31 23:59:60", "2016-12-31 23:59:60Z", "2024-01-05  10:00:00",
    "2024-01-05t10:00:00",
    "20240105T100000", "9999-12-31 23:59:59.9999999", "2024-01-05 allballs",
]  # fmt: skip
ID = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
UUIDS = [
    ID, ID.upper(), ID.replace("-", ""), "{" + ID + "}", "{" + ID.replace("-", "") + "}", " " + ID, ID + " ", ID[:-1],
    ID + "1", ID.replace("a", "g"), "a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11", "a0eebc999c0b-4ef8bb6d-6bb9bd380a11",
    "{" + ID, ID + "}", "", "urn:uuid:" + ID, ID.replace("-", "_"), "0" * 32, "f" * 32, "-" + ID, ID + "-",
    ID.replace("-", " "), ID.replace("-", "--"), "a-0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
    "a0eebc9-99c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc99-9c0b4-ef8-bb6d-6bb9bd380a11", "(" + ID + ")", "[" + ID + "]",
    "a0e-ebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "0x" + "0" * 32, "null",
]  # fmt: skip
JSONS = [
    "{}", "[]", "1", "-1", "01", "+1", "1.", ".5", "1e5", "1E400", '"a"', "'a'", "true", "TRUE", "null", "NaN",
    "Infinity",
    "-Infinity", "nan", "[1,]", '{"a":1,}', "[NaN]", '{"a":-inf}', '"NaN, inf,]"', '{"a,]":"\\",]"}', "{a:1}",
    '{"a":1,"a":2}', '{"a":1}x', ' {"a":1}\n', "", " ", '"\\u0000"', '{"\\u0000":1}', '"\\\\u0000"', '"\\\\\\u0000"',
    '"\\u0041"', '"\\ud83d\\ude00"', '"\\u00e"', '"\\x41"', '"\\/"', '"a\nb"', '"\x01"', '"\x7f"', '"é😀"', "// c\n1",
    "/* c */ 1", "1 // c", "1 2", "[1 2]", '{"a"}', '{"a":}', "[[[[]]]]", "-", "-0", "1e", "tru", "[", '"', '"\\',
    '{"a":1]',
    "\ufeff{}", "\u00a0{}", "1.10", '{"b":1,"a":2}', "1e200000", "1e131072", "1e-20000", "[" * 3000 + "]" * 3000,
]  # fmt: skip
TEXTS = [
    "", "a", "abc", "abcd", "abc ", "abc    ", "    ", "é", "éèà", "éèàü", "😀😀😀", "😀😀😀😀", " a", "a b", "ab\t",
    "abc\t", "abc\n", "e\u0301e\u0301", "ab\u00a0\u00a0", "日本語", "日本語文", "abc d", "   a", "\t", "null",
    "a\\b", "a'b",
    'a"b', "ß", "abc\u2003", "NULL", "true",
]  # fmt: skip

CASES = {
    "smallint": INTEGERS, "integer": INTEGERS, "bigint": INTEGERS, "numeric": NUMBERS, "numeric(10,2)": NUMBERS,
    "numeric(3,0)": NUMBERS, "numeric(18,4)": NUMBERS, "numeric(5,5)": NUMBERS, "numeric(38,0)": NUMBERS,
    "numeric(50,3)": NUMBERS, "real": FLOATS, "double precision": FLOATS, "boolean": BOOLEANS,
    "date": DATES + ODD_DATES, "time": TIMES, "timestamp": MOMENTS + ODD_MOMENTS, "timestamptz": MOMENTS + ODD_MOMENTS,
    "uuid": UUIDS, "json": [*JSONS, '"\\ud83d"'], "jsonb": [*JSONS, '"\\ud83d"', "1e1000"], "text": TEXTS,
    "varchar": TEXTS, "varchar(3)": TEXTS, "char(3)": TEXTS, "char": TEXTS,
}  # fmt: skip

#: What PostgreSQL takes and the engine refuses, by the reason.
_SPELLING = {
    "digits grouped by _, and bases other than ten: files do not mean them": {"1_000", "0x1A", "0b11", "0o17", "0x1p3"},
}
_NOT_FINITE = {
    **_SPELLING,
    "a numeric holds numbers": {"NaN", "nan", "inf", "-Infinity"},
    "exponents have three digits at most": {"0.5e-1000"},
}
_FLOAT = {**_SPELLING, "NaN has no sign and no number": {"-nan", "nan(1)"}}
_DAY = {
    "DuckDB and PostgreSQL disagree at infinity, and Python beyond the years 1 to 9999": {
        "infinity", "-infinity", "10000-01-01", "2024-01-05 BC", "02024-01-05", "9999-12-31 23:59:59.9999999",
    },
    "words that mean another day tomorrow": {"today", "now", "tomorrow", "yesterday", "epoch"},
    "depends on DateStyle, or is a spelling that no file has by accident: give a format": {
        "20240105", "05/01/2024", "Jan 5, 2024", "2024-Jan-05", "5 January 2024", "J2451187", "2024-005", "2024.01.05",
        "20240105T100000",
    },
}  # fmt: skip
_CLOCK = {
    "second 60 would move the record to the next minute": {"23:59:60", "2016-12-31 23:59:60", "2016-12-31 23:59:60Z"},
    "12-hour clocks and other words: give a format": {
        "10:00 PM", "allballs", "1000", "2024-01-05 10:00:00 PM", "2024-01-05 allballs",
    },
}  # fmt: skip
_MOMENT = {
    **_DAY,
    **_CLOCK,
    "one spelling of an offset, and no names: abbreviations mean different zones in the two engines": {
        f"2024-01-05 10:00:00{offset}" for offset in ODD_OFFSETS
    },
    "one blank or a T between date and time": {"2024-01-05  10:00:00", "2024-01-05t10:00:00"},
}
_JSON = {"half of a surrogate pair is no character": {'"\\ud83d"'}}
REFUSED = {
    **dict.fromkeys(("smallint", "integer", "bigint"), _SPELLING),
    **{kind: _NOT_FINITE for kind in CASES if kind.startswith("numeric")},
    **dict.fromkeys(("real", "double precision"), _FLOAT),
    "date": _DAY,
    "time": {
        **_CLOCK,
        "more digits than microseconds could round to 24:00:00": {"10:00:00.1234567"},
        "a moment is no time of day": {"2024-01-05 10:00:00"},
    },
    "timestamp": _MOMENT,
    "timestamptz": {**_MOMENT, "the year 1 and 9999 in UTC": {"9999-12-31 23:59:59-01"}},
    "json": _JSON,
    "jsonb": {**_JSON, "exponents have three digits at most": {"1e1000"}},
}

FRACTIONS = {
    "1.5", "1.235", "1.225", "-1.235", "0.005", "-0.005", ".5", "-.5", "+.5", "1e-2", "1e-10", "9000.794e-5", "1e-400",
    "1.230", "1.2300000000", "1.2e-1", "1230e-3", "123.0e-2", "1.230e1", "1234e-3", ".50", "-0.10",
    "1.23456789012345678901234567890", "9.99995", "0.999994", "0.999995",
}  # fmt: skip
#: What PostgreSQL takes and cuts: each text says more than the type holds.
CUT = {
    "numeric(10,2)": {
        "1.235", "1.225", "-1.235", "0.005", "-0.005", "99999999.994", "1e-10", "1e-400", "9000.794e-5", "1234e-3",
        "1.23456789012345678901234567890", "-01554700100105.11914652e+1", "9.99995", "0.999994", "0.999995",
    },
    "numeric(3,0)": FRACTIONS,
    "numeric(18,4)": {
        "1e-10", "1e-400", "9000.794e-5", "1.23456789012345678901234567890", "-01554700100105.11914652e+1", "9.99995",
        "0.999994", "0.999995",
    },
    "numeric(5,5)": {"1e-10", "1e-400", "9000.794e-5", "0.999994", "0.999995"},
    "numeric(38,0)": {
        *FRACTIONS, "99999999.99", "99999999.994", "99999999.995", "-99999999.995", "-01554700100105.11914652e+1",
    },
    "numeric(50,3)": {
        "1e-10", "1e-400", "9000.794e-5", "1.23456789012345678901234567890", "-01554700100105.11914652e+1", "9.99995",
        "0.999994", "0.999995", "9" * 47 + ".9994",
    },
    "date": {
        "2024-01-05 10:00:00", "2024-01-05T10:00:00Z", "2024-01-05 00:00:00+02", "2024-01-05 00:00:01",
        "2024-01-05T00:01", "2024-01-05 00:00:00.001",
    },
    "time": {"10:00:00Z", "10:00:00+02", "10:00:00+02:00"},
    "timestamp": {
        *(f"2024-01-05{between}10:00:00{offset}" for between in " T" for offset in OFFSETS if offset),
        "2024-01-05T10:00:00.123456789Z", "2024-01-05 10:00:00.1234567+02", "0001-01-01 00:00:00-01",
        "9999-12-31 23:59:59+01", "2024-01-05 00:00:00Z", "2024-01-05 0:0:0+00", "2024-01-05T00:00:00+00:00",
        "2024-01-05 00:00:00+02",
    },
}  # fmt: skip

_VERDICT = """
CREATE FUNCTION pg_temp.verdict(x text, kind text, OUT value text, OUT error text) LANGUAGE plpgsql AS $$
BEGIN
  SELECT message INTO error FROM pg_input_error_info(x, kind);
  IF x IS NOT NULL AND error IS NULL THEN EXECUTE format('SELECT %L::text::%s::text', x, kind) INTO value; END IF;
EXCEPTION WHEN others THEN error := sqlerrm; value := NULL;
END $$
"""


@pytest.fixture(scope="module")
def postgres(server):
    with connected(Dsn.parse(server)) as connection:
        connection.run("SET TimeZone = 'UTC'")
        connection.run(_VERDICT)
        yield connection


def verdicts(postgres, kind, texts):
    """PostgreSQL's value of each text, as text; None where it refuses it."""
    rows = postgres.run(
        "SELECT (pg_temp.verdict(x, :kind)).value FROM json_array_elements_text(CAST(:texts AS json))"
        " WITH ORDINALITY AS t(x, n) ORDER BY n",
        kind=kind,
        texts=json.dumps(texts),
    )
    return [value for (value,) in rows]


def engine_values(run, column, texts):
    """The engine's value of each text, as text; None where the record is a reject by rule ``type``."""
    data = io.StringIO()
    csv.writer(data, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(enumerate(texts))
    dialect = Dialect(header=False, nulls=("\\N",))
    ran = run(data.getvalue().encode(), {"n": "bigint", "x": column}, dialect=dialect)
    assert all(reasons == ["type:x"] for reasons in ran.rejects.values())
    kept = {record["n"]: shown(record["x"]) for record in ran.kept}
    assert kept.keys() | {number - 1 for number in ran.rejects} == set(range(len(texts)))
    return [kept.get(n) for n in range(len(texts))]


def shown(value):
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return str(UUID(bytes=value)) if isinstance(value, bytes) else str(value)


@pytest.mark.parametrize("kind", CASES)
def test_a_text_means_what_postgresql_says(run, postgres, kind):
    texts = list(dict.fromkeys(CASES[kind]))
    refused = set().union(*REFUSED.get(kind, {}).values()) | CUT.get(kind, set())
    found, expected = engine_values(run, kind, texts), verdicts(postgres, kind, texts)
    meant = verdicts(postgres, kind, found)
    for text, engine, value, theirs in zip(texts, found, meant, expected, strict=True):
        allowed = {None} if theirs is not None and text in refused else {theirs}
        assert value in allowed, f"{text!r} as {kind}: {value!r}, PostgreSQL says {theirs!r}"
        assert (engine is None) == (value is None)


@pytest.mark.parametrize("kind", CUT)
def test_what_would_be_cut_is_all_that_is_refused_for_it(postgres, kind):
    others = set().union(*REFUSED.get(kind, {}).values())
    texts = [text for text in dict.fromkeys(CASES[kind]) if text not in others]
    theirs = verdicts(postgres, kind, texts)
    more = {
        text for text, value in zip(texts, theirs, strict=True) if value is not None and says_more(text, value, kind)
    }
    listed = {text for text, value in zip(texts, theirs, strict=True) if value is not None} & CUT[kind]
    assert listed == more


def says_more(text, value, kind):
    """Whether the text says more than the value that PostgreSQL reads in it."""
    if kind.startswith("numeric("):
        return Decimal(text.strip()) != Decimal(value)
    if kind not in ("date", "time", "timestamp"):
        return False
    _, colon, clock = text.strip().partition(":")
    offset = re.search("(Z| UTC|[-+].*)$", clock)
    if kind != "date" or not colon:
        return offset is not None
    is_utc = offset is None or not re.search("[1-9]", offset.group())
    moment = re.sub("(Z| UTC|[-+][^-T ]*)$", "", text.strip())[len("2024-01-05") :]
    return not is_utc or re.search("[1-9]", moment) is not None


def test_the_end_of_a_day_stays_24_00(run):  # Python has no such time, so the engine is asked for its own text of it
    ran = run(b"x\n24:00:00\n", {"x": "time"}, target={"x": "text"})
    assert ran.values == [("24:00:00",)]


def test_each_type_is_examined_with_thirty_texts_or_more():
    assert {kind: len(set(texts)) for kind, texts in CASES.items() if len(set(texts)) < 30} == {}


DIGITS = st.text("0123456789", max_size=24)
SIGN = st.sampled_from(["", "-", "+"])
EXPONENT = st.one_of(st.just(""), st.builds("e{}{}".format, SIGN, st.integers(0, 45)))
NUMERALS = st.builds("{}{}{}{}{}".format, SIGN, DIGITS, st.sampled_from(["", "."]), DIGITS, EXPONENT)
ROUND = st.builds("{}{}.{}".format, st.text("9", max_size=9), st.text("09", max_size=9), st.text("4599", max_size=9))
EDGES = st.sampled_from([2**15, 2**31, 2**63, 10**18]).flatmap(lambda n: st.sampled_from([n - 1, n, n + 1, -n, -n - 1]))
WHOLE = st.one_of(st.integers(-(2**65), 2**65), EDGES).map(str)
DAYS = st.builds(
    "{:04d}-{:02d}-{:02d}{}".format,
    st.one_of(st.integers(0, 9999), st.integers(1890, 2040)),
    st.integers(0, 13),
    st.integers(0, 32),
    st.sampled_from(["", " ", "T00:00", " 23:59:59"]),
)
STAMPS = st.builds(
    "{}{}{:02d}:{:02d}:{:02d}{}{}".format,
    st.dates().map(date.isoformat),
    st.sampled_from(" T"),
    st.integers(0, 24),
    st.integers(0, 60),
    st.integers(0, 59),
    st.one_of(st.just(""), st.text("0123456789", min_size=1, max_size=10).map(".{}".format)),
    st.just("") | st.builds("{}{:02d}:{:02d}".format, st.sampled_from("+-"), st.integers(0, 17), st.integers(0, 61)),
)
PROPERTIES = {
    **dict.fromkeys(("smallint", "integer", "bigint"), WHOLE),
    **dict.fromkeys(("numeric", "numeric(10,2)", "numeric(18,4)", "numeric(38,10)", "numeric(45,5)"), NUMERALS | ROUND),
    **dict.fromkeys(("real", "double precision"), NUMERALS | st.floats(allow_nan=False).map(repr)),
    "date": DAYS,
    **dict.fromkeys(("timestamp", "timestamptz"), STAMPS | DAYS),
}


@pytest.mark.parametrize("kind", PROPERTIES)
def test_any_text_means_what_postgresql_says(run, postgres, kind):
    @settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(PROPERTIES[kind], min_size=100, max_size=400))
    def examined(texts):
        theirs = verdicts(postgres, kind, texts)
        found = verdicts(postgres, kind, engine_values(run, kind, texts))
        wrong = [
            (text, mine, other)
            for text, mine, other in zip(texts, found, theirs, strict=True)
            if mine != _expected(text, other, kind) and not (other is not None and _out_of_reach(other, kind))
        ]
        assert wrong == []

    examined()


def _expected(text, theirs, kind):
    return None if theirs is not None and says_more(text, theirs, kind) else theirs


USUAL_STAMPS = [
    "2023-09-29T02:01:18+02:00", "0001-01-01 00:00:00-09:30", "9999-12-31 23:59:59", "2024-02-29T23:59:60+09:59",
]  # fmt: skip
USUAL = {
    "uuid": ["b1c2d3e4-0000-4a6b-8c7d-112233445566", "ffffffff-ffff-ffff-ffff-ffffffffffff"],
    "double precision": ["17.712924", "-267.8", "1.5e300", "4.9e-324"],
    "real": ["17.712924", "-267.8", "1.5e38", "1.4e-45"],
    "date": ["2024-02-29", "0001-01-01", "9999-12-31"],
    "timestamp": USUAL_STAMPS,
    "timestamptz": USUAL_STAMPS,
}


@pytest.mark.parametrize("kind", USUAL)
def test_a_usual_text_with_a_slip_is_never_read_otherwise_than_postgresql_does(run, postgres, kind):
    """Each place of a usual text takes each of these characters in turn, or loses its own."""
    slips = [*" 019-+.:/TZ_e\t\\", "", "  ", "é"]
    texts = [text[:i] + slip + text[i + 1 :] for text in USUAL[kind] for i in range(len(text)) for slip in slips]
    texts = list(dict.fromkeys(texts))
    theirs = verdicts(postgres, kind, texts)
    found = verdicts(postgres, kind, engine_values(run, kind, texts))
    assert [
        (t, mine, other) for t, mine, other in zip(texts, found, theirs, strict=True) if mine not in (None, other)
    ] == []


def _out_of_reach(value, kind):
    """Years that Python does not have: the engine refuses them."""
    return "time" in kind and (value.endswith("BC") or value.startswith("10000"))


ZONES = ["Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia", "UTC"]
WALL_CLOCK = [
    "2024-03-31 01:59:59", "2024-03-31 02:00:00", "2024-03-31 02:30:00", "2024-03-31 03:00:00", "2024-10-27 01:59:59",
    "2024-10-27 02:00:00", "2024-10-27 02:30:00", "2024-10-27 03:00:00", "2024-03-10 02:30:00", "2024-11-03 01:30:00",
    "2024-04-07 01:45:00", "2024-10-06 02:15:00", "2011-12-30 12:00:00", "2024-07-01 12:00:00", "2024-07-01",
    "1950-06-01 12:00:00", "2024-07-01T12:00:00.1234567", "2024-07-01T12:00:00+02:00", "2024-07-01T12:00:00Z",
    "2024-10-27 02:30:00+01:00", "2024-10-27 02:30:00+02:00",
]  # fmt: skip


@pytest.mark.parametrize("zone", ZONES)
def test_a_wall_clock_in_a_time_zone_is_read_as_postgresql_does_there(run, postgres, zone):
    found = engine_values(run, {"type": "timestamptz", "timezone": zone}, WALL_CLOCK)
    mine = verdicts(postgres, "timestamptz", found)
    postgres.run(f"SET TimeZone = '{zone}'")
    rows = postgres.run(
        "SELECT CAST(CAST(x AS timestamptz) AT TIME ZONE 'UTC' AS text) || '+00'"
        " FROM json_array_elements_text(CAST(:texts AS json)) WITH ORDINALITY AS t(x, n) ORDER BY n",
        texts=json.dumps(WALL_CLOCK),
    )
    postgres.run("SET TimeZone = 'UTC'")
    assert [value for (value,) in rows] == mine


@pytest.mark.parametrize(
    ("kind", "pattern", "text", "value"),
    [
        ("date", "%d/%m/%Y", "05/01/2024", "2024-01-05"),
        ("date", "%d/%m/%Y", "5/1/2024", "2024-01-05"),
        ("date", "%d/%m/%Y", " 05/01/2024 ", "2024-01-05"),
        ("date", "%d/%m/%Y", "31/02/2024", None),
        ("date", "%d/%m/%Y", "05/01/24", None),  # strptime would say the year 24
        ("date", "%d/%m/%Y", "05/01/12345", None),
        ("date", "%d/%m/%y", "05/01/24", "2024-01-05"),
        ("date", "%d/%m/%y", "05/01/2024", None),
        ("date", "%d/%m/%Y", "infinity", None),  # strptime would say 1900-01-01
        ("date", "%d/%m/%Y", "epoch", None),
        ("date", "%d/%m/%Y", "", None),
        ("date", "%d/%m/%Y", "2024-01-05", None),
        ("date", "%d/%m/%Y", "05/01/2024x", None),
        ("date", "%b %d %Y", "jan 5 2024", "2024-01-05"),
        ("time", "%H:%M", "09:30", "09:30:00"),
        ("time", "%H:%M", "24:00", None),
        ("time", "%H:%M", "infinity", None),
        ("time", "%I:%M %p", "12:05 AM", "00:05:00"),
        ("timestamp", "%Y-%m-%d %H:%M:%S", "2024-01-05 10:00:60", None),
        ("timestamp", "%Y-%m-%d %H:%M:%S.%f", "2024-01-05 10:00:00.25", "2024-01-05T10:00:00.250000"),
        ("timestamp", "%Y-%m-%d %H:%M:%S.%n", "2024-01-05 10:00:00.123456789", "2024-01-05T10:00:00.123457"),
        ("timestamptz", "%Y-%m-%d %H:%M", "2024-01-05 10:00", "2024-01-05T10:00:00+00:00"),
        ("timestamptz", "%Y-%m-%d %H:%M %z", "2024-01-05 10:00 +0200", "2024-01-05T08:00:00+00:00"),
        ("timestamptz", "%Y-%m-%d %H:%M %z", "2024-01-05 10:00", None),
    ],
)
def test_a_format_reads_exactly_its_own_form(run, kind, pattern, text, value):
    assert [value] == engine_values(run, {"type": kind, "format": pattern}, [text])


@pytest.mark.parametrize(
    ("pattern", "text", "value"),
    [
        ("%d.%m.%Y %H:%M", "31.03.2024 02:30", "2024-03-31T01:30:00+00:00"),  # the hour that is skipped: as before it
        ("%d.%m.%Y %H:%M", "27.10.2024 02:30", "2024-10-27T01:30:00+00:00"),  # the hour that comes twice: the second
        ("%d.%m.%Y %H:%M", "01.07.2024 12:00", "2024-07-01T10:00:00+00:00"),
        ("%d.%m.%Y %H:%M %z", "01.07.2024 12:00 +05:30", "2024-07-01T06:30:00+00:00"),  # the text's own offset counts
    ],
)
def test_a_format_with_a_time_zone_reads_the_wall_clock_there(run, pattern, text, value):
    assert [value] == engine_values(run, {"type": "timestamptz", "format": pattern, "timezone": "Europe/Paris"}, [text])
