"""Rules of run scope that need the run's totals only: each returns a sentence when it is broken."""

from chalicelib.core.counts import Counts
from chalicelib.core.pipeline import RejectRatio, RowCount

#: A run without a ``reject_ratio`` rule is held past this share of rejects, from ``DEFAULT_FLOOR`` records on.
DEFAULT_RATIO = 0.1
DEFAULT_FLOOR = 100


def check_row_count(rule: RowCount, counts: Counts) -> str | None:
    """The number of records produced must lie between ``min`` and ``max``."""
    if rule.min is not None and counts.produced < rule.min:
        return f"{counts.produced:,} records to load, the least is {rule.min:,} (rule row_count)"
    if rule.max is not None and counts.produced > rule.max:
        return f"{counts.produced:,} records to load, the most is {rule.max:,} (rule row_count)"
    return None


def check_reject_ratio(rule: RejectRatio, counts: Counts) -> str | None:
    """The share of rejected among read records must not exceed ``max``."""
    if counts.read and counts.rejected / counts.read > rule.max:
        return _ratio(counts, rule.max)
    return None


def check_default_ratio(counts: Counts) -> str | None:
    """What holds a run that states no ``reject_ratio``: over 10 % of 100 or more records, or every record."""
    if counts.rejected and counts.rejected == counts.read:
        return f"all {counts.read:,} records rejected"
    if counts.read >= DEFAULT_FLOOR and counts.rejected / counts.read > DEFAULT_RATIO:
        return f"{_ratio(counts, DEFAULT_RATIO)}; a rule reject_ratio in the pipeline sets another limit"
    return None


def _ratio(counts: Counts, limit: float) -> str:
    return f"{counts.rejected:,} of {counts.read:,} records rejected, the limit is {limit:.1%}"
