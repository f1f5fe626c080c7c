"""Load: the clean records of a group of batches into the run's staging table."""

from chalicelib.core.manifest import Batch
from chalicelib.core.plan import Plan
from chalicelib.engine.clean import read_clean
from chalicelib.ports import ObjectStore, Target


def load(plan: Plan, *batches: Batch, work: ObjectStore, target: Target) -> int:
    """Copy the batches that transform left in the run's folder into staging; return how many records there are.

    A group is one transaction with the markers of its batches: a second load replaces the first.
    """
    records = read_clean(work, plan, batches[0].number, len(batches))
    return target.staging(plan).write_group(plan, batches, records)
