"""Screen refuses what cannot be read, and DuckDB reads the rest strictly, with equal values."""

import csv
import io
import tracemalloc
from collections import Counter

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.core.dialect import Dialect
from chalicelib.engine.records import Numbers, locate, screen

FIXTURES = [HealthCheck.function_scoped_fixture]


@pytest.fixture(scope="module")
def con():
    with duckdb.connect() as connection:
        connection.execute("SET threads=2")
        yield connection


def read(con, path, dialect, columns):
    names = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(columns))
    quote = dialect.quote.replace("'", "''")
    return con.execute(
        f"SELECT * FROM read_csv('{path}', header={dialect.header}, columns={{{names}}}, auto_detect=false, "
        f"delim='{dialect.delimiter}', quote='{quote}', escape='{quote}', new_line='\\n', "
        f"max_line_size=4000000)"
    )


def screened(tmp_path, data, columns=2, *, header=True, limit=1_000_000):
    """Return the copy and the refusals as (record, reason)."""
    path, out, refused = tmp_path / "in.csv", tmp_path / "out.csv", []
    path.write_bytes(data)
    found = screen(path, Dialect(header=header), columns, out, refused.append, max_record_bytes=limit)
    assert found.refused == len(refused)
    return out.read_bytes(), [(r.record, r.reason) for r in refused]


@st.composite
def dirty_files(draw):
    delimiter, quote = draw(st.sampled_from(",;|\t")), draw(st.sampled_from("\"'"))
    marks = [delimiter, quote, "\n", "\r\n", delimiter + quote, quote + delimiter, quote * 2, "\n" + quote]
    others = ["a", '"', "'", "\r", "\0", " ", "é", ";", "\\", "\ufeff", f"{quote}b{quote}", "long text"]
    pieces = [piece.encode() for piece in marks + others] + [b"\xff"]
    content = b"".join(draw(st.lists(st.sampled_from(pieces), max_size=40)))
    return content, draw(st.integers(1, 3)), Dialect(delimiter, quote, header=draw(st.booleans()))


@settings(max_examples=500, deadline=None, suppress_health_check=FIXTURES)
@given(dirty_files(), st.sampled_from([1, 2, 7, 65_536]), st.sampled_from([5, 20, 1_000_000]))
def test_any_bytes_become_a_copy_that_duckdb_reads_strictly(con, tmp_path, file, block_bytes, limit):
    content, columns, dialect = file
    path, out, refused = tmp_path / "in.csv", tmp_path / "out.csv", []
    path.write_bytes(content)

    found = screen(path, dialect, columns, out, refused.append, max_record_bytes=limit, block_bytes=block_bytes)
    rows = read(con, out, dialect, columns).fetchall()

    assert len(rows) == found.kept
    assert all(len(row) == columns for row in rows)
    numbers = [refusal.record for refusal in refused]
    everything = list(range(1, found.kept + found.refused + 1))
    assert sorted(numbers) == numbers
    assert sorted(numbers + found.numbers.take(0, found.kept)) == everything
    located = list(locate(path, dialect, columns, everything, block_bytes=block_bytes))
    assert [record.record for record in located] == everything
    for refusal in refused:
        assert content[refusal.start : refusal.end] == refusal.raw == located[refusal.record - 1].raw


CELLS = st.text(alphabet='ab ,"\n\ré\ufeff', max_size=5)
BROKEN = {
    b"a,b": "has 2 fields, 3 are expected",
    b"a,b,c,d": "has 4 fields, 3 are expected",
    b"a,b,c\0": "contains a NUL byte",
    b"a,b,\xffc": "is not valid UTF-8 at byte 5",
    b'a,"b"c,d': "has text after a closing quote at byte 6",
    b"a,b," + b"c" * 200: "is 204 bytes long, the limit is 200",
}


