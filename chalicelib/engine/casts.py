"""Casts: how the text of a field becomes a value, with PostgreSQL's meaning and never a silent coercion.

Every cast is NULL for a text that does not fit, which makes the record a reject by rule ``type``. DuckDB is laxer than
PostgreSQL (``1.5`` as bigint, ``+-1`` and ``1e400`` as real, the year ``24``) and reads some texts otherwise
(``1.5e3`` as a DECIMAL), so a text is cast only if it has a shape that both read alike. Where they differ,
``tests/engine/test_casts.py`` holds each decision:

* Refused, though PostgreSQL cuts them: texts that say more than their type holds. These are a time of day in a date, an
  offset in a date, a time or a timestamp, and digits beyond the scale of a ``numeric(p,s)``. Nothing is lost with a
  midnight written out (in UTC, or without an offset) in a date, zeros at the end of a number, and blanks beyond the
  length of a text. What is meant is said by a ``format``, which reads exactly its own form, or by SQL in a step.
* In a timestamptz an offset always counts, and the column's ``timezone`` is for the texts without one. With a
  ``format``, ``%z`` makes a timestamp one in UTC.
* A fraction of a second beyond microseconds is rounded as PostgreSQL rounds it, not cut: exports have nanoseconds. So
  are the numbers of ``real`` and ``double precision``, which are approximations by nature.
* Refused, though PostgreSQL takes them: infinite dates and years outside 1 to 9999, NaN and infinity as numeric, digits
  grouped by ``_`` or of another base than ten, second 60, names of months and of time zones.
"""

import re
from collections.abc import Callable, Mapping
from functools import partial

from chalicelib.core.plan import Field
from chalicelib.core.types import ColumnType
from chalicelib.relations.numbers import spelled_out
from chalicelib.relations.relation import NUMBER

TIMESTAMPTZ = "TIMESTAMP WITH TIME ZONE"
#: How PostgreSQL types travel through the engine; what is not here travels as text.
CARRIERS = {
    "smallint": "SMALLINT",
    "integer": "INTEGER",
    "bigint": "BIGINT",
    "real": "FLOAT",
    "double precision": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "time without time zone": "TIME",
    "timestamp without time zone": "TIMESTAMP",
    "timestamp with time zone": TIMESTAMPTZ,
    "uuid": "UUID",
}
#: The PostgreSQL type of a column that a step made, by its engine type.
MADE = {
    "TINYINT": "smallint",
    "UTINYINT": "smallint",
    "USMALLINT": "integer",
    "UINTEGER": "bigint",
    "UBIGINT": "numeric(20,0)",
    "HUGEINT": "numeric(38,0)",
    "UHUGEINT": "numeric(38,0)",
    "TIMESTAMP_S": "timestamp without time zone",
    "TIMESTAMP_MS": "timestamp without time zone",
    "TIMESTAMP_NS": "timestamp without time zone",
    NUMBER: "numeric",
    "JSON": "jsonb",
    "VARCHAR": "text",
    '"NULL"': "text",
    **{engine: name for name, engine in CARRIERS.items()},
}
#: Carriers whose canonical text PostgreSQL reads as the same value.
_CANONICAL = frozenset({"SMALLINT", "INTEGER", "BIGINT", "DATE", "UUID"})
#: The range of their finite values but zero, to which the engine rounds what is too small.
_FLOATS = {"FLOAT": "1e-45 AND 3.4028235e38", "DOUBLE": "5e-324 AND 1.7976931348623157e308"}
#: What a blank stands for is a digit if the cast succeeds, and in the middle T or a space.
_STAMP = "____-__-_____:__:__"
_SPACE, _BLANKS = r"[ \t\n\r\f\v]*", r"E' \t\n\r\f\v'"
_DIGITS = r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)"
_DATE = "[0-9]{4}(?:-[0-9]{1,2}-|/[0-9]{1,2}/)[0-9]{1,2}"
_CLOCK = r"[0-9]{1,2}:[0-9]{1,2}(?::[0-9]{1,2}(?:\.[0-9]{0,6})?)?"
_MIDNIGHT = "0{1,2}:0{1,2}(?::0{1,2}(?:[.]0*)?)?(?:Z| UTC|[-+]00(?::?00(?::00)?)?)?"
_LONG_CLOCK = r"[0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}\.[0-9]{7,}"
_OFFSET = "(?:Z| UTC|[-+](?:0[0-9]|1[0-5])(?::?[0-5][0-9](?::[0-5][0-9])?)?)"
_HEX = "[0-9a-fA-F]{4}(?:-?[0-9a-fA-F]{4}){7}"
_TRUE = "(?i:t|tr|tru|true|y|ye|yes|on|1)"
_FALSE = "(?i:f|fa|fal|fals|false|n|no|of|off|0)"


