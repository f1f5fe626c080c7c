"""The control plane's database: one session, whose schema is brought up to date before its first use."""

from collections.abc import Iterator
from contextlib import contextmanager

from chalicelib.postgres.connection import Connection, Dsn
from chalicelib.postgres.faults import translated
from chalicelib.postgres.migrate import migrate
from chalicelib.postgres.session import Session


class Plane:
    """What the stores of one process share. For one thread."""

    def __init__(self, dsn: Dsn) -> None:
        self._session = Session(dsn)
        self._is_migrated = False

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        """The connection, for the length of the block.

        Raises:
            Unreachable: if the server does not answer.
        """
        connection = self._session.connection()
        with translated("the control plane"):
            if not self._is_migrated:
                migrate(connection, "chalicelib.store.migrations", schema="etl")
                self._is_migrated = True
            yield connection

    def close(self) -> None:
        """Close the connection."""
        self._session.close()
