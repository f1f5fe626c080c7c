"""Where pydantic's locations lie in the document, and what the pipeline's models expect there.

A location of pydantic also holds the words of tagged unions, which are no keys of the document. Walking the
models' annotations together with the tree tells the two apart, even where a column has the name of a word.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from chalicelib.core.document.tree import Node
from chalicelib.core.document.tree import Place as Position
from chalicelib.core.pipeline import Pipeline
from chalicelib.core.pipeline.base import Model
from chalicelib.core.words import quoted

_TAGS = ("type", "check")  # the keys by which unions are told apart; steps are by their only key
_SIMPLE = re.compile(r"[\w-]+")


@dataclass(frozen=True, slots=True)
class Spot:
    """A place of the document: its dotted name, its value, where its key is, and what should stand there."""

    pointer: str
    node: Node
    key_at: Position
    expected: object

    @property
    def models(self) -> tuple[type[Model], ...]:
        """The models that may stand here: several for a union."""
        return _models(self.expected)

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that are allowed here, if one model is expected."""
        return tuple(self.models[0].model_fields) if len(self.models) == 1 else ()

    @property
    def literals(self) -> tuple[Any, ...]:
        """The values that are allowed here, if they can be listed."""
        return get_args(self.expected) if get_origin(self.expected) is Literal else ()

    def under(self, step: str | int) -> "Spot":
        """The place of a key or position below; the node stays this one if nothing is written there."""
        node = self.node.child(step) or self.node
        key_at = self.node.keys_at.get(str(step), node.at)
        return Spot(_joined(self.pointer, step), node, key_at, _inside(self.expected, step))


def find(location: Iterable[str | int], root: Node) -> Spot:
    """Follow a location of pydantic from the root as far as the document goes."""
    spot = Spot("", root, root.at, Pipeline)
    for step in location:
        if len(spot.models) > 1:
            chosen = next((model for model in spot.models if word_of(model) == step), None)
            spot = Spot(spot.pointer, spot.node, spot.key_at, chosen)
        elif spot.node.child(step) is not None:
            spot = spot.under(step)
        elif len(spot.models) == 1:  # a key that is not written
            spot = Spot(spot.pointer, spot.node, spot.key_at, _inside(spot.expected, step))
    return spot


def word_of(model: type[Model]) -> str:
    """The word by which a union's member is told apart."""
    step: str | None = getattr(model, "step", None)
    if step is not None:
        return step
    return str(next(get_args(model.model_fields[key].annotation)[0] for key in _TAGS if key in model.model_fields))


def tag_of(models: Iterable[type[Model]]) -> str | None:
    """The key that holds the word; None for steps, whose only key is the word."""
    return next((key for key in _TAGS for model in models if key in model.model_fields), None)


def _joined(pointer: str, step: str | int) -> str:
    if isinstance(step, int):
        return f"{pointer}[{step}]"
    name = step if _SIMPLE.fullmatch(step) and len(step) <= 63 else quoted(step)
    return f"{pointer}.{name}" if pointer else name


def _bare(annotation: object) -> object:
    """The annotation without ``Annotated`` and without an optional None."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in {Union, UnionType}:
        members = [each for each in get_args(annotation) if each is not NoneType]
        return _bare(members[0]) if len(members) == 1 else annotation
    return annotation


def _models(annotation: object) -> tuple[type[Model], ...]:
    bare = _bare(annotation)
    members = get_args(bare) if get_origin(bare) in {Union, UnionType} else (bare,)
    return tuple(each for each in map(_bare, members) if isinstance(each, type) and issubclass(each, Model))


def _inside(annotation: object, step: str | int) -> object:
    bare = _bare(annotation)
    if isinstance(bare, type) and issubclass(bare, Model):
        field = bare.model_fields.get(str(step))
        return _bare(field.annotation) if field else None
    arguments = get_args(bare)
    if get_origin(bare) is tuple:
        return _bare(arguments[0])
    return _bare(arguments[-1]) if get_origin(bare) not in {None, Literal, Union, UnionType} else bare
