"""JSON values as the texts of fields: numbers with their own digits, what is nested as JSON, null as NULL."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from chalicelib.core.pipeline import Format
from chalicelib.core.plan import Field
from chalicelib.core.types import ColumnType
from chalicelib.engine.inference import infer_type
from chalicelib.formats.reader import Look
from chalicelib.formats.spooled import Unreadable

#: Types whose text is JSON.
_JSON = ("json", "jsonb")
_NESTED = ColumnType.parse("jsonb")
_TEXT = ColumnType.parse("text")
#: Types that a JSON string is not taken for: whoever meant them would have left the quotes away.
_UNQUOTED = ("bigint", "numeric", "boolean")


#: So many sampled records are evidence enough, of however many objects they are.
MOST_RECORDS = 10_000


class Number(str):
    """A number as it was written."""

    __slots__ = ()


def parsed(data: bytes) -> object:
    """The value of a JSON text in UTF-8: None, bool, ``Number``, str, list or dict.

    Raises:
        Unreadable: if it is none, by RFC 8259; so are NaN, infinities, and an object that names a key twice.
    """
    try:
        return _DECODER.decode(data.decode())
    except UnicodeDecodeError as error:
        raise Unreadable(f"is not valid UTF-8 at byte {error.start + 1:,}") from None
    except json.JSONDecodeError as error:
        raise Unreadable(f"is no JSON: {error.msg[:1].lower()}{error.msg[1:]} at character {error.pos + 1:,}") from None
    except RecursionError:
        raise Unreadable("is nested too deeply") from None


def splitter(fields: Sequence[Field]) -> Callable[[object], list[str | None]]:
    """What takes a record apart: the texts of its values in the order of ``fields``, NULL for a key that it has not.

    It raises ``Unreadable`` for what is no object, and for one with a key that is none of the fields.
    """
    known = {field.name: field.type.base in _JSON for field in fields}

    def split(record: object) -> list[str | None]:
        if not isinstance(record, dict):
            raise Unreadable("is no JSON object")
        if not known.keys() >= record.keys():
            unknown = next(key for key in record if key not in known)
            raise Unreadable(f"has the key {json.dumps(unknown)}, which is no column; declare it under columns")
        return [_text(record.get(name), as_json=as_json) for name, as_json in known.items()]

    return split


def looked(format_: Format, records: Sequence[Mapping[str, Any]], confidence: Mapping[str, float]) -> Look:
    """The look at objects whose sampled records are these."""
    bare = Look(format_, (), (), has_records=True, is_open=True, confidence=confidence)
    return joined(bare, records)


def joined(look: Look, records: Sequence[Mapping[str, Any]]) -> Look:
    """A look with more sampled records, and the fields that they bring; past ``MOST_RECORDS`` only for new fields."""
    names = tuple(dict.fromkeys([*look.names, *(key for record in records for key in record)]))
    if names == look.names:
        records = records[: max(0, MOST_RECORDS - len(look.records))]
    before = [[*record, *[None] * (len(names) - len(record))] for record in look.records]
    texts = [[_text(record.get(name)) for name in names] for record in records]
    types = dict(look.types)
    for name in names:
        types.update(_stated(name, [record[name] for record in records if record.get(name) is not None], types))
    return replace(look, names=names, records=(*before, *texts), types=types)


def _stated(name: str, values: Iterable[object], before: Mapping[str, ColumnType]) -> Mapping[str, ColumnType]:
    """The type that the values themselves state, where their texts would not tell it."""
    values = list(values)
    if any(isinstance(value, dict | list) for value in values) or before.get(name) == _NESTED:
        return {name: _NESTED}
    strings = [value for value in values if isinstance(value, str) and not isinstance(value, Number)]
    kind = infer_type(strings, ())
    return {name: _TEXT} if kind is not None and kind.base in _UNQUOTED else {}


def _text(value: object, *, as_json: bool = False) -> str | None:
    if value is None:
        return None
    if isinstance(value, str) and not (as_json and type(value) is str):
        return str(value)
    return _json(value)


def _json(value: object) -> str:
    """The value as JSON, without spaces, its numbers as they were written."""
    match value:
        case Number():
            return str(value)
        case dict():
            return "{" + ",".join(f"{json.dumps(key, ensure_ascii=False)}:{_json(v)}" for key, v in value.items()) + "}"
        case list():
            return "[" + ",".join(map(_json, value)) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise Unreadable(f"names the key {json.dumps(twice)} twice")
    return found


def _no_number(word: str) -> None:
    raise Unreadable(f"holds {word}, which is no JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_once, parse_float=Number, parse_int=Number, parse_constant=_no_number, strict=True
)
