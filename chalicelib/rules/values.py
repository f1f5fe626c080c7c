"""Rules on a record's values: bounds, lengths, patterns and the order of dates, as conditions of the engine's SQL."""

from datetime import datetime
from decimal import Decimal

from chalicelib.core.errors import InvalidPipeline
from chalicelib.core.pipeline import DateOrder, Length, Range, Regex
from chalicelib.core.pipeline.rules import moment
from chalicelib.core.reject import Reason, Severity
from chalicelib.ports import SqlParser
from chalicelib.relations.names import known
from chalicelib.relations.relation import Broken, Column, Relation, quoted

#: The engine's types that have a place in time, and what a bound is cast to.
_MOMENTS = {
    "DATE": "TIMESTAMP",
    "TIMESTAMP": "TIMESTAMP",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ",
}
#: The most digits that a bound of the engine's exact numbers has.
_EXACT_DIGITS = 30


def compile_range(rule: Range, relation: Relation, parser: SqlParser, place: str) -> list[Broken]:
    """The value must lie between the bounds; NULL is not judged.

    Raises:
        InvalidPipeline: with the place, for an unknown column, one of another type, or bounds of another kind.
    """
    del parser
    column = _column(rule.column, relation, f"{place}.column")
    operand = _operand(column, place)
    signs = ("<=", ">=") if rule.exclusive else ("<", ">")
    parts = [
        f"{operand} {sign} {_literal(bound, column, f'{place}.{name}')}"
        for name, bound, sign in zip(("min", "max"), (rule.min, rule.max), signs, strict=True)
        if bound is not None
    ]
    told = f"{rule.column} is not {between(rule.min, rule.max, exclusive=rule.exclusive)}"
    return [Broken(" OR ".join(parts), Reason("range", told, rule.column, Severity(rule.severity)))]


def compile_length(rule: Length, relation: Relation, parser: SqlParser, place: str) -> list[Broken]:
    """The text must have so many characters; NULL is not judged.

    Raises:
        InvalidPipeline: with the place, for an unknown column or one that is no text.
    """
    del parser
    text = _text(rule.column, relation, place)
    parts = [
        f"length({text}) {sign} {bound}" for sign, bound in (("<", rule.min), (">", rule.max)) if bound is not None
    ]
    told = f"the length of {rule.column} is not {between(rule.min, rule.max)}"
    return [Broken(" OR ".join(parts), Reason("length", told, rule.column, Severity(rule.severity)))]


def compile_regex(rule: Regex, relation: Relation, parser: SqlParser, place: str) -> list[Broken]:
    """The text, or a part of it, must match the pattern; NULL is not judged.

    Raises:
        InvalidPipeline: with the place, for an unknown column, one that is no text, or an invalid pattern.
    """
    text = _text(rule.column, relation, place)
    pattern = valid_pattern(rule, parser, place)
    function = "regexp_full_match" if rule.full else "regexp_matches"
    told = f"{rule.column} does not match {rule.pattern}"
    return [Broken(f"NOT {function}({text}, {pattern})", Reason("regex", told, rule.column, Severity(rule.severity)))]


def valid_pattern(rule: Regex, parser: SqlParser, place: str) -> str:
    """Have the engine read the pattern; return it as a literal.

    Raises:
        InvalidPipeline: with the place, if it is no regular expression of RE2's.
    """
    pattern = "'" + rule.pattern.replace("'", "''") + "'"
    try:
        parser.columns(f"SELECT regexp_matches(x, {pattern}) FROM (SELECT 'x' AS x)")
    except InvalidPipeline as error:
        cause = str(error)
    else:
        return pattern
    raise InvalidPipeline(f"{place}.pattern: {cause}; write a regular expression of RE2's syntax")


def compile_date_order(rule: DateOrder, relation: Relation, parser: SqlParser, place: str) -> list[Broken]:
    """The second column must not lie before the first; NULL is not judged.

    Raises:
        InvalidPipeline: with the place, for an unknown column or one that is no date or timestamp.
    """
    del parser
    for position, name in enumerate(rule.columns):
        column = _column(name, relation, f"{place}.columns[{position}]")
        if column.type not in _MOMENTS:
            cause = f"{name} is {_type(column)}, which has no order in time"
            raise InvalidPipeline(f"{place}.columns[{position}]: {cause}; name a date or timestamp, or cast it first")
    start, end = rule.columns
    reason = Reason("date_order", f"{end} is before {start}", end, Severity(rule.severity))
    return [Broken(f"{quoted(end)} < {quoted(start)}", reason)]


def between(least: object, most: object, *, exclusive: bool = False) -> str:
    """The bounds in words.

    >>> between(1, None)
    'at least 1'
    >>> between(1, 5, exclusive=True)
    'above 1 and below 5'
    """
    words = ("above", "below") if exclusive else ("at least", "at most")
    return " and ".join(
        f"{word} {bound}" for word, bound in zip(words, (least, most), strict=True) if bound is not None
    )


def _column(name: str, relation: Relation, place: str) -> Column:
    known([name], relation.names, place)
    return next(column for column in relation.columns if column.name == name)


def _type(column: Column) -> str:
    return column.fits or column.type.lower()


def _text(name: str, relation: Relation, place: str) -> str:
    column = _column(name, relation, f"{place}.column")
    if not column.is_text or column.is_number:
        raise InvalidPipeline(f"{place}.column: {name} is {_type(column)}, no text; name a text, or cast it first")
    return quoted(name)


def _operand(column: Column, place: str) -> str:
    if column.is_number:
        return f"CAST({quoted(column.name)} AS DOUBLE)" if column.is_text else quoted(column.name)
    if column.type in _MOMENTS:
        return f"CAST({quoted(column.name)} AS {_MOMENTS[column.type]})"
    cause = f"{column.name} is {_type(column)}, no number, date or timestamp"
    raise InvalidPipeline(f"{place}.column: {cause}; declare its type, or use length, regex or in")


def _literal(bound: float | str, column: Column, place: str) -> str:
    """The bound as SQL that compares with the column as it is."""
    if isinstance(bound, str) == column.is_number:
        kinds = ("a date, and the column holds numbers", "a number, and the column holds dates")
        raise InvalidPipeline(f"{place}: {bound} is {kinds[not column.is_number]}; write a bound of its kind")
    if not isinstance(bound, str):
        exact = format(Decimal(str(bound)), "f")
        return exact if len(exact) <= _EXACT_DIGITS else f"CAST('{bound}' AS DOUBLE)"
    at: datetime = moment(bound)
    kind = _MOMENTS[column.type]
    if at.tzinfo is not None and kind == "TIMESTAMP":
        raise InvalidPipeline(f"{place}: {bound} has an offset, and {_type(column)} has none; remove it")
    return f"CAST('{at.isoformat(sep=' ')}' AS {kind})"
