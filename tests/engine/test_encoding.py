"""An encoding is told from samples as a careful person would, and its UTF-8 copy holds the same text."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.plan import Sample
from chalicelib.engine.encoding import as_utf_8, detect, suits, transcode

CODECS = {"utf-16-le": "utf-16-le", "utf-16-be": "utf-16-be", "latin-1": "latin-1", "windows-1252": "cp1252"}
WEST = "id;name;city\n1;Zoë;Köln\n2;François;“Paris”\n3;Iñaki;Málaga – España\n"
LATIN = "id;name\n1;Zoë\n2;François\n"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"id,name\n1,plain\n", "utf-8"),
        (WEST.encode(), "utf-8"),
        (b"\xef\xbb\xbf" + WEST.encode(), "utf-8"),
        (WEST.encode("utf-16"), "utf-16-le"),
        (b"\xfe\xff" + WEST.encode("utf-16-be"), "utf-16-be"),
        (WEST.encode("utf-16-le"), "utf-16-le"),
        (WEST.encode("utf-16-be"), "utf-16-be"),
        (WEST.encode("cp1252"), "windows-1252"),
        (LATIN.encode("latin-1"), "windows-1252"),
        (LATIN.encode("latin-1") + b"3;\x81\n", "utf-8"),
        (LATIN.encode("latin-1") * 40 + b"3;\x81\n", "latin-1"),
        ("id,name\n1,東京\n".encode(), "utf-8"),
        (b"id,name\n1,\xe4\n2,\xf6\n", "windows-1252"),
        ("id,name\n1,ä\n".encode() + b"2,\xf6\n", "utf-8"),
        ("id,name\n1,и\n2,Москва\n".encode("cp1251"), "utf-8"),
        (b"id,name\n1,\xff\n", "utf-8"),
        (b"id,name\n1,\xff\xfe\n", "utf-8"),
        (b"id,name\n1,b\xffd\n", "utf-8"),
        ("id,name\n1,Zoë\n".encode() + b"2,Zo\xeb\n", "utf-8"),
        (b"a\0b\n", "utf-8"),
        (b"", "utf-8"),
    ],
)
def test_an_encoding_is_told_from_a_head(content, expected):
    assert expected == detect(Sample(content))[0]


def test_what_is_broken_lowers_the_confidence_and_what_is_marked_is_sure():
    assert ("utf-8", 0.5) == detect(Sample("é".encode() + b"\n\xff"))
    assert ("utf-8", 1.0) == detect(Sample(b"\xef\xbb\xbf\xff"))
    assert ("utf-8", 1.0) == detect(Sample("é".encode()))


def test_a_letter_that_stands_alone_is_weak_evidence():
    assert ("windows-1252", 0.5) == detect(Sample(b"id,name\n1,\xe4\n2,\xf6\n"))
    assert ("windows-1252", 0.75) == detect(Sample(b"id,name\n1,\xe4\n2,Zo\xeb\n"))


def test_parts_cut_within_a_character_are_no_sign_of_another_encoding():
    text = ("東京,é\n" * 50).encode()
    for start in range(6):
        for end in range(1, 6):
            assert ("utf-8", 1.0) == detect(Sample(b"a,b\n" + text[:-end], text[start:-end], text[start:]))


def test_the_tail_decides_where_the_head_is_ascii():
    assert "windows-1252" == detect(Sample(b"id,name\n", b"1,x\n", "2,Zoë\n".encode("cp1252")))[0]


@pytest.mark.parametrize("word", CODECS)
@given(text=st.text(st.characters(codec="latin-1", exclude_characters=[chr(i) for i in range(0x80, 0xA0)])))
def test_the_copy_holds_the_same_text(word, text, tmp_path_factory):
    copy = tmp_path_factory.mktemp("copy") / "copy"
    content = text.encode(CODECS[word])
    transcode(io.BytesIO(content), copy, word)
    assert text.encode() == copy.read_bytes()
    assert Sample(text.encode()) == as_utf_8(Sample(content), word)


@pytest.mark.parametrize(
    ("content", "word", "copied"),
    [
        (b"\xff\xfea\0", "utf-16-le", b"a"),
        (b"a\0b", "utf-16-le", b"a\xff"),
        (b"\x00\xd8a\0", "utf-16-le", b"\xed\xa0\x80a"),
        (b"a\x81b\x80", "windows-1252", b"a\x81b\xe2\x82\xac"),
    ],
)
def test_bytes_that_an_encoding_has_not_are_no_utf_8_in_the_copy(content, word, copied, tmp_path):
    transcode(io.BytesIO(content), tmp_path / "copy", word)
    assert copied == (tmp_path / "copy").read_bytes()


def test_a_character_over_the_border_of_two_blocks_is_one(tmp_path):
    text = "x" + "€" * (1024 * 1024)
    transcode(io.BytesIO(text.encode("utf-16-be")), tmp_path / "copy", "utf-16-be")
    assert text == (tmp_path / "copy").read_text(encoding="utf-8")


def test_plain_ascii_suits_all_but_utf_16():
    assert [True, True, False] == [suits(Sample(b"a,b\n"), word) for word in ("utf-8", "windows-1252", "utf-16-le")]
    assert not suits(Sample("Zoë".encode()), "windows-1252")
