"""Rename: give columns other names."""

from dataclasses import replace

from chalicelib.core.pipeline import Rename
from chalicelib.ports import SqlParser
from chalicelib.relations.names import distinct, known
from chalicelib.relations.relation import Relation, quoted


def compile_rename(step: Rename, relation: Relation, parser: SqlParser, place: str) -> Relation:
    """Rename columns in place, all at once, so two may swap their names.

    Raises:
        InvalidPipeline: if an old name is unknown or a new one is taken.
    """
    del parser
    known(step.rename, relation.names, place)
    renamed = [replace(c, name=step.rename.get(c.name, c.name)) for c in relation.columns]
    distinct([c.name for c in renamed], place)
    return relation.select([(new, quoted(old.name)) for old, new in zip(relation.columns, renamed, strict=True)])
