"""Locate gives the byte ranges of records, whatever their length and whatever the size of a read."""

import csv
import io
import itertools
import tracemalloc

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.core.dialect import Dialect
from chalicelib.engine.records import locate

CELLS = st.text(alphabet='ab ,"\n\ré', max_size=5)


def written(rows, end):
    """Return each row's bytes without its terminator."""
    for row in rows:
        text = io.StringIO()
        csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator=end).writerow(row)
        yield text.getvalue().removesuffix(end).encode()


def found(tmp_path, data, wanted=range(1, 100), *, columns=2, **options):
    path = tmp_path / "in.csv"
    path.write_bytes(data)
    return [(r.record, r.raw) for r in locate(path, Dialect(), columns, wanted, **options)]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(1, 3).flatmap(lambda n: st.lists(st.lists(CELLS, min_size=n, max_size=n), min_size=1)),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    st.data(),
)
def test_a_located_range_holds_exactly_the_record(tmp_path, rows, end, header, data):
    block_bytes = data.draw(st.sampled_from([1, 2, 7, 65_536]))
    records = list(written(rows, end))
    content = b"".join(record + end.encode() for record in records)
    path = tmp_path / "in.csv"
    path.write_bytes(content)
    numbered = dict(enumerate(records[header:], 1))
    wanted = sorted(data.draw(st.sets(st.integers(1, len(rows) + 2))))

    located = list(locate(path, Dialect(header=header), len(rows[0]), wanted, block_bytes=block_bytes))

    assert [r.record for r in located] == [n for n in wanted if n in numbered]
    assert all(numbered[r.record] == r.raw == content[r.start : r.end] for r in located)


def test_blank_lines_do_not_count_with_two_columns(tmp_path):
    assert found(tmp_path, b"\na,b\n\n1,2\r\n\r\n3,4\n\n") == [(1, b"1,2"), (2, b"3,4")]


def test_blank_lines_count_with_one_column(tmp_path):
    assert found(tmp_path, b"a\n\n1\n", columns=1) == [(1, b""), (2, b"1")]


def test_a_byte_order_mark_shifts_the_offsets(tmp_path):
    path = tmp_path / "in.csv"
    path.write_bytes(b"\xef\xbb\xbfa,b\n1,2\n")
    assert [(r.start, r.end) for r in locate(path, Dialect(), 2, [1])] == [(7, 10)]


def test_bare_quotes_do_not_shift_the_numbers(tmp_path):
    data = b'a,b\n5" pipe,x\n7" pipe,"a\nb"\n1,2\n'
    assert found(tmp_path, data) == [(1, b'5" pipe,x'), (2, b'7" pipe,"a\nb"'), (3, b"1,2")]


def test_a_quote_after_one_space_opens_a_field(tmp_path):
    assert found(tmp_path, b'a,b\n1, "x\ny"\n2,  "x\n3,4\n') == [
        (1, b'1, "x\ny"'),
        (2, b'2,  "x'),
        (3, b"3,4"),
    ]


def test_a_broken_tail_is_one_record(tmp_path):
    assert found(tmp_path, b'a,b\n1,2\n3,"4\n5,6\n') == [(1, b"1,2"), (2, b'3,"4\n5,6\n')]


def test_a_header_that_never_closes_is_record_one(tmp_path):
    assert found(tmp_path, b'"a,b\n1,2\n') == [(1, b'"a,b\n1,2\n')]


def test_old_mac_files_are_cut_at_cr(tmp_path):
    assert found(tmp_path, b'a,b\r1,"2\n3"\r4,5') == [(1, b'1,"2\n3"'), (2, b"4,5")]


def test_raw_bytes_are_cut_at_the_limit_and_the_range_is_not(tmp_path):
    path = tmp_path / "in.csv"
    path.write_bytes(b"a,b\n" + b"x" * 100 + b",1\n")
    (record,) = locate(path, Dialect(), 2, [1], raw_limit=5)
    assert (record.start, record.end, record.raw) == (4, 106, b"xxxxx")


def test_empty_and_header_only_files_yield_nothing(tmp_path):
    assert found(tmp_path, b"") == found(tmp_path, b"a,b\n") == found(tmp_path, b"\xef\xbb\xbf") == []


def test_nothing_wanted_yields_nothing_and_an_endless_wish_ends(tmp_path):
    assert found(tmp_path, b"a,b\n1,2\n", []) == []
    assert found(tmp_path, b"a,b\n1,2\n", itertools.count(1)) == [(1, b"1,2")]


def test_memory_is_bounded_for_one_long_record(tmp_path):
    path = tmp_path / "long.csv"
    long = b'1,"' + b'four and twenty blackbirds""\n,' * 1_000_000 + b'"'
    path.write_bytes(b"a,b\n" + long + b"\r\n3,4\n")
    tracemalloc.start()
    try:
        first, second = locate(path, Dialect(), 2, [1, 2])
        assert tracemalloc.get_traced_memory()[1] < 12_000_000
    finally:
        tracemalloc.stop()
    assert (first.start, first.end, first.raw) == (4, 4 + len(long), long[:65_536])
    assert (second.start, second.raw) == (first.end + 2, b"3,4")
