"""Where ``put`` puts a file: one object, never a pattern."""

from pathlib import Path

import pytest

from cli.place import object_place

FILE = Path("folder/sales.csv")


@pytest.mark.parametrize(
    ("uri", "key"),
    [
        ("s3://landing/", "sales.csv"),
        ("s3://landing/a/", "a/sales.csv"),
        ("s3://landing/a/b.csv", "a/b.csv"),
        ("s3://landing/a\nb[1] %2B", "a\nb[1] %2B"),
    ],
)
def test_a_place_is_a_key_or_a_folder(uri, key):
    assert ("landing", key) == object_place(FILE, uri)


def test_a_file_keeps_its_name_whatever_is_in_it():
    assert ("landing", "a/what?*.csv") == object_place(Path("what?*.csv"), "s3://landing/a/")


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("landing/a", "is not an object's place; write s3://bucket/key"),
        ("s3://landing", "is not an object's place; write s3://bucket/key"),
        ("s3:///a", "is not an object's place"),
        ("s3://landing/orders/*.csv", r"is a pattern \(\*\), and put writes one object"),
        ("s3://landing/a?", r"is a pattern \(\?\)"),
        ("s3://Landing/a", "is not a bucket name; write 3 to 63 lower case"),
        ("s3://landing/" + "é" * 513, "the key has 1,026 bytes, S3's limit is 1,024"),
    ],
)
def test_what_names_no_object_is_told_with_a_way_out(uri, told):
    with pytest.raises(ValueError, match=told):
        object_place(FILE, uri)
