"""Tally counts the records that DuckDB finds, without DuckDB."""

import csv
import hashlib
import io
import re
import tracemalloc

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.core.dialect import Dialect
from chalicelib.core.errors import InvalidPipeline
from chalicelib.engine.records import tally
from chalicelib.engine.records.tally import count_lines

PROPERTY = settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
CELLS = st.text(alphabet='ab ,;|"\n\ré', max_size=5)


@pytest.fixture(scope="module")
def con():
    with duckdb.connect() as connection:
        connection.execute("SET threads=2")
        yield connection


def read(con, path, dialect, columns, new_line):
    names = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(columns))
    quote = dialect.quote.replace("'", "''")
    return con.execute(
        f"SELECT * FROM read_csv('{path}', header={dialect.header}, columns={{{names}}}, auto_detect=false, "
        f"delim='{dialect.delimiter}', quote='{quote}', escape='{quote}', new_line={new_line!r})"
    ).fetchall()


def count(tmp_path, data, columns=2, **dialect):
    path = tmp_path / "in.csv"
    path.write_bytes(data)
    return tally(path, Dialect(**dialect), columns)


@st.composite
def legal_files(draw):
    columns = draw(st.integers(1, 4))
    rows = draw(st.lists(st.lists(CELLS, min_size=columns, max_size=columns), max_size=8))
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC, csv.QUOTE_NONE]))
    if quoting == csv.QUOTE_NONE:
        rows = [[re.sub("[^abé]", "", cell) or "a" for cell in row] for row in rows]
    elif quoting == csv.QUOTE_MINIMAL and len(end) == 1:  # else Python 3.11 writes it bare
        rows = [[re.sub("[\r\n]", end, cell) for cell in row] for row in rows]
    dialect = Dialect(draw(st.sampled_from(",;|\t")), draw(st.sampled_from("\"'")), header=draw(st.booleans()))
    text = io.StringIO()
    csv.writer(
        text, delimiter=dialect.delimiter, quotechar=dialect.quote, quoting=quoting, lineterminator=end
    ).writerows(rows)
    content = text.getvalue()
    if draw(st.booleans()):
        content = content.removesuffix(end)
    content = draw(st.sampled_from(["", "\ufeff"])) + content
    return content.encode(), rows, columns, dialect


@PROPERTY
@given(legal_files(), st.sampled_from([1, 2, 7, 65_536]))
def test_a_legal_file_has_the_records_that_were_written_and_duckdb_agrees(con, tmp_path, file, block_bytes):
    content, rows, columns, dialect = file
    path = tmp_path / "legal.csv"
    path.write_bytes(content)

    counted = tally(path, dialect, columns, block_bytes=block_bytes)

    assert max(len(rows) - dialect.header, 0) == counted.records
    assert (False, False) == (counted.has_nul, counted.open_quote)
    marked_quote = content.startswith(b"\xef\xbb\xbf" + dialect.quote.encode())
    if len(rows) > dialect.header and not marked_quote:  # DuckDB guesses when a file is nothing but a header
        assert len(read(con, path, dialect, columns, counted.new_line)) == counted.records


QUOTED_FIELD = re.compile(rb'(?:\A|(?<=[,\n\r])) ?"[^"]*(?:""[^"]*)*"(?= *(?:[,\r\n]|\Z))')


def is_odd(data: bytes, columns: int) -> bool:
    """Tell whether a file is one of those that tally's docstring excuses."""
    rest = QUOTED_FIELD.sub(b"_", data)
    line_ends = set(re.findall(rb"\r\n|\r|\n", rest))
    return b'"' in rest or len(line_ends) > 1 or (columns > 1 and data[:1] in b"\r\n")


@PROPERTY
@given(
    st.lists(st.sampled_from(["a", ",", '"', "\n", "\r\n", "\r", " ", "é", '""', '"\n"', '"a,"']), max_size=20),
    st.integers(1, 3),
    st.booleans(),
)
def test_counts_differ_from_duckdb_only_in_the_documented_cases(con, tmp_path, parts, columns, header):
    data, dialect = "".join(parts).encode(), Dialect(header=header)
    path = tmp_path / "raw.csv"
    path.write_bytes(data)
    counted = tally(path, dialect, columns)
    try:
        found = len(read(con, path, dialect, columns, counted.new_line))
    except duckdb.Error:
        return
    if found and not counted.open_quote and found != counted.records:
        assert is_odd(data, columns)


