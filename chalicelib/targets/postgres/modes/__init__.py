"""The write modes: how a run's staged records become rows. One file a mode, one function each, all in one transaction.

A mode is given what stands in staging and returns its ``Change``: what became of each record, by the statements' own
row counts, and the hash of the rows that it wrote and took away.
"""

from collections.abc import Callable, Mapping

from chalicelib.targets.postgres.modes.append import append
from chalicelib.targets.postgres.modes.merge import merge
from chalicelib.targets.postgres.modes.replace import replace
from chalicelib.targets.postgres.modes.scd2 import scd2
from chalicelib.targets.postgres.modes.writing import Change, Writing

MODES: Mapping[str, Callable[[Writing], Change]] = {
    "append": append,
    "replace": replace,
    "merge": merge,
    "scd2": scd2,
}

__all__ = ["MODES", "Change", "Writing"]
