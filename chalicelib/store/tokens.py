"""Tokens of the API in the control plane: their SHA-256 and nothing else."""

import hashlib

from chalicelib.postgres.statements import statements
from chalicelib.store.plane import Plane

SQL = statements("chalicelib.store", "tokens.sql")


class PostgresTokens:
    """Who may use the API."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane

    def keep(self, name: str, token: str) -> None:
        """Let a token in under a name; one that the name had before is out."""
        with self._plane.connected() as connection:
            connection.run(SQL["keep"], name=name, sha256=_sha256(token))

    def knows(self, token: str) -> str | None:
        """The name of a token, or None.

        The look-up is by hash, so its time says nothing about how near a wrong token is.
        """
        with self._plane.connected() as connection:
            found = connection.one(SQL["knows"], sha256=_sha256(token))
        return found[0] if found else None


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