def carrier(column_type: ColumnType) -> str:
    """The engine type that carries a PostgreSQL type.

    ``numeric`` without a precision, or with more than 38 digits, travels as text and becomes a number in the target.
    """
    if column_type.base == "numeric" and column_type.arguments and column_type.arguments[0] <= 38:
        precision, scale = column_type.arguments
        return f"DECIMAL({precision},{scale})"
    return CARRIERS.get(column_type.base, "VARCHAR")


def made_type(engine_type: str) -> ColumnType:
    """The PostgreSQL type for values of an engine type.

    Raises:
        ValueError: for a type that has no counterpart, such as INTERVAL or a list.
    """
    if engine_type.startswith("DECIMAL(") and engine_type not in MADE:
        return ColumnType.parse(engine_type.replace("DECIMAL", "numeric"))
    if engine_type in MADE:
        return ColumnType.parse(MADE[engine_type])
    raise ValueError(f"the engine's type {engine_type} has no column type here; cast it to one, or to text")


def cast(field: Field, text: str) -> str:
    """The SQL that reads ``text`` (SQL of a VARCHAR) as the field's type, or NULL."""
    kind = carrier(field.type)
    if field.format:
        return _bounded(_parsed(field, text, kind), kind)
    usual, read = _usual(field, text, kind), _READ[field.type.base](field, text)
    if usual:
        read = f"CASE WHEN {usual} THEN TRY_CAST({text} AS {kind}) ELSE {read} END"
    return _bounded(read, kind)


def _usual(field: Field, text: str, kind: str) -> str | None:
    """The SQL condition of the usual texts, which the engine's own cast reads as PostgreSQL does; None: there is none.

    A pattern costs 200 ns a value, and more than the cast itself; these cost 20 to 70 and leave few texts to the
    patterns.
    """
    value = f"TRY_CAST({text} AS {kind})"
    if kind in _CANONICAL or kind.startswith("DECIMAL"):
        return f"CAST({value} AS VARCHAR) = {text}"
    if kind in _FLOATS:
        return f"abs({value}) BETWEEN {_FLOATS[kind]} AND NOT contains({text}, '_') AND NOT contains({text}, '+')"
    if kind in ("TIMESTAMP", TIMESTAMPTZ):
        whole = f"NOT contains({text}, ': ') AND NOT contains({text}, ' :')"  # the engine drops what follows a space
        local = f"strlen({text}) = 19 AND {text} LIKE '{_STAMP}' AND {whole}"
        hours = f"strlen({text}) = 25 AND {text} LIKE '{_STAMP}_0_:00'"  # the sign, or the cast fails
        shapes = ([local] if field.timezone in (None, "UTC") else []) + ([hours] if field.type.has_timezone else [])
        return f"{text} BETWEEN '0' AND ':' AND ({' OR '.join(f'({shape})' for shape in shapes)})"
    return None


def _first(text: str, readings: Mapping[str, str]) -> str:
    """Read ``text`` in the first way whose shape it has, white space around it aside; NULL if it has none."""
    ways = (
        f"WHEN regexp_full_match({text}, '{_SPACE}(?:{shape}){_SPACE}') THEN {sql}" for shape, sql in readings.items()
    )
    return f"CASE {' '.join(ways)} END"


