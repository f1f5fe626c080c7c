"""The databases that a command works with: the local PostgreSQL, or the ones that were named."""

from collections.abc import Iterator
from contextlib import contextmanager

from chalicelib.bootstrap.local import Places
from chalicelib.postgres.connection import Dsn
from chalicelib.settings import Settings
from localcloud.lease import lease

#: How long the local PostgreSQL stays for somebody who asked for its address.
KEEP_S = 600


@contextmanager
def places(*, target: str | None = None) -> Iterator[Places]:
    """The control plane (``DATABASE_URL`` or the local PostgreSQL) and the target (``target`` or the same)."""
    settings = Settings.read()
    with control_url(settings) as url:
        control = Dsn.parse(url)
        yield Places(control, Dsn.parse(target) if target else control, settings.home / "work")


@contextmanager
def control_url(settings: Settings, *, keep_s: float = 0) -> Iterator[str]:
    """The URL of the control plane's database; the local one runs for the block, and ``keep_s`` seconds from now."""
    if settings.database_url:
        yield settings.database_url
        return
    with lease(settings.home, keep_s=keep_s) as held:
        yield held.dsn
