"""A reject is written as one line and read back exactly."""

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.reject import Reason, Reject, Severity

reasons = st.builds(Reason, st.text(), st.text(), st.none() | st.text(), st.sampled_from(Severity))
places = st.none() | st.integers(0)
rejects = st.builds(
    Reject, st.integers(1), st.text(), places, places, places, st.binary(), st.lists(reasons).map(tuple)
)


@given(rejects)
def test_a_reject_is_one_line_that_is_read_back(reject):
    line = reject.to_line()
    assert line.endswith(b"\n")
    assert 1 == line.count(b"\n")
    assert reject == Reject.from_line(line)


def test_raw_bytes_that_are_no_text_are_shown_as_escapes():
    assert r"a\xffé" == Reject(1, "f.csv", 1, 0, 3, b"a\xff\xc3\xa9", ()).to_json()["raw"]


def test_a_reason_is_counted_under_its_rules_name_or_its_word_and_column():
    assert "type:a" == Reason("type", "a is no bigint", "a").key
    assert "expr:a > 0" == Reason("expr", "not: a > 0", place="rules[1]", name="expr:a > 0").key
