"""Text to a tree of values that know where they were written.

YAML 1.2 by its core rules, and so JSON: only ``true``, ``false``, ``null``, ``~`` and numbers are not text;
``on``, ``no`` and ``2024-01-01`` are. A key is text always. Anchors, aliases, tags, a second document, a key
given twice and a number with leading zeros are refused; so is what could be a bomb (over 1 MB, over 50,000
values, nested deeper than 20).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from chalicelib.core.document.problem import Problem
from chalicelib.core.words import quoted

Place = tuple[int, int]  #: 1-based line and column

_MAX_BYTES = 1_000_000
_MAX_DEPTH = 20
_MAX_VALUES = 50_000
_MAX_DIGITS = 100

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+")
_DECIMAL = re.compile(r"[-+]?[0-9]+")
_LINE_BREAK = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)


@dataclass(frozen=True, slots=True)
class Node:
    """A value, where it begins, and (for a scalar) the text it was written as."""

    at: Place
    value: str | float | bool | dict[str, "Node"] | list["Node"] | None
    text: str = ""
    keys_at: dict[str, Place] = field(default_factory=dict)

    def child(self, step: str | int) -> "Node | None":
        """The value under a key or at a position, if there is one."""
        if isinstance(self.value, dict):
            return self.value.get(str(step))
        if isinstance(self.value, list) and isinstance(step, int):
            return self.value[step]
        return None

    def plain(self) -> object:
        """The value without its places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


class _Stop(Exception):  # noqa: N818 - control flow inside this file, never seen outside
    """The text cannot be read any further."""

    def __init__(self, at: Place, message: str, hint: str) -> None:
        super().__init__(message)
        self.problem = Problem(*at, "", message, hint)


def read(text: str) -> tuple[Node | None, list[Problem]]:
    """The tree of the text and the problems of its form; no tree if the text cannot be read to its end."""
    text = text.removeprefix("\ufeff")
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > _MAX_BYTES:
        return None, [Problem(1, 1, "", f"the document has {size:,} bytes, the limit is {_MAX_BYTES:,}", "split it")]
    reader = _Reader(text)
    try:
        return reader.document(), reader.problems
    except _Stop as stop:
        problem = stop.problem
    except ReaderError as error:
        problem = _unprintable(text, error)
    except MarkedYAMLError as error:
        problem = _syntax(error)
    except (YAMLError, ValueError, OverflowError):  # ruamel gives an escape such as \UFFFFFFFF to chr()
        hint = "check the escapes in double quotes"
        problem = Problem(*reader.at, "", "the text is not YAML from near here on", hint)
    return None, [*reader.problems, problem]


