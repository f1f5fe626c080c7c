"""Deduplicate: of records that are equal in some columns, one stays."""

from dataclasses import replace

from chalicelib.core.pipeline import Deduplicate
from chalicelib.core.reject import DEDUPLICATE, Reason
from chalicelib.ports import SqlParser
from chalicelib.relations.gathered import AT, Effect, Gathered
from chalicelib.relations.names import known
from chalicelib.relations.numbers import fitting, number, wide
from chalicelib.relations.relation import FATE, Relation, quoted


def gather_deduplicate(step: Deduplicate, relation: Relation, parser: SqlParser, place: str) -> Gathered:
    """Mark all but the first, or the last, of the kept records that are equal in the step's columns.

    They are ordered by the columns of ``order_by``, null lowest, and then as they were read. Records that are out
    already are no one's duplicates.
    """
    del parser
    asked = step.deduplicate
    keys = known(asked.columns, relation.names, f"{place}.columns")
    order = known(asked.order_by or (), relation.names, f"{place}.order_by")
    told = Reason(DEDUPLICATE, f"another record has the same {', '.join(keys)}")
    down = asked.keep == "last"
    seen = {c.name: number(c.name) if c.is_wide else quoted(c.name) for c in relation.columns}
    relation = fitting(relation, [name for name in wide(relation) if name in (*keys, *order)], DEDUPLICATE)
    by = ", ".join(
        f"{sql} {'DESC NULLS LAST' if down else 'ASC NULLS FIRST'}" for sql in [*(seen[name] for name in order), AT]
    )
    equal = ", ".join([f"{FATE} IS NULL", *(seen[name] for name in keys)])
    rank = f"row_number() OVER (PARTITION BY {equal} ORDER BY {by})"
    fate = f"CASE WHEN {FATE} IS NULL AND {rank} > 1 THEN 'f{len(relation.causes)}' ELSE {FATE} END"
    sql = f"SELECT * EXCLUDE ({AT}) REPLACE ({fate} AS {FATE}) FROM input ORDER BY {AT}"
    return Gathered(replace(relation, causes=(*relation.causes, told)), sql, Effect.MARKS)