@settings(max_examples=200, deadline=None, suppress_health_check=FIXTURES)
@given(
    st.lists(st.one_of(st.lists(CELLS, min_size=3, max_size=3), st.sampled_from(sorted(BROKEN))), max_size=12),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    st.tuples(st.lists(st.sampled_from([b"\n", b"\r\n"]), min_size=12, max_size=12), st.sampled_from([1, 7, 65_536])),
)
def test_good_records_keep_their_values_beside_broken_ones(con, tmp_path, records, quoting, layout):
    path, out, refused = tmp_path / "in.csv", tmp_path / "out.csv", []
    ends, block_bytes = layout
    with path.open("wb") as file:
        file.write(b"x,y,z\n")
        for record, end in zip(records, ends, strict=False):
            if isinstance(record, list):
                text = io.StringIO()
                csv.writer(text, quoting=quoting, lineterminator="\r\n").writerow(record)
                record = text.getvalue().removesuffix("\r\n").encode()  # noqa: PLW2901 - its written form
            file.write(record + end)

    found = screen(path, Dialect(), 3, out, refused.append, max_record_bytes=200, block_bytes=block_bytes)
    rows = read(con, out, Dialect(), 3).fetchall()

    good = {n: record for n, record in enumerate(records, 1) if isinstance(record, list)}
    assert [list(row) for row in rows] == [[cell or None for cell in record] for record in good.values()]
    assert found.numbers.take(0, found.kept) == list(good)
    assert [r.reason for r in refused] == [BROKEN[r] for r in records if not isinstance(r, list)]


@pytest.mark.parametrize(
    ("data", "copy", "refused"),
    [
        pytest.param(b"", b"", [], id="empty"),
        pytest.param(b"a,b", b"a,b\n", [], id="header only"),
        pytest.param(b"\xef\xbb\xbfa,b\n1,2\n", b"a,b\n1,2\n", [], id="byte order mark"),
        pytest.param(b"a,b\r\n1,2\r\n3,4\n", b"a,b\n1,2\n3,4\n", [], id="mixed LF and CRLF"),
        pytest.param(b"a,b\r1,2\r\r3,4", b"a,b\n1,2\n3,4\n", [], id="CR of an old Mac"),
        pytest.param(b'a,b\n1,"2\r\n\r\n3"\n', b'a,b\n1,"2\r\n\r\n3"\n', [], id="quoted newlines"),
        pytest.param(b"\na,b\n\n1,2\n\r\n", b"a,b\n1,2\n", [], id="blank lines"),
        pytest.param(b'a,b\n5",2\r3\n', b'a,b\n"5""","2\r3"\n', [], id="bare quote and lone CR"),
        pytest.param(b'a,b\n1, "x" \n', b'a,b\n1,"x"\n', [], id="spaces around quotes"),
        pytest.param(b'a,b\n1,2,,""\n', b"a,b\n1,2\n", [], id="empty fields beyond the last column"),
        pytest.param(b"a,b,c\n1,2\n", b"a,b,c\n1,2\n", [], id="header of other length"),
        pytest.param(b'"a"x,b\n1,2\n', b"_,_\n1,2\n", [], id="broken header"),
        pytest.param(b"a,b\n1\n", b"a,b\n", [(1, "has 1 field, 2 are expected")], id="one field"),
        pytest.param(
            b'a,b\n1,2\n3,"4\n5,6\n',
            b"a,b\n1,2\n",
            [(2, "opens a quote that never closes")],
            id="broken tail",
        ),
        pytest.param(b'"a,b\n1,2\n', b"", [(1, "opens a quote that never closes")], id="header never closes"),
        pytest.param(
            "a,b\nZoë,1\nBob,2\n".encode("latin-1"),
            b"a,b\nBob,2\n",
            [(1, "is not valid UTF-8 at byte 3")],
            id="wrong encoding",
        ),
        pytest.param(b'a,b\n"1" "2",3\n', b"a,b\n", [(1, "has text after a closing quote at byte 5")], id="reopened"),
    ],
)
def test_hazards_are_screened(tmp_path, data, copy, refused):
    assert screened(tmp_path, data) == (copy, refused)


