"""Gathered: what a step asks of records that stand in a table, because it sees more than one or makes new ones."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from chalicelib.ports import SqlParser
from chalicelib.relations.relation import Relation


class Effect(Enum):
    """What a query over gathered records does to them, and so which of their columns it reads as ``input``."""

    MARKS = auto()  #: gives each record a fate; reads all of them, with ``FATE``, origin and ``AT``, and returns all
    MULTIPLIES = auto()  #: makes several of each kept record, which keep its origin
    MAKES = auto()  #: makes other records of all that were kept, which have no origin
    COMBINES = auto()  #: the same, and what went in counts as combined


#: The order of the records that a ``MARKS`` query reads: the objects', and within one the records'.
AT = "_etl_at"


@dataclass(frozen=True, slots=True)
class Gathered:
    """A query over records: ``relation`` is what to gather, ``sql`` one SELECT over it as ``input``.

    ``fits`` tells of columns that it returns which PostgreSQL type all their values fit, as in ``Column``.
    """

    relation: Relation
    sql: str
    effect: Effect
    fits: Mapping[str, str | None] = field(default_factory=dict)


#: What compiles a step to its ``Gathered``: the step, the records so far, the parser, the step's place.
Compile = Callable[[Any, Relation, SqlParser, str], Gathered]
