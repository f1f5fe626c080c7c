"""Notify: tell people how a run ended. For now it writes the run's end into the log, where alarms can find it."""

from typing import Any

from functions.boundary import Payload, logger


def handler(payload: Payload, _context: Any) -> dict[str, Any]:
    """What record returned -> ``{}``."""
    told = {name: payload[name] for name in ("run_id", "pipeline", "status")}
    logger.info("Run of %s: %s", told["pipeline"], told["status"], extra={"action": "run_ended", **told})
    return {}