def test_one_column_keeps_blank_lines(tmp_path):
    assert screened(tmp_path, b"a\n\n1,2\n3\n", 1) == (b"a\n\n3\n", [(2, "has 2 fields, 1 is expected")])


def test_a_byte_order_mark_that_is_data_stays_data(con, tmp_path):
    """The first record is refused; the second's first bytes would be the byte order mark of the copy."""
    screened(tmp_path, b"x\n\xef\xbb\xbfa,b\n", header=False)
    assert read(con, tmp_path / "out.csv", Dialect(header=False), 2).fetchall() == [("\ufeffa", "b")]


def test_utf_16_is_refused_record_by_record(tmp_path):
    copy, refused = screened(tmp_path, "a,b\n1,2\n3,4\n".encode("utf-16"))
    assert copy == b"_,_\n"
    assert {reason for _, reason in refused} == {"contains a NUL byte"}


def test_a_large_dirty_file_is_read_in_parallel(con, tmp_path):
    """More than DuckDB's buffer of 32 MB, so that two threads start in the middle of it."""
    path, out, refused = tmp_path / "in.csv", tmp_path / "out.csv", []
    dirty = b'1,5" pipe,"a\nb"\r\n2,x\ry,"say ""hi"""\n3, "q" ,\xff\n4,"a"b,c\n5,6\n6,\xc3\xa9,\n'
    clean = b'7,"a,\n""\n",' + b"c" * 400 + b"\n"
    repeats = 400
    path.write_bytes(b"x,y,z\n" + (dirty * 10 + clean * 200) * repeats)

    found = screen(path, Dialect(), 3, out, refused.append, max_record_bytes=1_000)

    assert out.stat().st_size > 32_000_000
    assert (found.kept, found.refused) == (230 * repeats, 30 * repeats)
    values = Counter(row[1] for row in read(con, out, Dialect(), 3).fetchall())
    odd = dict.fromkeys(['5" pipe', "x\ry", "é"], 10 * repeats)
    assert values == {**odd, 'a,\n"\n': 200 * repeats}


def test_numbers_skip_the_refused():
    numbers = Numbers()
    for refused in (1, 2, 5, 6, 9):
        numbers.skip(refused)
    assert numbers.take(0, 6) == [3, 4, 7, 8, 10, 11]
    assert [numbers.take(position, 1) for position in range(6)] == [[3], [4], [7], [8], [10], [11]]
    assert numbers.take(3, 0) == []


def test_longest_is_the_longest_kept_record(tmp_path):
    path = tmp_path / "in.csv"
    path.write_bytes(b"a,b\n1234,5\n123456789\n1,2\n")
    found = screen(path, Dialect(), 2, tmp_path / "out.csv", lambda _: None, max_record_bytes=100)
    assert found.longest == len(b"1234,5")


@pytest.mark.parametrize("filling", [b"x", b'four and twenty blackbirds""\n,'])
def test_memory_is_bounded_for_one_record_beyond_the_limit(tmp_path, filling):
    path, out, refused = tmp_path / "in.csv", tmp_path / "out.csv", []
    size = 30_000_000 // len(filling)
    path.write_bytes(b'a,b\n1,"' + filling * size + b'"\r\n3,4\n')
    tracemalloc.start()
    try:
        screen(path, Dialect(), 2, out, refused.append, max_record_bytes=1_000_000)
        assert tracemalloc.get_traced_memory()[1] < 16_000_000
    finally:
        tracemalloc.stop()
    (refusal,) = refused
    assert (refusal.end - refusal.start, len(refusal.raw)) == (len(filling) * size + 4, 65_536)
    assert refusal.reason == f"is {len(filling) * size + 4:,} bytes long, the limit is 1,000,000"
    assert out.read_bytes() == b"a,b\n3,4\n"
