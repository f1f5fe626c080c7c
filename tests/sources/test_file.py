"""Files as a source: pinned by their bytes, and what is wrong with them said clearly."""

import gzip
import hashlib
import os
import random
from datetime import UTC, datetime

import pytest

from chalicelib.core.errors import Held, NotFound, Refused, SourceMoved
from chalicelib.sources.file import SAMPLE_BYTES, FileSource

TEXT = b"a,b\n1,x\n2,y\n"


@pytest.fixture
def source_of(tmp_path):
    made = []

    def make(pattern):
        made.append(FileSource(str(pattern), work=tmp_path / "work"))
        return made[-1]

    yield make
    for each in made:
        each.close()
    assert [] == list((tmp_path / "work").glob("*"))


def read(source):
    (version,) = source.find()
    with source.local(version) as path:
        return path.read_bytes()


def test_a_file_is_pinned_by_the_hash_of_its_bytes(source_of, tmp_path):
    file = tmp_path / "a.csv"
    file.write_bytes(TEXT)
    os.utime(file, (1e9, 1e9))
    (version,) = source_of(file).find()
    assert ("file", str(file), len(TEXT)) == (version.bucket, version.key, version.size_bytes)
    assert datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC) == version.last_modified
    assert hashlib.sha256(TEXT).hexdigest() == version.version
    assert version.uri == str(file)


def test_a_pattern_finds_files_in_the_order_of_their_age(source_of, tmp_path):
    for name, age in (("b.csv", 30), ("a.csv", 20), ("c.csv", 20), ("d.txt", 1)):
        (tmp_path / name).write_bytes(TEXT)
        os.utime(tmp_path / name, (age, age))
    (tmp_path / "folder.csv").mkdir()
    found = source_of(tmp_path / "*.csv").find()
    assert ["a.csv", "c.csv", "b.csv"] == [version.key.rpartition("/")[2] for version in found]


def test_a_file_whose_name_is_a_pattern_is_found_by_its_name(source_of, tmp_path):
    (tmp_path / "[1]*.csv").write_bytes(TEXT)
    assert TEXT == read(source_of(tmp_path / "[1]*.csv"))


def test_a_link_and_its_file_are_one_object(source_of, tmp_path):
    (tmp_path / "a.csv").write_bytes(TEXT)
    (tmp_path / "link.csv").symlink_to("a.csv")
    assert source_of(tmp_path / "a.csv").find() == source_of(tmp_path / "link.csv").find()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("order.csv", "order.csv does not exist; did you mean .*/orders.csv?"),
        ("zzz", "zzz does not exist$"),
        ("sub/x.csv", "x.csv does not exist; the folder .*/sub does not exist"),
        ("folder", "folder is a folder; name a file or a pattern in it"),
        ("*.parquet", r"\*.parquet does not exist"),
    ],
)
def test_what_is_missing_is_named_with_what_is_near(source_of, tmp_path, name, told):
    (tmp_path / "orders.csv").write_bytes(TEXT)
    (tmp_path / "folder").mkdir()
    with pytest.raises(NotFound, match=told):
        source_of(tmp_path / name).find()


def test_a_name_that_is_no_utf8_is_refused(source_of, tmp_path):
    odd = os.fsencode(tmp_path) + b"/caf\xe9.csv"
    try:
        with open(odd, "wb") as file:  # noqa: PTH123 - a name of bytes
            file.write(TEXT)
    except OSError:
        pytest.skip("this disk takes UTF-8 names only")
    with pytest.raises(Refused, match="no UTF-8 name"):
        source_of(tmp_path / "*.csv").find()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_refused(source_of, tmp_path):
    (tmp_path / "a.csv").write_bytes(TEXT)
    (tmp_path / "a.csv").chmod(0)
    with pytest.raises(Refused, match="may not be read by this user"):
        source_of(tmp_path / "a.csv").find()


def test_a_plain_file_is_read_where_it_lies(source_of, tmp_path):
    (tmp_path / "a.csv").write_bytes(TEXT)
    source = source_of(tmp_path / "a.csv")
    (version,) = source.find()
    with source.local(version) as path:
        assert path == tmp_path / "a.csv"


