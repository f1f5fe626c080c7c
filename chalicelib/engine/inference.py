"""Inference: dialect, header and types, decided once per run from samples of head, middle and tail.

A type is inferred only from texts that mean the same to PostgreSQL; anything else is text. A later value that does not
fit is a reject, never another type.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise

from chalicelib.core.dialect import Dialect
from chalicelib.core.pipeline import CsvFormat
from chalicelib.core.plan import Sample
from chalicelib.core.types import ColumnType

DELIMITERS = (",", ";", "\t", "|")
#: A field of this text is PostgreSQL's own spelling of NULL in COPY files.
COPY_NULL = "\\N"
SAMPLE_RECORDS = 2_000
_HEADER_RECORDS = 200
#: The share of records of one width from which on a file is regular.
_REGULAR = 0.9
_BIGINT = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_NUMERIC = re.compile(r"[-+]?((0|[1-9][0-9]*)(\.[0-9]+)?|\.[0-9]+)([eE][-+]?[0-9]{1,3})?")
_YEAR = re.compile(r"(1[5-9]|20|21)[0-9]{2}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIMESTAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?")
_OFFSET = re.compile(r"(Z|[-+](0[0-9]|1[0-5])(:?[0-5][0-9])?)")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
#: What two kinds of one column become together; any other pair is text.
_JOIN = {frozenset({"bigint", "numeric"}): "numeric"}
_BELOW = {"numeric": {"numeric", "bigint"}}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the sampled values of a field, NULLs left out, say of its type.

    ``type`` is what every value fits, None if there is none. Where only text does, ``nearly`` is the type that most of
    them fit, if one is, and ``share`` how many; else ``share`` is 1. ``nulls`` were among the sampled fields.
    """

    values: tuple[str, ...]
    nulls: int
    type: ColumnType | None
    share: float = 1.0
    nearly: str | None = None


def explained_dialect(sample: Sample, pinned: CsvFormat) -> tuple[Dialect, dict[str, float]]:
    """The dialect, and how sure each decision is, from 0 to 1; what the document says is sure.

    The delimiter's share is that of the head's records with the commonest width; the header's that of the columns that
    speak for what was decided.
    """
    dialect = decide_dialect(sample, pinned)
    rows = head_records(sample, dialect)
    regular, _ = _regularity(_text(sample.head), dialect)
    told = [] if pinned.header is not None else _header_votes(rows, dialect.nulls)
    agreeing = sum((vote > 0) == dialect.header for vote in told)
    delimiter = 1.0 if pinned.delimiter or (rows and max(map(len, rows)) == 1) else regular
    return dialect, {"delimiter": delimiter, "header": agreeing / len(told) if told else 1.0}


def decide_dialect(sample: Sample, pinned: CsvFormat) -> Dialect:
    """Decide what the document leaves open: delimiter, quote, header, and which field texts are NULL."""
    text = _text(sample.head)
    quote = pinned.quote or _quote(text, pinned.delimiter)
    delimiter = pinned.delimiter or _delimiter(text, quote)
    draft = Dialect(delimiter, quote)
    rows = head_records(sample, draft)
    nulls = pinned.nulls if pinned.nulls is not None else _nulls(rows)
    header = pinned.header if pinned.header is not None else _has_header(rows, nulls)
    return Dialect(delimiter, quote, header=header, nulls=tuple(nulls))


def head_records(sample: Sample, dialect: Dialect) -> list[list[str]]:
    """The records of the sample's head, a header among them; a cut last one is left out."""
    whole = not sample.middle and not sample.tail
    return _records(_text(sample.head), dialect, cut_end=not whole)


def data_records(sample: Sample, dialect: Dialect) -> list[list[str]]:
    """The records of all parts of the sample that have as many fields as the first, the header left out."""
    head = head_records(sample, dialect)
    width = len(head[0]) if head else 0
    rest = [
        record
        for part in (sample.middle, sample.tail)
        if part
        for record in _records(_text(part.partition(b"\n")[2]), dialect, cut_end=part is sample.middle)
    ]
    return [record for record in [*head[1 if dialect.header else 0 :], *rest] if len(record) == width]


def infer_type(values: Iterable[str], nulls: Sequence[str]) -> ColumnType | None:
    """The type that every value fits, ``text`` if only text does, None if there is no value at all."""
    return _joined({_kind(value.strip()) for value in values if value not in nulls})


def gather(fields: Iterable[str | None]) -> Evidence:
    """The evidence of a column's sampled fields."""
    given = list(fields)
    values = tuple(value for value in given if value is not None)
    kinds: Counter[str] = Counter()
    for value, times in Counter(values).items():
        kinds[_kind(value.strip())] += times
    found = _joined(set(kinds))
    if len(kinds) < 2 or found is None or found.base != "text":
        return Evidence(values, len(given) - len(values), found)
    shares = {kind: sum(kinds[each] for each in _BELOW.get(kind, {kind})) for kind in kinds if kind != "text"}
    nearly = max(shares, key=lambda kind: shares[kind], default="text")
    share = shares.get(nearly, 0) / len(values)
    is_most = share > 0.5
    return Evidence(values, len(given) - len(values), found, share if is_most else 1.0, nearly if is_most else None)


