"""pydantic's errors in plain words: one function for each kind of mistake, chosen by ``_EXPLAIN``."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from chalicelib.core.document.places import Spot, find, tag_of, word_of
from chalicelib.core.document.problem import Problem
from chalicelib.core.document.tree import Node
from chalicelib.core.pipeline.planned import PLANNED
from chalicelib.core.words import nearest, quoted, way_out

_EXPECTED = {
    "string_type": "text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
    "scalar_type": "text, a number, true or false",
    "bound_type": "a number, a date or a timestamp",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "tuple_type": "a list",
}
_SECRET = re.compile(r"passw|pwd|secret|token|(?:access|api|private)_?key", re.IGNORECASE)
_TRUE, _FALSE = {"true", "yes", "on", "y", "t", "1"}, {"false", "no", "off", "n", "f", "0"}


def explain(error: ValidationError, root: Node) -> Iterator[Problem]:
    """All problems that pydantic found in the document whose tree is ``root``."""
    for each in error.errors(include_url=False):
        if each["type"] in _EXPECTED:
            yield _wrong_type(find(each["loc"], root), each)
        else:
            yield from _EXPLAIN.get(each["type"], _anything_else)(each, root)


def _at_value(spot: Spot, message: str, hint: str) -> Problem:
    return Problem(*spot.node.at, spot.pointer, message, hint)


def _at_key(spot: Spot, message: str, hint: str) -> Problem:
    return Problem(*spot.key_at, spot.pointer, message, hint)


def _found(node: Node) -> str:
    match node.value:
        case None:
            return "nothing"
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case str():
            return f"the text {quoted(node.text)}"
        case bool():
            return node.text
        case _:
            return f"the number {node.text}"


def _wrong_type(spot: Spot, error: ErrorDetails) -> Problem:
    expected = _EXPECTED[error["type"]]
    if error["loc"][-1:] == ("[key]",):
        return _at_key(spot, "a key is not text", "write it in quotes")
    return _at_value(spot, f"expected {expected}, found {_found(spot.node)}", _type_hint(expected, spot))


def _type_hint(expected: str, spot: Spot) -> str:
    value, text = spot.node.value, spot.node.text
    if expected == "text" and text:
        return f"write it in quotes: {quoted(text)}"
    if value is None:
        return "write a value or remove the key"
    if expected == "true or false":
        word = text.lower()
        return "write true" if word in _TRUE else "write false" if word in _FALSE else "write true or false"
    if expected == "a list" and not isinstance(value, dict | list):
        return f"write a list: [{text}]"
    if expected == "a mapping":
        return f"allowed keys: {', '.join(spot.keys)}" if spot.keys else "write key: value"
    return f"write {expected} without quotes" if isinstance(value, str) else f"write {expected}"


def _missing(error: ErrorDetails, root: Node) -> Iterator[Problem]:
    key, parent = str(error["loc"][-1]), find(error["loc"][:-1], root)
    written = parent.node.value if isinstance(parent.node.value, dict) else {}
    if not any(other not in parent.keys and nearest(other, parent.keys) == key for other in written):
        yield _at_value(parent.under(key), "this key is required", "add it")


def _unknown_key(error: ErrorDetails, root: Node) -> Iterator[Problem]:
    key, parent = str(error["loc"][-1]), find(error["loc"][:-1], root)
    yield _unknown(parent.under(key), key, parent.keys)


def _unknown(spot: Spot, key: str, allowed: tuple[str, ...]) -> Problem:
    if _generic(spot.pointer) in PLANNED:
        return _at_key(spot, "this key is not there yet", "remove it")
    if _SECRET.search(key):
        return _at_key(spot, "a secret has no place in a document", "remove it, and name a connection, which has it")
    return _at_key(spot, "unknown key", way_out(key, allowed))


def _unknown_word(error: ErrorDetails, root: Node) -> Iterator[Problem]:
    spot = find(error["loc"], root)
    words, tag = tuple(map(word_of, spot.models)), tag_of(spot.models)
    written = str(error["ctx"]["tag"])
    if tag is None:
        yield _at_key(spot.under(written), "unknown step", way_out(written, words))
    else:
        yield _not_allowed(spot.under(tag), words)


def _no_word(error: ErrorDetails, root: Node) -> Iterator[Problem]:
    spot = find(error["loc"], root)
    words, tag = tuple(map(word_of, spot.models)), tag_of(spot.models)
    written = spot.node.value if isinstance(spot.node.value, dict) else {}
    near = next((key for key in written if tag and nearest(key, [tag])), None)
    if tag and near:
        yield _at_key(spot.under(near), "unknown key", f'did you mean "{tag}"?')
    elif tag:
        yield _at_value(spot.under(tag), "this key is required", f"allowed values: {', '.join(words)}")
    elif written:
        cause = f"a step has one key, this one has {len(written)}"
        yield _at_value(spot, cause, f"write each as a step of its own; steps: {', '.join(words)}")
    else:
        yield _at_value(spot, f"expected a step, found {_found(spot.node)}", f"write one of {', '.join(words)}: value")


def _not_literal(error: ErrorDetails, root: Node) -> Iterator[Problem]:
    spot = find(error["loc"], root)
    if spot.pointer.endswith(".trim"):
        yield _at_value(spot, f"{quoted(spot.node.text)} is not allowed", f'write "*" or a list: [{spot.node.text}]')
    else:
        yield _not_allowed(spot, spot.literals)


def _not_allowed(spot: Spot, allowed: tuple[Any, ...]) -> Problem:
    words, value = tuple(map(str, allowed)), spot.node.value
    if isinstance(value, dict | list) or value is None:
        return _at_value(spot, f"expected one word, found {_found(spot.node)}", f"allowed: {', '.join(words)}")
    written = spot.node.text
    if f"{_generic(spot.pointer)}={written}" in PLANNED:
        return _at_value(spot, f"{quoted(written)} is not there yet", f"allowed today: {', '.join(words)}")
    if written in words:  # "1" for 1, or the other way round
        return _at_value(spot, f"expected a number, found {_found(spot.node)}", f"write {written} without quotes")
    return _at_value(spot, f"{quoted(written)} is not allowed", way_out(written, words))


def _own_words(error: ErrorDetails, root: Node) -> Iterator[Problem]:
    spot = find(error["loc"], root)
    cause, _, hint = str(error["ctx"]["error"]).rpartition("; ")
    yield (_at_key if error["loc"][-1] == "[key]" else _at_value)(spot, cause, hint)


def _faults(error: ErrorDetails, root: Node) -> Iterator[Problem]:
    for fault in error["ctx"]["faults"]:
        cause, _, hint = fault.text.rpartition("; ")
        spot = find(error["loc"], root)
        for step in fault.at:
            spot = spot.under(step)
        yield _at_value(spot, cause, hint)


def _too_small(error: ErrorDetails, root: Node) -> Iterator[Problem]:
    spot, least = find(error["loc"], root), error["ctx"]["ge"]
    yield _at_value(spot, f"{spot.node.text} is too small", f"the smallest allowed is {least:g}")


def _not_above(error: ErrorDetails, root: Node) -> Iterator[Problem]:
    spot, least = find(error["loc"], root), error["ctx"]["gt"]
    yield _at_value(spot, f"{spot.node.text} is too small", f"write a number above {least:g}")


def _too_large(error: ErrorDetails, root: Node) -> Iterator[Problem]:
    spot, most = find(error["loc"], root), error["ctx"]["le"]
    yield _at_value(spot, f"{spot.node.text} is too large", f"the largest allowed is {most:g}")


def _too_short(error: ErrorDetails, root: Node) -> Iterator[Problem]:
    spot = find(error["loc"], root)
    if not spot.node.value:  # else every entry is wrong, and told
        yield _at_value(spot, "nothing is listed here", "give at least one, or remove the key")


def _too_long(error: ErrorDetails, root: Node) -> Iterator[Problem]:
    most = error["ctx"]["max_length"]
    yield _at_value(find(error["loc"], root), f"more than {most:,} are listed here", f"keep {most:,} at most")


def _not_finite(error: ErrorDetails, root: Node) -> Iterator[Problem]:
    spot = find(error["loc"], root)
    yield _at_value(spot, f"{spot.node.text} is not a finite number", "write a number")


def _anything_else(error: ErrorDetails, root: Node) -> Iterator[Problem]:
    spot = find(error["loc"], root)
    yield _at_value(spot, f"{_found(spot.node)} is not valid here", "see the JSON Schema: etlplus schema")


def _generic(pointer: str) -> str:
    return re.sub(r"\[\d+\]", "[]", pointer)


_EXPLAIN: Mapping[str, Callable[[ErrorDetails, Node], Iterator[Problem]]] = {
    "missing": _missing,
    "extra_forbidden": _unknown_key,
    "union_tag_invalid": _unknown_word,
    "union_tag_not_found": _no_word,
    "literal_error": _not_literal,
    "value_error": _own_words,
    "faults": _faults,
    "greater_than_equal": _too_small,
    "greater_than": _not_above,
    "less_than_equal": _too_large,
    "too_short": _too_short,
    "too_long": _too_long,
    "finite_number": _not_finite,
}