class _Reader:
    """Builds the tree from the parser's events; ``at`` is how far it came."""

    def __init__(self, text: str) -> None:
        self.at: Place = (1, 1)
        self.problems: list[Problem] = []
        self._values = 0
        self._events: Iterator[Event] = YAML(typ="safe", pure=True).parse(text)

    def document(self) -> Node:
        """The one document of the text."""
        root: Node | None = None
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                self._begin(event, is_first=root is None)
                root = self._node(self._next(), 1)
        if root is None:
            raise _Stop((1, 1), "the document is empty", "begin with version: 1")
        return root

    def _begin(self, event: DocumentStartEvent, *, is_first: bool) -> None:
        if not is_first:
            raise _Stop(_place(event), "a second document begins here", "keep one document a text")
        if event.version not in {None, (1, 2)} or event.tags:
            raise _Stop(_place(event), "a % directive asks for other rules than YAML 1.2", "remove it")

    def _next(self) -> Event:
        event = next(self._events)
        self.at = _place(event)
        return event

    def _problem(self, message: str, hint: str) -> None:
        self.problems.append(Problem(*self.at, "", message, hint))

    def _node(self, event: Event, depth: int) -> Node:
        at = _place(event)
        if depth > _MAX_DEPTH:
            raise _Stop(at, f"values are nested deeper than {_MAX_DEPTH}", "flatten them")
        self._values += 1
        if self._values > _MAX_VALUES:
            raise _Stop(at, f"the document has more than {_MAX_VALUES:,} values", "shorten its lists")
        self._refuse_references(event)
        if isinstance(event, MappingStartEvent):
            return self._mapping(at, depth)
        if isinstance(event, SequenceStartEvent):
            return self._sequence(at, depth)
        return self._scalar(event) if isinstance(event, ScalarEvent) else Node(at, None, "*")

    def _refuse_references(self, event: Event) -> None:
        if isinstance(event, AliasEvent):
            self._problem("an alias (*) is not allowed", "write the value out")
        elif isinstance(event, NodeEvent) and event.anchor:
            self._problem("an anchor (&) is not allowed", "remove it, and write the value out where it is used")
        if getattr(event, "tag", None):
            self._problem("a tag (!) is not allowed", "remove it; quotes make a text")

    def _sequence(self, at: Place, depth: int) -> Node:
        nodes: list[Node] = []
        while not isinstance(event := self._next(), SequenceEndEvent):
            nodes.append(self._node(event, depth + 1))
        return Node(at, nodes)

    def _mapping(self, at: Place, depth: int) -> Node:
        nodes: dict[str, Node] = {}
        keys_at: dict[str, Place] = {}
        while not isinstance(event := self._next(), MappingEndEvent):
            key, key_at = self._key(event, depth), self.at
            first = keys_at.get(key)
            if first:
                self._problem(f"the key {quoted(key)} is given twice, first in line {first[0]}", "keep one")
            value = self._node(self._next(), depth + 1)
            if not first:
                keys_at[key] = key_at
                nodes[key] = value if value.value is not None or value.text else Node(key_at, None)
        return Node(at, nodes, keys_at=keys_at)

    def _key(self, event: Event, depth: int) -> str:
        self.at = at = _place(event)
        if isinstance(event, ScalarEvent):
            self._refuse_references(event)
            return self._whole(event.value)
        self._node(event, depth + 1)
        self.at = at
        self._problem("a key is not text", "write one word before the colon")
        return ""

    def _scalar(self, event: ScalarEvent) -> Node:
        text = self._whole(event.value)
        if event.style is not None:
            return Node(self.at, text, text)
        if _LEADING_ZERO.fullmatch(text):
            self._problem(f"{quoted(text)[1:-1]} would lose its leading zeros", f"write it in quotes: {quoted(text)}")
            return Node(self.at, text, text)
        if len(text) > _MAX_DIGITS and (_DECIMAL.fullmatch(text) or _BASED.fullmatch(text)):
            self._problem(f"a number has {len(text)} digits, the limit is {_MAX_DIGITS}", "write it in quotes")
            return Node(self.at, text, text)
        return Node(self.at, _resolved(text), text)

    def _whole(self, text: str) -> str:
        r"""The text with the halves of characters that JSON escapes (``\ud83d\ude00``) joined."""
        try:
            return text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            self._problem(f"{quoted(text)} holds half a character", "write the whole character")
            return ""


def _resolved(text: str) -> str | float | bool | None:
    if text in _WORDS:
        return _WORDS[text]
    if _DECIMAL.fullmatch(text):
        return int(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text


def _place(event: Event) -> Place:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _syntax(error: MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    said = ", ".join(" ".join(part.split()) for part in (error.context, error.problem) if part)
    hint = "indent with spaces, not tabs" if r"'\t'" in said else "look here and at the line before"
    return Problem(line, column, "", f"not YAML: {said}", hint)


def _unprintable(text: str, error: ReaderError) -> Problem:
    lines = _LINE_BREAK.split(text[: error.position])
    line, column = len(lines), len(lines[-1]) + 1
    code = error.character if isinstance(error.character, int) else ord(error.character)
    hint = f'remove it, or write it as "\\u{code:04x}" in double quotes'
    return Problem(line, column, "", f"the character U+{code:04X} is not allowed", hint)
