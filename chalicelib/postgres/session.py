"""A session: one connection that is opened at its first use, and anew after it broke."""

import time

import pg8000.exceptions

from chalicelib.core.errors import Unreachable
from chalicelib.postgres.connection import Connection, Dsn, close, connect

_PAUSE_S = 0.1


class Session:
    """One connection after the other to one database, never two at once. For one thread."""

    def __init__(self, dsn: Dsn) -> None:
        self._dsn = dsn
        self._open: Connection | None = None

    def connection(self) -> Connection:
        """The open connection, proved to be alive; not to be asked for within a transaction.

        Raises:
            Unreachable: if the server does not answer, or does not come back in time.
            Refused: if it refuses the user, the password or the database.
        """
        if self._open is None:
            self._open = connect(self._dsn)
        elif not _is_alive(self._open):
            self.close()
            self._open = self._reconnected()
        return self._open

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._open is not None:
            close(self._open)
            self._open = None

    def _reconnected(self) -> Connection:
        deadline = time.monotonic() + self._dsn.patience_s
        while True:
            try:
                return connect(self._dsn)
            except Unreachable:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_PAUSE_S)


def _is_alive(connection: Connection) -> bool:
    if connection.broken:
        return False
    try:
        connection.run("SELECT 1")
    except pg8000.exceptions.Error:
        return False
    return True
