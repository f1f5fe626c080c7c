"""Notify: tell people how a run ended. For now it writes the run's end into the log, where alarms can find it."""

from typing import Any

from functions.boundary import Payload, check, logger


def handler(payload: Payload, _context: Any) -> dict[str, Any]:
    """What record returned -> ``{}``."""
    check(payload, "notify", {"run_id": "0198...", "pipeline": "orders", "status": "succeeded"})
    told = {name: payload[name] for name in ("run_id", "pipeline", "status")}
    logger.info("Run of %s: %s", told["pipeline"], told["status"], extra={"action": "run_ended", **told})
    return {}
