"""Encodings: told from samples, and text of another one than UTF-8 copied to UTF-8, for the engine reads nothing else.

Without a byte order mark a text is UTF-8 as long as it looks like it. A few bytes that are none are what they are:
broken records. Only where no character beyond ASCII is UTF-8, and the others read well as words and signs of
windows-1252, is it that (or latin-1, where a byte is in use that windows-1252 has not). A letter with none beside it
is weak evidence, so that is half as sure; it is taken still, for no other reading keeps its record.
"""

import codecs
import re
from pathlib import Path
from typing import IO

from chalicelib.core.dialect import UTF_8
from chalicelib.core.plan import Sample

#: Our word for an encoding -> Python's codec, and what becomes of bytes that it has not: they stay, and are no UTF-8.
_CODECS = {
    "utf-16-le": ("utf-16-le", "surrogatepass"),
    "utf-16-be": ("utf-16-be", "surrogatepass"),
    "latin-1": ("latin-1", "strict"),
    "windows-1252": ("cp1252", "surrogateescape"),
}
_BLOCK_BYTES = 1024 * 1024
_MARKS = {codecs.BOM_UTF8: UTF_8, codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
#: Latin letters in a word, and signs that people write; not the letters that broken bytes look like (ÿ, þ, ð).
_WELL_READ = re.compile(
    "(?<=[A-Za-zÀ-ÖØ-ïñ-öø-ýŠšŽžŒœŸ])[À-ÖØ-ïñ-öø-ýŠšŽžŒœŸ]|[À-ÖØ-ïñ-öø-ýŠšŽžŒœŸ](?=[A-Za-z])"
    "|[€‚„…†‡ˆ‰‹‘’“”•–—˜™›\xa0¡£¥§©ª«®°±²³´µ·º»¼½¾¿×]"
)
#: A letter that stands alone, as in a list of grades or initials.
_LONE = re.compile("(?<![A-Za-z\x80-\uffff])[À-ÖØ-ïñ-öø-ýŠšŽžŒœŸ](?![A-Za-z\x80-\uffff])")
_NOT_IN_WINDOWS_1252 = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
_CUT = re.compile(rb"\A[\x80-\xbf]{1,3}")
_SURE = 0.9


def detect(sample: Sample) -> tuple[str, float]:
    """The encoding of the object that ``sample`` is of, and how sure that is, from 0 to 1."""
    parts = [part for part in (sample.head, sample.middle, sample.tail) if part]
    marked = next((word for mark, word in _MARKS.items() if sample.head.startswith(mark)), None)
    if marked is not None:
        return marked, 1.0
    wide = _wide(sample.head)
    if wide is not None:
        return wide
    if all(map(bytes.isascii, parts)):
        return UTF_8, 1.0
    good, broken = (sum(counts) for counts in zip(*map(_utf_8_characters, parts), strict=True))
    if broken == 0:
        return UTF_8, 1.0
    single = _single_byte(b"".join(parts)) if good == 0 else None
    return single or (UTF_8, good / (good + broken))


def suits(sample: Sample, encoding: str) -> bool:
    """Whether an object can be read in the encoding of another: it has the same, or nothing beyond ASCII."""
    found, _ = detect(sample)
    plain = all(map(bytes.isascii, (sample.head, sample.middle, sample.tail))) and not encoding.startswith("utf-16")
    return found == encoding or (plain and not found.startswith("utf-16"))


def as_utf_8(sample: Sample, encoding: str) -> Sample:
    """The sample as it is in the UTF-8 copy; its middle and tail begin at a whole character."""
    if encoding == UTF_8:
        return sample
    return Sample(*(_copied(part, encoding) for part in (sample.head, sample.middle, sample.tail)))


def transcode(stream: IO[bytes], into: Path, encoding: str) -> None:
    """Write the text of ``stream`` to the path ``into`` as UTF-8, without a byte order mark, in constant memory.

    Each record keeps its number. Bytes that the encoding has not are written so that no reader takes them for UTF-8.
    """
    codec, errors = _CODECS[encoding]
    decoder = codecs.getincrementaldecoder(codec)(errors)
    is_first = True
    with into.open("wb") as out:
        while block := stream.read(_BLOCK_BYTES):
            text = decoder.decode(block)
            out.write((text.removeprefix("\ufeff") if is_first else text).encode("utf-8", errors))
            is_first = False
        if decoder.getstate()[0]:
            out.write(b"\xff")  # half a character at the end


def _copied(part: bytes, encoding: str) -> bytes:
    codec, errors = _CODECS[encoding]
    text = codecs.getincrementaldecoder(codec)(errors).decode(part)
    return text.removeprefix("\ufeff").encode("utf-8", errors)


def _wide(head: bytes) -> tuple[str, float] | None:
    """UTF-16 without a mark: in text of the west every second byte is a NUL, which no other text has."""
    even, odd = head[::2].count(0), head[1::2].count(0)
    if len(head) < 8 or max(even, odd) < 0.3 * len(head[::2]) or min(even, odd) > 0.05 * len(head):
        return None
    return ("utf-16-le" if odd > even else "utf-16-be"), max(even, odd) / (even + odd)


def _utf_8_characters(part: bytes) -> tuple[int, int]:
    """How many characters beyond ASCII a part has, and bytes that are none; cut ones at its ends do not count."""
    text = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode(_CUT.sub(b"", part, count=1))
    broken = len(re.findall("[\udc80-\udcff]", text))
    return len(re.findall("[^\0-\x7f]", text)) - broken, broken


def _single_byte(data: bytes) -> tuple[str, float] | None:
    """The encoding of one byte a character that a text reads well in, and how sure that is; None if it does not."""
    word = "latin-1" if _NOT_IN_WINDOWS_1252.search(data) else "windows-1252"
    text = data.decode(_CODECS[word][0])
    beyond = len(re.findall("[^\0-\x7f]", text))
    well, lone = (len(pattern.findall(text)) for pattern in (_WELL_READ, _LONE))
    return (word, (well + lone / 2) / beyond) if well + lone >= _SURE * beyond else None