@pytest.mark.parametrize("name", ["a.csv.gz", "a.csv"])
def test_gzip_is_known_by_its_bytes_and_read_plain(source_of, tmp_path, name):
    (tmp_path / name).write_bytes(gzip.compress(TEXT[:5]) + gzip.compress(TEXT[5:]))
    source = source_of(tmp_path / name)
    assert TEXT == read(source)
    assert TEXT == read(source)
    assert TEXT == source.sample(source.find()[0]).head


NOISE = random.Random(1).randbytes(600_000).hex().encode()


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-1], lambda b: b[: len(b) // 2], lambda b: b[:-9] + b"x" * 9, lambda b: b + b"x"]
)
@pytest.mark.parametrize("text", [TEXT, NOISE], ids=["small", "large"])
def test_a_damaged_gzip_is_held(source_of, tmp_path, damage, text):
    (tmp_path / "a.csv.gz").write_bytes(damage(gzip.compress(text)))
    source = source_of(tmp_path / "a.csv.gz")
    with pytest.raises(Held, match=r"a\.csv\.gz is a damaged gzip file .*; nothing was published, send it again"):
        source.sample(source.find()[0])
        read(source)


def test_a_gzip_bomb_is_held_before_it_fills_the_disk(source_of, tmp_path):
    with gzip.open(tmp_path / "a.csv.gz", "wb", compresslevel=9) as bomb:
        for _ in range(110):
            bomb.write(bytes(1024 * 1024))
    with pytest.raises(Held, match=r"grows over [0-9,]+ bytes when decompressed; it was not read further"):
        read(source_of(tmp_path / "a.csv.gz"))


def test_a_sample_is_whole_or_head_middle_and_tail(source_of, tmp_path):
    file = tmp_path / "a.csv"
    file.write_bytes(NOISE[: 3 * SAMPLE_BYTES])
    source = source_of(file)
    whole = source.sample(source.find()[0])
    assert (NOISE[: 3 * SAMPLE_BYTES], b"", b"") == (whole.head, whole.middle, whole.tail)
    file.write_bytes(NOISE)
    parts = source.sample(source.find()[0])
    assert NOISE[:SAMPLE_BYTES] == parts.head
    assert NOISE[-SAMPLE_BYTES:] == parts.tail
    assert NOISE[len(NOISE) // 2 :][:SAMPLE_BYTES] == parts.middle


def test_a_sample_of_a_long_gzip_says_that_more_follows(source_of, tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(NOISE))
    source = source_of(tmp_path / "a.gz")
    sample = source.sample(source.find()[0])
    assert (NOISE[:SAMPLE_BYTES], NOISE[SAMPLE_BYTES : 2 * SAMPLE_BYTES]) == (sample.head, sample.middle)


def append(file):
    with file.open("ab") as stream:
        stream.write(b"3,z\n")


def rewrite_as_long(file):
    file.write_bytes(TEXT.replace(b"x", b"q"))
    os.utime(file, (2e9, 2e9))


@pytest.mark.parametrize(
    "change", [append, rewrite_as_long, lambda file: file.unlink()], ids=["append", "rewrite", "gone"]
)
def test_a_file_that_changes_while_it_is_read_has_moved(source_of, tmp_path, change):
    (tmp_path / "a.csv").write_bytes(TEXT)
    source = source_of(tmp_path / "a.csv")
    (version,) = source.find()
    with pytest.raises(SourceMoved, match=r"a\.csv (changed while it was read|is gone)"), source.local(version):
        change(tmp_path / "a.csv")


def test_a_file_that_went_before_it_was_read_has_moved(source_of, tmp_path):
    (tmp_path / "a.csv").write_bytes(TEXT)
    source = source_of(tmp_path / "a.csv")
    (version,) = source.find()
    (tmp_path / "a.csv").unlink()
    with pytest.raises(SourceMoved, match="is gone"):
        source.sample(version)
    with pytest.raises(SourceMoved, match="is gone"), source.local(version):
        pass


def test_a_folder_is_told_as_one(tmp_path):
    with pytest.raises(NotFound, match=r"is a folder; name a file or a pattern in it$"):
        FileSource(str(tmp_path), work=tmp_path).find()