def _integer(field: Field, text: str) -> str:
    return _first(text, {"[-+]?[0-9]+": f"TRY_CAST({text} AS {carrier(field.type)})"})


def _float(field: Field, text: str) -> str:
    """DuckDB turns what is out of range into infinity or zero; here it is NULL, as PostgreSQL refuses it."""
    value = f"TRY_CAST({text} AS {carrier(field.type)})"
    in_range = f"isfinite({value}) AND ({value} <> 0 OR NOT regexp_matches({text}, '^[^eE]*[1-9]'))"
    number = f"{_DIGITS}(?:[eE][-+]?[0-9]+)?"
    return _first(text, {number: f"CASE WHEN {in_range} THEN {value} END", "(?i:[-+]?inf(?:inity)?|nan)": value})


def _numeric(field: Field, text: str) -> str:
    kind = carrier(field.type)
    exponent = "[eE][-+]?0*[0-9]{1,3}"
    if not field.type.arguments:  # PostgreSQL keeps 16,383 digits after the point
        return _first(
            text, {f"{_DIGITS}(?:{exponent})?": f"CASE WHEN length({text}) <= 15000 THEN trim({text}, {_BLANKS}) END"}
        )
    scale = field.type.arguments[1]
    part = f"[0-9]{{1,{scale}}}0*" if scale else "0+"
    exact = f"[-+]?(?:[0-9]+(?:\\.(?:{part})?)?|\\.{part})"
    read = partial(_fitting, field.type) if kind == "VARCHAR" else f"TRY_CAST({{}} AS {kind})".format
    plain = spelled_out(text)
    spelled = f"CASE WHEN regexp_full_match({plain}, '{exact}') THEN {read(plain)} END"
    return _first(text, {exact: read(text), f"{_DIGITS}{exponent}": spelled})


def _fitting(column_type: ColumnType, number: str) -> str:
    """The SQL of a number's text, no digit beyond the scale, if it fits a numeric too wide for DECIMAL."""
    precision, scale = column_type.arguments
    fits = f"regexp_full_match({number}, '{_SPACE}[-+]?0*[0-9]{{0,{precision - scale}}}(?:\\.[0-9]*)?{_SPACE}')"
    return f"CASE WHEN {fits} THEN trim({number}, {_BLANKS}) END"


def _boolean(field: Field, text: str) -> str:
    del field
    spelled = _first(text, {_TRUE: "true", _FALSE: "false"})
    return f"coalesce(TRY_CAST({text} AS BOOLEAN), {spelled})"  # the engine's words are some of PostgreSQL's


def _date(field: Field, text: str) -> str:
    del field
    day, moment = f"TRY_CAST({text} AS DATE)", f"CAST(TRY_CAST({text} AS TIMESTAMP) AS DATE)"
    return _first(text, {_DATE: day, f"{_DATE}[ T]{_MIDNIGHT}": moment})


def _time(field: Field, text: str) -> str:
    del field
    return _first(text, {_CLOCK: f"TRY_CAST({text} AS TIME)"})


def _moment(field: Field, text: str) -> str:
    """Read a timestamp, with and without the offset if it has one, with up to six digits of a second and with more."""
    zone = _text(field.timezone or "UTC")
    local, day = f"TRY_CAST({text} AS TIMESTAMP)", f"CAST(TRY_CAST({text} AS DATE) AS TIMESTAMP)"
    if field.type.has_timezone and field.timezone in (None, "UTC"):  # the engine's own zone, so one cast reads both
        readings, day = {f"(?:{_OFFSET})?": f"TRY_CAST({text} AS {TIMESTAMPTZ})"}, f"timezone({zone}, {day})"
    elif field.type.has_timezone:
        local, day = f"timezone({zone}, {local})", f"timezone({zone}, {day})"
        readings = {"": local, _OFFSET: f"TRY_CAST({text} AS {TIMESTAMPTZ})"}
    else:
        readings = {"": local}
    fraction = f"CAST(regexp_extract({text}, '\\.[0-9]+') AS DOUBLE)"
    microseconds = f"to_microseconds(CAST(round_even({fraction} * 1000000, 0) AS BIGINT))"
    short = {f"{_DATE}[ T]{_CLOCK}{offset}": read for offset, read in readings.items()}
    long = {
        f"{_DATE}[ T]{_LONG_CLOCK}{offset}": f"date_trunc('second', {read}) + {microseconds}"
        for offset, read in readings.items()
    }
    return _first(text, {**short, _DATE: day, **long})


