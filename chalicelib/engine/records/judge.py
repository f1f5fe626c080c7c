"""Judge one record: is it whole, and if not, what is wrong with it."""

from typing import NamedTuple

from chalicelib.engine.records.marks import BOM, Marks


class Field(NamedTuple):
    """One field of a record."""

    text: bytes
    quoted: bool


class Broken(Exception):  # noqa: N818 - a verdict, caught in this package
    """A record that cannot be read; the message is the reason."""


def judge(raw: bytes, columns: int | None, marks: Marks) -> bytes:
    """Return the record as DuckDB reads it without error, with equal values.

    Reasons count bytes from 1. Without ``columns`` any number of fields will do.

    Raises:
        Broken: The record cannot be read.
    """
    if b"\0" in raw:
        raise Broken("contains a NUL byte")
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        raise Broken(f"is not valid UTF-8 at byte {error.start + 1:,}") from None
    fields = split_fields(raw, marks)
    if columns is not None and len(fields) != columns:
        if len(fields) < columns or any(field.text for field in fields[columns:]):
            raise Broken(_wrong_number(len(fields), columns))
        del fields[columns:]
    return marks.delimiter.join(_write(field, marks) for field in fields)


def split_fields(raw: bytes, marks: Marks) -> list[Field]:
    """Split a record into fields.

    Raises:
        Broken: A quote never closes, or is followed by more than spaces.
    """
    fields, place = [], 0
    doubled, quote = marks.quote * 2, marks.quote
    while True:
        match = marks.strict.match(raw, place)
        stop = raw.find(marks.delimiter, match.end() if match else place)
        stop = len(raw) if stop < 0 else stop
        if not match:
            fields.append(Field(raw[place:stop], quoted=False))
        elif not match[2]:
            raise Broken("opens a quote that never closes")
        elif match.end() < stop:
            raise Broken(f"has text after a closing quote at byte {match.end() + 1:,}")
        else:
            fields.append(Field(match[1].replace(doubled, quote), quoted=True))
        if stop == len(raw):
            return fields
        place = stop + 1


def _write(field: Field, marks: Marks) -> bytes:
    """Write a field so that no reader can mistake it."""
    text, quote = field.text, marks.quote
    if not field.quoted and not (quote in text or b"\r" in text or b"\n" in text or text.startswith(BOM)):
        return text
    return quote + text.replace(quote, quote * 2) + quote


def _wrong_number(fields: int, columns: int) -> str:
    are = "is" if columns == 1 else "are"
    return f"has {fields:,} field{'s' * (fields != 1)}, {columns:,} {are} expected"
