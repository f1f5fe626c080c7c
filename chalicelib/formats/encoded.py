"""Encoded text: what the formats that are text decide alike, their encoding."""

from chalicelib.core.errors import Held
from chalicelib.core.plan import Sample
from chalicelib.engine.encoding import as_utf_8, detect, suits
from chalicelib.formats.reader import Glimpse

BOM = b"\xef\xbb\xbf"


def first_text(glimpse: Glimpse, pinned: str | None) -> tuple[Sample, str, float]:
    """A sample of a run's first object in UTF-8, its encoding, and how sure that is, from 0 to 1.

    Raises:
        Held: if there is nothing in it.
    """
    encoding, sure = (pinned, 1.0) if pinned else detect(glimpse.sample())
    sample = as_utf_8(glimpse.sample(), encoding)
    if not sample.head.removeprefix(BOM).strip():
        raise Held(f"{glimpse.uri} is empty: it has no header and no record; nothing was published")
    return sample, encoding, sure


def further_text(glimpse: Glimpse, encoding: str, *, is_pinned: bool) -> Sample:
    """A sample of a further object in UTF-8.

    Raises:
        Held: if it is not in the encoding of the first, unless a document says that it is.
    """
    if not is_pinned and not suits(glimpse.sample(), encoding):
        raise Held(
            f"{glimpse.uri} has another encoding ({detect(glimpse.sample())[0]}) than the first object ({encoding}); "
            "load it by itself, or pin source.format.encoding"
        )
    return as_utf_8(glimpse.sample(), encoding)
