"""Objects in any supported encoding, compressed or not, make the same table; broken bytes are rejects as in UTF-8."""

import gzip

import pytest
from making import load, pipeline, places, query

from chalicelib.bootstrap.local import run_log

TEXT = "id,name\n1,Zoë\n2,François\n3,“Iñaki”\n4,a\nb\n"
ROWS = [[1, "Zoë"], [2, "François"], [3, "“Iñaki”"], [4, "a"]]


@pytest.fixture
def where(database, tmp_path):
    return places(database, database, tmp_path)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "utf-16-be", "utf-16-le", "cp1252"])
def test_every_encoding_makes_the_same_table(codec, packed, where, database, tmp_path):
    content = TEXT.encode(codec)
    path = tmp_path / "f.csv"
    path.write_bytes(gzip.compress(content) if packed else content)
    run = load(pipeline(path), where)
    assert ("succeeded", 5, 4, 1) == (run.status, run.counts.read, run.counts.loaded, run.counts.rejected)
    assert ROWS == query(database, "SELECT id, name FROM t ORDER BY id")
    with run_log(where.control) as log:
        (reject,) = log.rejects(run.run_id, limit=9)
    copy = TEXT.removeprefix("\ufeff").encode()
    start = reject.start - 3 * (codec == "utf-8-sig")  # in UTF-8 nothing is copied, and a mark counts
    assert (5, b"b") == (reject.record, copy[start : start + 1])


def test_a_pinned_encoding_is_taken_at_its_word(where, database, tmp_path):
    (tmp_path / "f.csv").write_bytes("id,name\n1,Ã©\n".encode("cp1252"))
    load(pipeline(tmp_path / "f.csv", format={"encoding": "windows-1252"}), where)
    assert [["Ã©"]] == query(database, "SELECT name FROM t")


def test_a_small_file_of_lone_letters_is_loaded(where, database, tmp_path):
    (tmp_path / "f.csv").write_bytes(b"id,name\n1,\xe4\n2,\xf6\n")
    assert (2, 0) == ((run := load(pipeline(tmp_path / "f.csv"), where)).counts.loaded, run.counts.rejected)
    assert [["ä"], ["ö"]] == query(database, "SELECT name FROM t ORDER BY id")


def test_bytes_that_the_encoding_has_not_reject_their_record(where, database, tmp_path):
    (tmp_path / "f.csv").write_bytes("id,name\n1,Zoë\n".encode("cp1252") + b"2,\x81\n")
    run = load(pipeline(tmp_path / "f.csv", format={"encoding": "windows-1252"}), where)
    assert (1, 1) == (run.counts.loaded, run.counts.rejected)
    assert [["Zoë"]] == query(database, "SELECT name FROM t")


def test_a_later_invalid_byte_of_utf_8_is_a_reject(where, tmp_path):
    records = b"1,plain\n" * 100_000
    (tmp_path / "f.csv").write_bytes(b"id,name\n" + records[:240_000] + b"2,Zo\xeb\n" + records)
    run = load(pipeline(tmp_path / "f.csv"), where)
    assert (130_000, 1) == (run.counts.loaded, run.counts.rejected)


def test_objects_of_two_encodings_are_no_one_run(where, tmp_path):
    (tmp_path / "a.csv").write_bytes("id,name\n1,Zoë\n".encode())
    (tmp_path / "b.csv").write_bytes("id,name\n2,Zoë\n".encode("cp1252"))
    run = load(pipeline(tmp_path / "*.csv"), where)
    assert "held" == run.status
    assert "has another encoding (windows-1252) than the first object (utf-8)" in run.failure.message
