"""JSON Lines: the edges of RFC 8259, numbers with their own digits, and what becomes of a key that nobody expected."""

from pathlib import Path

import pytest
from reading import MAX_BYTES, read

from chalicelib.core.pipeline import JsonlFormat
from chalicelib.formats.json_values import MOST_RECORDS, Number, joined, looked


def lines(folder: Path, *texts: str | bytes):
    path = folder / "object"
    path.write_bytes(b"".join((text if isinstance(text, bytes) else text.encode()) + b"\n" for text in texts))
    return path


def test_values_keep_what_was_written(tmp_path):
    path = lines(
        tmp_path,
        '{"i": 12345678901234567890123, "f": 1.10, "e": 1E400, "b": true, "s": "7", "n": null, "o": {"a": [1.0, "x"]}}',
    )
    found = read(path, JsonlFormat)
    assert {1: ("12345678901234567890123", "1.10", "1E400", "true", "7", None, '{"a":[1.0,"x"]}')} == found.records
    assert {"s": "text", "o": "jsonb"} == {name: str(kind) for name, kind in found.look.types.items()}


@pytest.mark.parametrize("before", [b"\xef\xbb\xbf", b"\xef\xbb\xbf\n", b" " * (MAX_BYTES + 9) + b"\n", b"\r\n \t\n"])
def test_a_byte_order_mark_and_blank_lines_of_any_length_are_no_records(before, tmp_path):
    path = tmp_path / "object"
    path.write_bytes(before + b'{"a": 1}\n')
    found = read(path, JsonlFormat)
    assert ({1: ("1",)}, {}, 1) == (found.records, found.refused, found.counted)


def test_further_objects_bring_fields_but_not_ever_more_samples():
    look = looked(JsonlFormat(type="jsonl"), [{"a": Number("1")}] * MOST_RECORDS, {})
    assert look == joined(look, [{"a": "x"}])
    grown = joined(look, [{"b": "x"}])
    assert (("a", "b"), MOST_RECORDS + 1) == (grown.names, len(grown.records))


def test_a_string_in_a_json_column_keeps_its_quotes(tmp_path):
    found = read(lines(tmp_path, '{"a": {"b": 1}}', '{"a": "text"}'), JsonlFormat)
    assert [('{"b":1}',), ('"text"',)] == list(found.records.values())


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"a": NaN}', "holds NaN, which is no JSON"),
        ('{"a": -Infinity}', "holds -Infinity, which is no JSON"),
        ('{"a": 1,}', "is no JSON: "),
        ("{'a': 1}", "is no JSON: expecting property name enclosed in double quotes at character 2"),
        ('{"a": 1} {"a": 2}', "is no JSON: extra data at character 10"),
        ('{"a": 1, "a": 2}', 'names the key "a" twice'),
        ("[1]", "is no JSON object"),
        ('{"a": 1, "b": 2}', 'has the key "b", which is no column; declare it under columns'),
        ('{"a": "\\u0000"}', "holds the character U+0000, which PostgreSQL has no text for"),
        ('{"a": "\\ud800"}', "holds half a character, U+D800"),
        (b'{"a": "\xff"}', "is not valid UTF-8 at byte 8"),
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "is nested too deeply"),
        ('{"a": "' + "x" * MAX_BYTES + '"}', f"is longer than the limit of {MAX_BYTES:,} bytes"),
    ],
)
def test_a_broken_line_is_refused_with_its_reason_and_the_others_are_read(line, reason, tmp_path):
    found = read(lines(tmp_path, '{"a": 1}', line, "", '{"a": 3}'), JsonlFormat, names=("a",))
    assert {1: ("1",), 3: ("3",)} == found.records
    assert found.counted == 3
    assert [2] == list(found.refused)
    assert found.refused[2].startswith(reason)
