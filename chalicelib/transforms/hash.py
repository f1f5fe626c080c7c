"""Hash: a digest in the place of a value, equal for equal values."""

from chalicelib.core.pipeline import Hash
from chalicelib.ports import SqlParser
from chalicelib.relations.names import known
from chalicelib.relations.relation import Column, Relation, quoted


def compile_hash(step: Hash, relation: Relation, parser: SqlParser, place: str) -> Relation:
    """Replace each value by the SHA-256 of its text in UTF-8, in 64 hexadecimal digits; null stays null."""
    del parser
    chosen = known(step.hash.columns, relation.names, f"{place}.columns")
    return relation.select(
        [
            (Column(c.name, "VARCHAR", "text", c.type_cause), f"sha256(CAST({quoted(c.name)} AS VARCHAR))")
            if c.name in chosen
            else (c, quoted(c.name))
            for c in relation.columns
        ],
    )
