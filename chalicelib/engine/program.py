"""A program: the SQL of one transform, compiled from the plan's fields and the pipeline's steps and rules.

Its levels, from the inside out: every field as text; each cast to its type, with the reject reasons of rule
``type``; one level or more for each step; the rules; at last every column in the type that the target wants.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from chalicelib.core.drift import MissingColumn
from chalicelib.core.lookup import Pinned
from chalicelib.core.pipeline import Cast, Lookup, Pipeline, Plugin, rule_keys
from chalicelib.core.pipeline.steps.sensitive import hidden_by
from chalicelib.core.plan import DELETED, Field, TargetColumn
from chalicelib.core.reject import Reason, Severity
from chalicelib.core.types import ColumnType
from chalicelib.engine.casts import carrier, cast
from chalicelib.engine.fitting import compile_cast, fit
from chalicelib.engine.gather import Gather, gathered, gathered_by
from chalicelib.engine.lookup import compile_lookup
from chalicelib.engine.plugins.compiling import compile_plugin
from chalicelib.ports import SqlParser
from chalicelib.relations.expression import check_condition, computed_expression
from chalicelib.relations.names import distinct, known
from chalicelib.relations.numbers import fitting
from chalicelib.relations.relation import FATE, Broken, Column, Relation, failed, quoted
from chalicelib.rules import RECORD_RULES
from chalicelib.rules.columns import check_columns
from chalicelib.rules.record import missing
from chalicelib.transforms import STEPS

#: The view of the object's fields as text, named by position.
INPUT = "_etl_input"
WARN = "_etl_warn"


@dataclass(frozen=True, slots=True)
class Program:
    """What the engine runs for a batch, or for all batches of a run together.

    ``gathers`` are tables to fill first, one for each step that sees more than one record or makes some. ``select``
    streams the records with their fate, columns in the target's order; ``causes`` are what the codes in a fate stand
    for. ``hidden`` are columns of ``select`` behind all others: the origin of gathered records, if they have one.
    """

    select: str
    columns: tuple[TargetColumn, ...]
    causes: tuple[Reason, ...]
    gathers: tuple[Gather, ...] = ()
    hidden: tuple[str, ...] = ()


def compile_steps(
    pipeline: Pipeline, fields: tuple[Field, ...], parser: SqlParser, lookups: Sequence[Pinned] = ()
) -> tuple[Relation, tuple[Gather, ...]]:
    """Compile casts, steps and record rules, up to the columns that the steps leave.

    ``lookups`` has what each step ``lookup`` of the pipeline looks up.
    """
    looked_up = {pinned.step: pinned for pinned in lookups}
    relation = _casts(fields, parser)
    gathers: list[Gather] = []
    for i, step in enumerate(pipeline.transforms):
        place = f"transforms[{i}].{step.step}"
        tells = not any(hidden_by(later) for later in pipeline.transforms[i + 1 :])
        compile_gathered = gathered_by(step, parser, place)
        if compile_gathered is not None:
            asked = compile_gathered(step, relation, parser, place)
            relation, gather = gathered(asked, parser, place, len(gathers))
            gathers.append(replace(gather, tells=tells))
        elif isinstance(step, Plugin):
            relation, gather = compile_plugin(step, relation, parser, place, len(gathers))
            gathers.append(replace(gather, tells=tells))
        elif isinstance(step, Cast):
            relation = compile_cast(step, relation, parser, place)
        elif isinstance(step, Lookup):
            relation = compile_lookup(step, relation, looked_up[i], parser, place)
        else:
            relation = STEPS[type(step)](step, relation, parser, place)
    return relation, tuple(gathers)


def compile_program(
    pipeline: Pipeline,
    fields: tuple[Field, ...],
    columns: tuple[TargetColumn, ...],
    parser: SqlParser,
    unwanted: tuple[str, ...] = (),
    *,
    missing: Sequence[MissingColumn] = (),
    lookups: Sequence[Pinned] = (),
) -> Program:
    """Compile the whole program for the columns that the target takes; a value in an ``unwanted`` one is a reject.

    A column that the contract lets be ``missing`` is NULL in every record to whoever judges records; it is not written.

    Raises:
        InvalidPipeline: with the place, for an unknown column, a query that is none, an expression that aggregates.
    """
    relation, gathers = compile_steps(pipeline, fields, parser, lookups)
    relation = _filled(relation, missing)
    check_columns(pipeline, columns, missing)
    broken = [*_record_rules(pipeline, relation, parser), *_table_rules(columns, relation), *_contract_rules(unwanted)]
    relation = relation.reject([b for b in broken if b.reason.severity is not Severity.WARN])
    relation = _fit(relation, columns, parser)
    if pipeline.target.delete_when is not None:
        relation = deleting(pipeline.target.delete_when, relation, parser)
        columns = (*columns, TargetColumn(DELETED, ColumnType("boolean")))
    warn, causes = _warnings(relation, [b for b in broken if b.reason.severity is Severity.WARN])
    outputs = ", ".join([*(quoted(c.name) for c in columns), FATE, f"{warn} AS {WARN}", *relation.hidden])
    return Program(f"SELECT {outputs} FROM {relation.source} AS input", columns, causes, gathers, relation.hidden)


def _filled(relation: Relation, missing_columns: Sequence[MissingColumn]) -> Relation:
    """The relation with NULL in the columns that it has not; the engine takes names that differ in case for one."""
    there = {name.lower() for name in relation.names}
    new = {each.name.lower(): each for each in missing_columns if each.name.lower() not in there}
    if not new:
        return relation
    kinds = [(each.name, carrier(each.judged_as), str(each.judged_as)) for each in new.values()]
    nulls = [(Column(name, kind, fits), f"CAST(NULL AS {kind})") for name, kind, fits in kinds]
    return relation.select([*((column, quoted(column.name)) for column in relation.columns), *nulls])


def deleting(condition: str, relation: Relation, parser: SqlParser) -> Relation:
    """Say of each record whether it takes its key's row away; one for which the condition fails is a reject.

    Raises:
        InvalidPipeline: with the place, if the condition does not compile.
    """
    place = "target.delete_when"
    written = computed_expression(condition, relation, parser, place)
    check_condition(written, condition, relation, parser, place)
    relation = fitting(relation, written.wide, "delete_when")
    holds = f"TRY(coalesce(CAST({written.sql} AS BOOLEAN), false))"  # NULL only if it fails
    relation.bind(holds, parser, place)
    level = relation.select([*((c, quoted(c.name)) for c in relation.columns), (Column(DELETED, "BOOLEAN"), holds)])
    return level.reject([Broken(failed(DELETED), Reason("delete_when", f"{condition} fails for this record"))])


def _casts(fields: tuple[Field, ...], parser: SqlParser) -> Relation:
    distinct([field.name for field in fields], "columns")
    parser.declare(INPUT, [(f"f{i}", "VARCHAR") for i in range(len(fields))])
    texts = [f"f{i} AS t{i}, {cast(field, f'f{i}')} AS v{i}" for i, field in enumerate(fields)]
    source = f"(SELECT {', '.join([*texts, f'NULL::VARCHAR AS {FATE}'])} FROM {INPUT})"
    checked = [i for i, field in enumerate(fields) if cast(field, "t") != "t"]
    codes = {i: code for code, i in enumerate(checked)}
    level = Relation(source, tuple(Column(f"{k}{i}", "VARCHAR") for i in range(len(fields)) for k in "tv"))
    level = level.reject(
        [Broken(f"v{i} IS NULL AND t{i} IS NOT NULL", _type_reason(fields[i])) for i in checked],
    )
    columns = [Column(f.name, carrier(f.type), str(f.type), codes.get(i)) for i, f in enumerate(fields)]
    level = level.select([(column, f"v{i}") for i, column in enumerate(columns)])
    return level.reject(
        [Broken(missing(f.name, level), Reason("not_null", f"{f.name} is null", f.name)) for f in fields if f.required],
    )


def _type_reason(field: Field) -> Reason:
    how = f" as {field.format}" if field.format else ""
    return Reason("type", f"{field.name} is no {field.type}{how}", field.name)


def _record_rules(pipeline: Pipeline, relation: Relation, parser: SqlParser) -> list[Broken]:
    keys = rule_keys(pipeline.rules)
    return [
        replace(broken, reason=replace(broken.reason, place=f"rules[{i}]", name=keys[i]))
        for i, rule in enumerate(pipeline.rules)
        if type(rule) in RECORD_RULES
        for broken in RECORD_RULES[type(rule)](rule, relation, parser, f"rules[{i}].{rule.check}")
    ]


def _table_rules(columns: tuple[TargetColumn, ...], relation: Relation) -> list[Broken]:
    """What the table itself demands, unless the document has demanded it of the field already."""
    demanded = {cause.column for cause in relation.causes if cause.rule == "not_null"}
    return [
        Broken(missing(c.name, relation), Reason("not_null", f"{c.name} is null, the table wants a value", c.name))
        for c in columns
        if c.required and c.name not in demanded
    ]


def _contract_rules(unwanted: tuple[str, ...]) -> list[Broken]:
    """What the contract demands: no value in a column that the table has not."""
    told = {name: f"{name} has a value, the table has no such column" for name in unwanted}
    return [Broken(f"{quoted(name)} IS NOT NULL", Reason("contract", said, name)) for name, said in told.items()]


def _fit(relation: Relation, columns: tuple[TargetColumn, ...], parser: SqlParser) -> Relation:
    """Bring each column into the type that the target wants; a value that does not fit rejects its record."""
    known([column.name for column in columns], relation.names, "target")
    wanted = {column.name: Field(column.name, column.type) for column in columns}
    return fit(relation, wanted, parser, place="target: column ", told="{name} does not fit {type}")


def _warnings(relation: Relation, warned: list[Broken]) -> tuple[str, tuple[Reason, ...]]:
    """The SQL of the codes of the warnings of a record, and the causes with theirs added."""
    if not warned:
        return "NULL::VARCHAR", relation.causes
    first = len(relation.causes)
    codes = [f"CASE WHEN {b.condition} THEN '{first + i},' ELSE '' END" for i, b in enumerate(warned)]
    sql = f"CASE WHEN {FATE} IS NULL THEN nullif(concat({', '.join(codes)}), '') END"
    return sql, (*relation.causes, *(b.reason for b in warned))
