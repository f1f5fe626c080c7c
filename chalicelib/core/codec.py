"""The codec: nouns as JSON, as they travel between stages that are processes apart."""

from typing import Any, TypeVar

from pydantic import TypeAdapter

Noun = TypeVar("Noun")


def to_json(noun: object) -> bytes:
    """Write a noun (a frozen dataclass of this package) as JSON."""
    return _adapter(type(noun)).dump_json(noun)


def from_json(kind: type[Noun], document: bytes) -> Noun:
    """Read what ``to_json`` wrote; the result is equal to what was written.

    Raises:
        pydantic.ValidationError: if the document is of another kind.
    """
    noun: Noun = _adapter(kind).validate_json(document)
    return noun


def _adapter(kind: Any) -> "TypeAdapter[Any]":
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


_ADAPTERS: dict[Any, "TypeAdapter[Any]"] = {}
