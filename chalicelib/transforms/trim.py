"""Trim: take white space off both ends of text."""

from chalicelib.core.pipeline import Trim
from chalicelib.ports import SqlParser
from chalicelib.relations.names import known
from chalicelib.relations.relation import Relation, quoted


def compile_trim(step: Trim, relation: Relation, parser: SqlParser, place: str) -> Relation:
    """Trim the named columns, or every text column for ``*``; other types have nothing to trim."""
    del parser
    chosen = relation.names if step.trim == "*" else known(step.trim, relation.names, place)
    outputs = [
        (c, _trimmed(quoted(c.name)) if c.name in chosen and c.is_text else quoted(c.name)) for c in relation.columns
    ]
    return relation.select(outputs)


def _trimmed(text: str) -> str:
    """Look first: most text has nothing to trim, and looking costs half of trimming."""
    has_blanks = f"regexp_matches({text}, '^[ \\t\\r\\n]|[ \\t\\r\\n]$')"
    return f"CASE WHEN {has_blanks} THEN trim({text}, E' \\t\\r\\n') ELSE {text} END"
