"""Mends of S3's keys: any text is one, line breaks and control characters, too.

1. A key may hold line breaks (moto: no route leads to it, 404).
2. A listing of versions encodes keys where it is asked to (moto: as they are, which XML cannot carry).
"""

from typing import Any
from urllib.parse import quote

from moto.core.responses import ActionResult
from moto.moto_server.utilities import RegexConverter
from moto.s3 import responses

_make_converter = RegexConverter.__init__
_serialized = responses.S3Response.serialized
_ENCODED = frozenset(("Key", "Prefix", "Delimiter", "KeyMarker", "NextKeyMarker"))


def apply() -> None:
    """Apply the mends of this module."""
    RegexConverter.__init__ = _over_lines
    responses.S3Response.serialized = _encoded


def _over_lines(self: Any, url_map: Any, *items: str) -> None:
    """Let the dot of a route's pattern stand for a line break, too."""
    _make_converter(self, url_map, *items)
    self.regex = f"(?s:{self.regex})"


def _encoded(self: Any, answer: ActionResult) -> Any:
    is_asked = self.querystring.get("encoding-type", [None])[0] == "url"
    if is_asked and self.data.get("Action") == "ListObjectVersions" and isinstance(answer.result, dict):
        answer = ActionResult({**_quoted(answer.result), "EncodingType": "url"})
    return _serialized(self, answer)


def _quoted(told: dict[str, Any]) -> dict[str, Any]:
    """The same with all that is a key, or a part of one, encoded."""
    return {name: _quoted_value(name, value) for name, value in told.items()}


def _quoted_value(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_quoted(each) if isinstance(each, dict) else each for each in value]
    return quote(value) if name in _ENCODED and isinstance(value, str) else value
