"""Rules of record scope: each compiles to conditions over one record's columns."""

from decimal import Decimal, InvalidOperation

from chalicelib.core.errors import InvalidPipeline
from chalicelib.core.pipeline import Expr, In, NotNull
from chalicelib.core.reject import Reason, Severity
from chalicelib.ports import SqlParser
from chalicelib.relations.expression import check_condition, computed_expression
from chalicelib.relations.names import known
from chalicelib.relations.numbers import unfit
from chalicelib.relations.relation import FATE, Broken, Relation, quoted


def compile_not_null(rule: NotNull, relation: Relation, parser: SqlParser, place: str) -> list[Broken]:
    """Each column must have a value. A text that did not fit its type is that column's reason already."""
    del parser
    return [
        Broken(missing(name, relation), Reason("not_null", f"{name} is null", name, Severity(rule.severity)))
        for name in known(rule.columns, relation.names, f"{place}.columns")
    ]


def missing(name: str, relation: Relation) -> str:
    """The condition that ``name`` is NULL, and not merely because its text was refused.

    A column that a step made is not judged in a record that is out already: its NULL may only follow from that.
    """
    column = relation.column(name)
    if column is None or column.fits is None:
        return f"{quoted(name)} IS NULL AND {FATE} IS NULL"
    if column.type_cause is None:
        return f"{quoted(name)} IS NULL"
    return f"{quoted(name)} IS NULL AND NOT coalesce(contains({FATE}, ',{column.type_cause},'), false)"


def compile_in(rule: In, relation: Relation, parser: SqlParser, place: str) -> list[Broken]:
    """The column's value must be one of the listed; NULL is not judged. Numbers are compared as such, else as text.

    Raises:
        InvalidPipeline: with the place, for an unknown column or a value that its type cannot have.
    """
    del parser
    known([rule.column], relation.names, f"{place}.column")
    column = next(column for column in relation.columns if column.name == rule.column)
    shown = [str(value).lower() if isinstance(value, bool) else str(value) for value in rule.values]
    if column.is_number:
        operand = f"CAST({quoted(rule.column)} AS DOUBLE)" if column.is_text else quoted(rule.column)
        listed = ", ".join(_number(value, f"{place}.values") for value in shown)
    else:
        operand = quoted(rule.column) if column.is_text else f"CAST({quoted(rule.column)} AS VARCHAR)"
        listed = ", ".join("'" + value.replace("'", "''") + "'" for value in shown)
    told = ", ".join(shown[:5]) + (", ..." if len(shown) > 5 else "")
    reason = Reason("in", f"{rule.column} is none of {told}", rule.column, Severity(rule.severity))
    return [Broken(f"{operand} NOT IN ({listed})", reason)]


def compile_expr(rule: Expr, relation: Relation, parser: SqlParser, place: str) -> list[Broken]:
    """The condition must not be false, as SQL's CHECK means it; NULL passes, a failing expression does not."""
    condition = computed_expression(rule.sql, relation, parser, f"{place}.sql")
    check_condition(condition, rule.sql, relation, parser, f"{place}.sql")
    reason = Reason("expr", rule.message or f"not: {rule.sql}", None, Severity(rule.severity))
    passes = f"TRY(coalesce(CAST({condition.sql} AS BOOLEAN), true))"  # NULL only where the expression fails
    relation.bind(passes, parser, f"{place}.sql")
    wide = [unfit(name, "expr", Severity(rule.severity)) for name in condition.wide]
    fits = "".join(f" AND NOT coalesce({each.condition}, false)" for each in wide)
    return [*wide, Broken(f"NOT coalesce({passes}, false){fits}", reason)]


def _number(text: str, place: str) -> str:
    try:
        return str(Decimal(text))
    except InvalidOperation as error:
        raise InvalidPipeline(f"{place}: {text!r} is no number, and the column holds numbers; remove it") from error
