"""The disk as an object store: an object is whole or absent."""

import pytest

from chalicelib.core.errors import NotFound
from chalicelib.disk import DiskStore


@pytest.fixture
def store(tmp_path):
    return DiskStore(tmp_path / "work")


def put(store, key, data=b"x"):
    with store.writing(key) as stream:
        stream.write(data)


def get(store, key):
    with store.reading(key) as stream:
        return stream.read()


def test_what_is_written_is_read_and_replaced_by_what_is_written_next(store):
    put(store, "a/b/c", b"one")
    put(store, "a/b/c", b"two")
    assert b"two" == get(store, "a/b/c")


def test_an_error_while_writing_leaves_what_was_there(store):
    put(store, "a", b"one")
    with pytest.raises(ValueError, match="here"), store.writing("a") as stream:
        stream.write(b"half")
        raise ValueError("here")
    assert b"one" == get(store, "a")
    assert ["a"] == store.keys("")


def test_an_unfinished_object_is_not_there(store):
    with store.writing("runs/1/a") as stream:
        stream.write(b"half")
        stream.flush()
        assert [] == store.keys("")
        with pytest.raises(NotFound, match="no object runs/1/a"):
            get(store, "runs/1/a")
    assert ["runs/1/a"] == store.keys("runs/1/")


def test_keys_begin_with_the_prefix_in_order(store):
    for key in ("b/2", "b/1", "a", "bb/1", "b/x/1"):
        put(store, key)
    assert ["a", "b/1", "b/2", "b/x/1", "bb/1"] == store.keys("")
    assert ["b/1", "b/2", "b/x/1", "bb/1"] == store.keys("b")
    assert ["b/1", "b/2", "b/x/1"] == store.keys("b/")
    assert ["b/1"] == store.keys("b/1")
    assert [] == store.keys("c/")


def test_removing_takes_the_prefix_and_nothing_else(store, tmp_path):
    for key in ("runs/1/a/1", "runs/1/b", "runs/2/a"):
        put(store, key)
    store.remove("runs/1/")
    store.remove("runs/1/")
    assert ["runs/2/a"] == store.keys("")
    assert not (tmp_path / "work/runs/1/a").exists()


@pytest.mark.parametrize("key", ["../x", "/etc/passwd", "a/../../x"])
def test_a_key_cannot_leave_the_folder(store, key):
    with pytest.raises(NotFound, match="is no key"):
        put(store, key)
    with pytest.raises(NotFound, match="is no key"):
        get(store, key)
