"""The system's clock, and run ids that sort by the time of their making."""

import secrets
import uuid
from datetime import UTC, datetime


class SystemClock:
    """See ``ports.Clock``."""

    def now(self) -> datetime:
        """The time now, in UTC."""
        return datetime.now(UTC)


def new_run_id(at: datetime) -> str:
    """A UUIDv7 (RFC 9562, section 5.7): 48 bits of milliseconds, then random bits."""
    milliseconds = int(at.timestamp() * 1000)
    value = milliseconds << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=value))
