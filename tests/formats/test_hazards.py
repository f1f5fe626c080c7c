"""What every reader owes its objects, whatever they hold. A new format inherits it with its line in ``READERS``."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reading import read
from written import WRITERS

from chalicelib.core.errors import Held
from chalicelib.formats import READERS

NAMES = ("id", "name", "note")
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
RECORDS = st.lists(
    st.tuples(st.integers(0, 10**20).map(str), TEXT.filter(bool), TEXT.filter(bool)), min_size=1, max_size=30
)
EACH = pytest.mark.parametrize("kind", READERS, ids=lambda kind: kind.__name__)
SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_each_format_can_be_written_by_the_suite():
    assert WRITERS.keys() == READERS.keys()


@EACH
@SETTINGS
@given(records=RECORDS)
def test_what_was_written_is_read(kind, records, tmp_path: Path):
    path = tmp_path / "object"
    path.write_bytes(WRITERS[kind](NAMES, records))
    found = read(path, kind, names=NAMES)
    assert records == list(found.records.values())
    assert (len(records), {}) == (found.counted, found.refused)


@EACH
@SETTINGS
@given(records=RECORDS, data=st.data())
def test_broken_bytes_cost_records_with_a_reason_and_no_count(kind, records, data, tmp_path: Path):
    content = bytearray(WRITERS[kind](NAMES, records))
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    path = tmp_path / "object"
    path.write_bytes(content)
    accounted(path, kind)


@EACH
@SETTINGS
@given(records=RECORDS, data=st.data())
def test_an_object_cut_anywhere_is_read_or_held_with_a_reason(kind, records, data, tmp_path: Path):
    content = WRITERS[kind](NAMES, records)
    path = tmp_path / "object"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    accounted(path, kind)


@EACH
@pytest.mark.parametrize(
    "content", [b"", b"\n\n", b"\xef\xbb\xbf"], ids=["nothing", "blank lines", "a byte order mark"]
)
def test_an_object_without_content_is_held(kind, content, tmp_path: Path):
    path = tmp_path / "object"
    path.write_bytes(content)
    with pytest.raises(Held, match="object"):
        read(path, kind)


def accounted(path: Path, kind) -> None:
    """The reader holds the object, or accounts for every record, each refused one with a reason."""
    try:
        found = read(path, kind, names=NAMES)
    except Held:
        return
    assert all(found.refused.values())
    if not found.strictly:
        assert found.counted == len(found.records) + len(found.refused)
