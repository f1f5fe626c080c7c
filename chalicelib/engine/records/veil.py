"""Veil: the bytes of a record with some of its fields hidden, for rejects of pipelines that mask or hash."""

import csv
from collections.abc import Collection
from io import StringIO

from chalicelib.core.dialect import Dialect

HIDDEN = "***"


def veiled(raw: bytes, dialect: Dialect, fields: int, hidden: Collection[int] | None) -> bytes:
    r"""The record with ``HIDDEN`` in the fields at the positions ``hidden``; nothing if they cannot be told apart.

    ``hidden`` is None where any field might have to be. A record that was cut off, or that has not so many ``fields``,
    shows nothing either.

    >>> veiled(b'1,"a,b",c', Dialect(), 3, {1})
    b'1,***,c'
    """
    if hidden is not None and not hidden:
        return raw
    rows = _rows(raw, dialect)
    if hidden is None or len(rows) != 1 or len(rows[0]) != fields:
        return b""
    shown = [HIDDEN if position in hidden else text for position, text in enumerate(rows[0])]
    out = StringIO(newline="")
    csv.writer(out, lineterminator="", delimiter=dialect.delimiter, quotechar=dialect.quote).writerow(shown)
    return out.getvalue().encode()


def _rows(raw: bytes, dialect: Dialect) -> list[list[str]]:
    text = StringIO(raw.decode("utf-8", "replace"), newline="")
    try:
        return list(csv.reader(text, delimiter=dialect.delimiter, quotechar=dialect.quote))
    except csv.Error:
        return []
