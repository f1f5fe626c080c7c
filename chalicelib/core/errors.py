"""Errors by who must act: the three categories are what Step Functions retries and what a run's status follows.

::

    EtlError
    ├── Retriable      the same input may succeed later: wait and try again
    │   ├── Unreachable      a database or store does not answer
    │   ├── SourceMoved      an object changed while it was read
    │   ├── StagingLost      a crash emptied the staging table
    │   └── PlanStale        the table or the ledger changed since the plan: make a new one
    ├── Held           the data broke its contract: its owner must look, the table is unchanged
    └── Fatal          we or the definition are wrong: a person must change something
        ├── InvalidPipeline  the document does not say what to do
        ├── NotFound         a name leads nowhere
        ├── Refused          the target or the machine does not allow it
        ├── PluginFailed     a plugin raised, or did not keep what it declares: its author must act
        └── BrokenLaw        the two equations of the law do not hold: a defect of ours

A message states fact, numbers and limit, then the way out: ``orders: 312 of 4,000 records rejected, the limit is
1.0 %``. It never holds a secret.
"""


class EtlError(Exception):
    """Base of all errors that we raise on purpose."""


class Retriable(EtlError):  # noqa: N818 - Step Functions matches these names; they read as categories
    """The same input may succeed later."""


class Held(EtlError):  # noqa: N818
    """The data broke its contract; the table is unchanged."""


class Fatal(EtlError):  # noqa: N818
    """Waiting does not help: a definition, a permission or our code must change."""


class Unreachable(Retriable):
    """A database or an object store does not answer."""


class SourceMoved(Retriable):
    """An object changed between the plan and the last byte read."""


class StagingLost(Retriable):
    """The staging table does not hold what the manifest says."""


class PlanStale(Retriable):
    """What the plan was made for has changed: the run needs a new one."""


class InvalidPipeline(Fatal):
    """The pipeline document is wrong; the message names the place, the cause and the nearest valid word."""


class NotFound(Fatal):
    """A file, run, table or connection that was named does not exist."""


class Refused(Fatal):
    """The target or the machine does not allow what the plan needs."""


class PluginFailed(Fatal):
    """A plugin does not load, raised, or did not keep what it declares; the message names it and its version."""


class BrokenLaw(Fatal):
    """Records in and records out do not add up: nothing was published."""
