"""Load: the clean records of one batch into the run's staging table."""

from chalicelib.core.manifest import Batch
from chalicelib.core.plan import Plan
from chalicelib.engine.parquet import read_batch
from chalicelib.ports import ObjectStore, Target


def load(plan: Plan, batch: Batch, *, work: ObjectStore, target: Target) -> int:
    """Copy the batch that transform left in the run's folder into staging; return how many records there are.

    One transaction with the batch's marker: a second load replaces the first.
    """
    return target.staging(plan).write(plan, batch, read_batch(work, plan, batch))