HAZARDS = pytest.mark.parametrize(
    ("data", "columns", "header", "records"),
    [
        pytest.param(b"", 2, True, 0, id="empty"),
        pytest.param(b"\xef\xbb\xbf", 2, False, 0, id="only a byte order mark"),
        pytest.param(b"a,b\n", 2, True, 0, id="header only"),
        pytest.param(b"a,b", 2, True, 0, id="header without newline"),
        pytest.param(b"a,b\n1,2\n3,4", 2, True, 2, id="no last newline"),
        pytest.param(b"\xef\xbb\xbfa,b\n1,2\n", 2, True, 1, id="byte order mark"),
        pytest.param(b"\xef\xbb\xbf\n1,2\n", 2, False, 1, id="byte order mark before a blank line"),
        pytest.param(b"a,b\r\n1,2\r\n3,4\r\n", 2, True, 2, id="CRLF"),
        pytest.param(b"a,b\r1,2\r3,4\r", 2, True, 2, id="CR of an old Mac"),
        pytest.param(b'a,b\r1,"2\n3"\r', 2, True, 1, id="CR with LF in quotes"),
        pytest.param(b'a,b\n1,"2\n\n3"\n', 2, True, 1, id="quoted newlines"),
        pytest.param(b'a,b\n1,"2\n""\n3"\n4,5\n', 2, True, 2, id="doubled quotes and quoted newlines"),
        pytest.param(b"\n\na,b\n\n1,2\n\n\n", 2, True, 1, id="blank lines of two columns"),
        pytest.param(b"a,b\r\n\r\n1,2\r\n\r\n", 2, True, 1, id="blank CRLF lines of two columns"),
        pytest.param(b"a\n\n1\n\n", 1, True, 3, id="blank lines of one column"),
        pytest.param(b"a,b\n  \n", 2, True, 1, id="a line of spaces"),
        pytest.param(b'a,b\n1,"2\n3,4\n', 2, True, 1, id="broken tail"),
        pytest.param(b'"a,b\n1,2\n3,4\n', 2, True, 1, id="a header that never closes is a record"),
    ],
)


@HAZARDS
def test_hazards_are_counted(tmp_path, data, columns, header, records):
    path = tmp_path / "in.csv"
    path.write_bytes(data)
    for block_bytes in (1, 65_536):
        assert records == tally(path, Dialect(header=header), columns, block_bytes=block_bytes).records


def test_nul_open_quote_and_hash_are_reported(tmp_path):
    data = b'a,b\n1,\0\n2,"3\n'
    counted = count(tmp_path, data)
    assert (True, True) == (counted.has_nul, counted.open_quote)
    (tmp_path / "x.csv").write_bytes(data)
    lines = count_lines(tmp_path / "x.csv", '"', skip_blank=True)
    assert (len(data), hashlib.sha256(data).hexdigest()) == (lines.bytes, lines.sha256)


def test_a_newline_in_a_header_cell_does_not_lose_the_file(con, tmp_path):
    """DuckDB alone takes LF for the line end here, and returns no record and no error."""
    counted = count(tmp_path, b'"a\nb",c\r\n1,2\r\n')
    assert (counted.records, counted.new_line) == (1, "\r\n")
    assert read(con, tmp_path / "in.csv", Dialect(), 2, counted.new_line) == [("1", "2")]


@pytest.mark.parametrize("mark", ["", "||", "é", "\n"])
def test_a_mark_that_is_not_one_ascii_character_is_refused(tmp_path, mark):
    with pytest.raises(InvalidPipeline, match="one ASCII character"):
        count(tmp_path, b"a", delimiter=mark)


def test_memory_is_bounded_for_one_long_record(tmp_path):
    path = tmp_path / "long.csv"
    path.write_bytes(b'a,b\n1,"' + b'four and twenty blackbirds""\n,' * 1_000_000 + b'"\n')
    tracemalloc.start()
    try:
        assert tally(path, Dialect(), 2).records == 1
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()
