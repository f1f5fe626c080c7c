"""The history of rules: how many records broke each, run by run."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.core.run import iso


@dataclass(frozen=True, slots=True)
class RuleCount:
    """What one run counted under one rule's key (``core.pipeline.rule_keys``).

    ``broken`` are records, or for a rule on the run as a whole 1 if it was broken. ``read`` are the run's records.
    """

    run_id: str
    created_at: datetime
    status: str
    rule: str
    read: int
    broken: int

    @property
    def share(self) -> float | None:
        """The share of the records read that broke the rule, 0 to 1; None if none was read."""
        return self.broken / self.read if self.read else None

    def to_json(self) -> Mapping[str, Any]:
        """The count as people and programs read it."""
        return {
            "run_id": self.run_id,
            "created_at": iso(self.created_at),
            "status": self.status,
            "rule": self.rule,
            "records_read": self.read,
            "records_broken": self.broken,
            "share": self.share,
        }
