"""Load: the clean records of a batch into the run's staging table."""

from chalicelib.core.manifest import Batch
from chalicelib.core.plan import Plan
from chalicelib.engine.parquet import read_batch
from chalicelib.ports import ObjectStore, Target


def load(plan: Plan, *batches: Batch, work: ObjectStore, target: Target) -> int:
    """Copy the batches that transform left in the run's folder into staging; return how many records there are.

    Each batch is one transaction with its marker: a second load replaces the first.
    """
    staging = target.staging(plan)
    return sum(staging.write(plan, batch, read_batch(work, plan, batch)) for batch in batches)