def _json(field: Field, text: str) -> str:
    """DuckDB lets NaN, infinities and a last comma pass; a jsonb has no NUL and no number beyond numeric."""
    bare = f"""regexp_replace({text}, '"(?:[^"\\\\]|\\\\.)*"', '""', 'g')"""
    wrong = [f"regexp_matches({bare}, '(?i)nan|inf|,\\s*[\\]}}]')"]
    if field.type.base == "jsonb":
        wrong += [f"regexp_matches({bare}, '[0-9]{{1000}}|[eE][-+]?0*[1-9][0-9]{{3}}')"]
        wrong += [f"regexp_matches({text}, '(?:^|[^\\\\])(?:\\\\\\\\)*\\\\u0000')"]
    return f"CASE WHEN json_valid({text}) AND NOT ({' OR '.join(wrong)}) THEN {text} END"


def _uuid(field: Field, text: str) -> str:
    del field
    shape = rf"{_HEX}|\{{{_HEX}\}}"
    return f"CASE WHEN regexp_full_match({text}, '{shape}') THEN TRY_CAST({text} AS UUID) END"


def _limited(field: Field, text: str) -> str:
    """Text of at most so many characters; spaces beyond them do not count, and go."""
    if not field.type.arguments:
        return text
    (most,) = field.type.arguments
    cut = f"CASE WHEN length(rtrim({text}, ' ')) <= {most} THEN left({text}, {most}) END"
    return f"CASE WHEN length({text}) <= {most} THEN {text} ELSE {cut} END"


def _parsed(field: Field, text: str, kind: str) -> str:
    """Read by a format, a year of four digits; the words that strptime also takes (infinity, epoch) are no dates."""
    pattern = field.format or ""
    digits = 4 if "%Y" in pattern else 1
    moment = f"try_strptime({text}, {_text(pattern)})"
    read = f"CASE WHEN regexp_matches({text}, '[0-9]{{{digits}}}') THEN {moment} END"
    if field.timezone and not re.search("%[zZ]", pattern):
        return f"timezone({_text(field.timezone)}, {read})"
    return f"CAST({read} AS {kind})"


def _bounded(sql: str, kind: str) -> str:
    """Keep dates within the years 1 to 9999: beyond, and at infinity, the engines disagree."""
    low, high = "0001-01-01", "9999-12-31"
    if kind == "DATE":
        return f"CASE WHEN {sql} BETWEEN DATE '{low}' AND DATE '{high}' THEN {sql} END"
    if kind in ("TIMESTAMP", TIMESTAMPTZ):
        zone = "+00" if kind == TIMESTAMPTZ else ""
        first, last = f"{kind} '{low} 00:00:00{zone}'", f"{kind} '{high} 23:59:59.999999{zone}'"
        return f"CASE WHEN {sql} BETWEEN {first} AND {last} THEN {sql} END"
    return sql


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


_READ: Mapping[str, Callable[[Field, str], str]] = {
    **dict.fromkeys(("smallint", "integer", "bigint"), _integer),
    **dict.fromkeys(("real", "double precision"), _float),
    "numeric": _numeric,
    "boolean": _boolean,
    "date": _date,
    "time without time zone": _time,
    **dict.fromkeys(("timestamp without time zone", "timestamp with time zone"), _moment),
    "uuid": _uuid,
    **dict.fromkeys(("json", "jsonb"), _json),
    **dict.fromkeys(("text", "character varying", "character"), _limited),
}
