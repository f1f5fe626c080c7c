"""Rules of run scope on the run as a whole: each returns a sentence when it is broken."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from chalicelib.core.counts import Counts
from chalicelib.core.pipeline import Freshness, Mean, RejectRatio, RowCount, Sum
from chalicelib.rules.values import between

#: A run without a ``reject_ratio`` rule is held past this share of rejects, from ``DEFAULT_FLOOR`` records on.
DEFAULT_RATIO = 0.1
DEFAULT_FLOOR = 100


def check_row_count(rule: RowCount, counts: Counts) -> str | None:
    """The number of records that reach the table must lie between ``min`` and ``max``."""
    size = counts.produced - counts.late - counts.sifted
    if rule.min is not None and size < rule.min:
        return f"{size:,} records to load, the least is {rule.min:,}"
    if rule.max is not None and size > rule.max:
        return f"{size:,} records to load, the most is {rule.max:,}"
    return None


def check_reject_ratio(rule: RejectRatio, counts: Counts) -> str | None:
    """The share of rejected among read records must not exceed ``max``."""
    rejected, among = turned_away(counts)
    return _ratio(counts, rule.max) if among and rejected / among > rule.max else None


def check_default_ratio(counts: Counts) -> str | None:
    """What holds a run that states no ``reject_ratio``: over 10 % of 100 or more records, or every record."""
    rejected, among = turned_away(counts)
    if rejected and rejected == among:
        return f"all {among:,} records rejected"
    if among >= DEFAULT_FLOOR and rejected / among > DEFAULT_RATIO:
        return f"{_ratio(counts, DEFAULT_RATIO)}; a rule reject_ratio in the pipeline sets another limit"
    return None


def turned_away(counts: Counts) -> tuple[int, int]:
    """How many records were rejected, and of how many.

    Those that publish rejected count with the others, of all that were read. Where a step made other records than it
    got, there are two shares, of the records read and of those made: the greater one counts.
    """
    if counts.kept == counts.produced and not counts.sifted:
        return counts.rejected + counts.late, counts.read
    shares = ((counts.rejected, counts.read), (counts.late, counts.produced - counts.sifted))
    return max(shares, key=lambda share: share[0] / share[1] if share[1] else 0)


def check_freshness(rule: Freshness, measured: str | None) -> str | None:
    """The newest value's age in hours must not exceed ``max_age_hours``."""
    if measured is None:
        return f"the run brings no value of {rule.column}"
    hours = Decimal(measured)
    if hours <= Decimal(str(rule.max_age_hours)):
        return None
    return f"the newest {rule.column} is {hours:,.1f} hours old, the most is {rule.max_age_hours:,}"


def check_sum(rule: Sum, measured: str | None) -> str | None:
    """The sum must lie between ``min`` and ``max``; of no values it is 0."""
    return _outside(f"the sum of {rule.column}", Decimal(measured or 0), rule)


def check_mean(rule: Mean, measured: str | None) -> str | None:
    """The mean must lie between ``min`` and ``max``; without a value there is none, which passes."""
    return None if measured is None else _outside(f"the mean of {rule.column}", Decimal(measured), rule)


RUN_RULES: Mapping[type, Callable[[Any, Counts], str | None]] = {
    RowCount: check_row_count,
    RejectRatio: check_reject_ratio,
}
MEASURED_RULES: Mapping[type, Callable[[Any, str | None], str | None]] = {
    Freshness: check_freshness,
    Sum: check_sum,
    Mean: check_mean,
}


def _outside(what: str, value: Decimal, rule: Sum | Mean) -> str | None:
    holds = not value.is_nan()
    if rule.min is not None:
        holds = holds and value >= Decimal(str(rule.min))
    if rule.max is not None:
        holds = holds and value <= Decimal(str(rule.max))
    return None if holds else f"{what} is {shown(value)}, not {between(rule.min, rule.max)}"


def shown(value: Decimal) -> str:
    """The number with at most six places.

    >>> shown(Decimal("1234.50000000000000"))
    '1,234.500000'
    """
    short = value.is_finite() and int(value.as_tuple().exponent) >= -6
    return f"{value:,f}" if short or not value.is_finite() else f"{value:,.6f}"


def _ratio(counts: Counts, limit: float) -> str:
    rejected, among = turned_away(counts)
    return f"{rejected:,} of {among:,} records rejected, the limit is {limit:.1%}"