def _joined(kinds: set[str]) -> ColumnType | None:
    if len(kinds) > 1:
        kinds = {_JOIN.get(frozenset(kinds), "text")}
    return ColumnType.parse(kinds.pop()) if kinds else None


def _kind(value: str) -> str:
    if _BIGINT.fullmatch(value):
        return "bigint"
    if _NUMERIC.fullmatch(value):
        return "numeric"
    if value.lower() in ("true", "false"):
        return "boolean"
    if _UUID.fullmatch(value):
        return "uuid"
    return _temporal_kind(value) or "text"


def _temporal_kind(value: str) -> str | None:
    try:
        if _DATE.fullmatch(value):
            date.fromisoformat(value)
            return "date"
        stamp = _TIMESTAMP.match(value)
        if stamp is None:
            return None
        datetime.fromisoformat(stamp.group()[:19])
    except ValueError:
        return None
    offset = value[stamp.end() :]
    if not offset:
        return "timestamp"
    return "timestamptz" if _OFFSET.fullmatch(offset) else None


def _delimiter(text: str, quote: str) -> str:
    return max(DELIMITERS, key=lambda delimiter: _regularity(text, Dialect(delimiter, quote)))


def _quote(text: str, delimiter: str | None) -> str:
    """The single quote where a file is regular by it and half of its first records have fields in it; else ``"``."""
    if '"' in text or text.count("'") < 2:
        return '"'
    found = delimiter or _delimiter(text, "'")
    opened = re.compile(rf"(?:^|{re.escape(found)})'", re.MULTILINE)
    lines = text.splitlines()[:_HEADER_RECORDS]
    if 2 * sum(opened.search(line) is not None for line in lines) < len(lines):
        return '"'
    by_single, _ = _regularity(text, Dialect(found, "'"))
    return "'" if by_single >= _REGULAR and _is_strict(text, found) else '"'


def _is_strict(text: str, delimiter: str) -> bool:
    """Whether every field that a single quote opens ends with one; the last may be cut."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quotechar="'", strict=True)
    try:
        for _ in reader:
            pass
    except csv.Error as error:
        return "unexpected end of data" in str(error)
    return True


def _regularity(text: str, dialect: Dialect) -> tuple[float, int]:
    """How regular the head is when cut at this delimiter: the share of records of the commonest width above 1."""
    widths = Counter(len(record) for record in _records(text, dialect, cut_end=True)[:200])
    width, count = max(widths.items(), key=lambda item: (item[0] > 1, item[1]), default=(1, 0))
    return (count / widths.total() if width > 1 else 0.0, width)


def _records(text: str, dialect: Dialect, *, cut_end: bool) -> list[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=dialect.delimiter, quotechar=dialect.quote)
    found: list[list[str]] = []
    try:
        for record in reader:
            if record:
                found.append(record)
            if len(found) > SAMPLE_RECORDS:
                return found
    except csv.Error:
        return found
    complete = text.endswith(("\n", "\r")) or not cut_end
    return found if complete or len(found) < 2 else found[:-1]


def _text(data: bytes) -> str:
    return data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").replace("\0", "")


def _nulls(rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    return ("", COPY_NULL) if any(COPY_NULL in row for row in rows) else ("",)


def _has_header(rows: Sequence[Sequence[str]], nulls: Sequence[str]) -> bool:
    """Whether the first record is unlike the others: names over columns of numbers, dates and the like.

    Each column whose other fields have a type tells for or against. Where all is text, a first record of distinct texts
    that read as no value is taken for names.
    """
    if not rows:
        return True
    told = sum(_header_votes(rows, nulls))
    if told:
        return told > 0
    first = [field.strip() for field in rows[0]]
    named = all(field and field not in nulls and _kind(field) == "text" for field in first)
    return named and len(set(first)) == len(first)


def _header_votes(rows: Sequence[Sequence[str]], nulls: Sequence[str]) -> list[int]:
    """What each column with a type says: 1 for a header, -1 against; other columns say nothing."""
    first = [field.strip() for field in rows[0]] if rows else []
    others = [row for row in rows[1:_HEADER_RECORDS] if len(row) == len(first)]
    years = _years(first)
    votes = []
    for i, field in enumerate(first):
        below = [row[i] for row in others]
        kind = infer_type(below, nulls)
        if kind is None or kind.base == "text" or field in nulls:
            continue
        if i in years and not all(_YEAR.fullmatch(value.strip()) for value in below if value not in nulls):
            votes.append(1)
        else:
            votes.append(-1 if infer_type((field, *below), nulls) == kind else 1)
    return votes


def _years(first: Sequence[str]) -> set[int]:
    """The places of three or more years that follow one another at one step: names, where the values below are none.

    >>> _years(["country", "2018", "2019", "2020"])
    {1, 2, 3}
    """
    places = [i for i, field in enumerate(first) if _YEAR.fullmatch(field)]
    steps = {int(first[b]) - int(first[a]) for a, b in pairwise(places)}
    return set(places) if len(places) > 2 and len(steps) == 1 and steps != {0} else set()
