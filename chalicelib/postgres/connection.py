"""Connections to PostgreSQL over pg8000, from a DSN, with errors that never show the password."""

import re
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pg8000.exceptions
import pg8000.native

from chalicelib.core.errors import Fatal, Refused, Retriable, Unreachable

Row = list[Any]
CONNECT_TIMEOUT_S = 10
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
#: SQLSTATE classes that may go away by themselves: connection, serialization, resources, operator intervention.
RETRIABLE_CLASSES = ("08", "40", "53", "57")


@dataclass(frozen=True, slots=True)
class Dsn:
    """Where a database is: ``postgresql://user:password@host:port/database?sslmode=...``."""

    host: str
    port: int
    user: str
    database: str
    password: str | None = field(default=None, repr=False)
    sslmode: str = "prefer"
    sslrootcert: str | None = None
    patience_s: float = 10.0  #: a server that was there and went away (a restart, a failover) is waited for this long
    token: "Callable[[Dsn], str] | None" = field(default=None, repr=False, compare=False)  #: makes a password a connect

    def __str__(self) -> str:
        return f"{self.user}@{self.host}:{self.port}/{self.database}"

    @classmethod
    def parse(cls, text: str) -> "Dsn":
        """Read a ``postgresql://`` URL.

        Raises:
            Refused: if it is no such URL; the message never repeats it, for it may hold a password.
        """
        try:
            url = urlsplit(text)
            port = url.port or 5432
        except ValueError:
            raise Refused("the database URL cannot be read; it looks like postgresql://user@host:5432/db") from None
        if url.scheme not in ("postgresql", "postgres") or not url.hostname:
            raise Refused("the database URL must look like postgresql://user:password@host:5432/database")
        options = {key: values[-1] for key, values in parse_qs(url.query).items()}
        mode = options.get("sslmode", "prefer")
        if mode not in SSL_MODES:
            raise Refused(f"the database URL asks for an unknown sslmode; there are {', '.join(SSL_MODES)}")
        user = unquote(url.username or "postgres")
        return cls(
            host=url.hostname,
            port=port,
            user=user,
            database=unquote(url.path.lstrip("/")) or user,
            password=unquote(url.password) if url.password is not None else None,
            sslmode=mode,
            sslrootcert=options.get("sslrootcert"),
        )


class Connection(pg8000.native.Connection):  # type: ignore[misc]
    """A pg8000 connection that knows when it is of no more use.

    ``broken`` is set by anything but the server's own answer: a network error, an interrupt in mid-COPY. Then client
    and server no longer agree where they are, and nothing but closing is safe.
    """

    broken = False

    def run(self, sql: str, stream: Any = None, types: Any = None, **values: Any) -> Any:
        """Run one statement as pg8000 does.

        Raises:
            DatabaseError: what the server answers; the connection stays usable.
            InterfaceError: if the network fails; the connection is broken.
        """
        try:
            return super().run(sql, stream=stream, types=types, **values)
        except pg8000.exceptions.DatabaseError:
            raise
        except OSError as error:
            self.broken = True
            raise pg8000.exceptions.InterfaceError(f"network error: {error}") from error
        except BaseException:
            self.broken = True
            raise

    def one(self, sql: str, **values: Any) -> Row | None:
        """Return the first row of ``sql``, or None."""
        rows: list[Row] = self.run(sql, **values)
        return rows[0] if rows else None

    @property
    def major(self) -> int:
        """The server's major version."""
        return int(re.split(r"\D", self.parameter_statuses["server_version"], maxsplit=1)[0])

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open and has not failed."""
        return bool(not self.broken and self._transaction_status == b"T")


def connect(dsn: Dsn, *, application: str = "etlplus") -> Connection:
    """Open a connection; the session's time zone is UTC.

    Raises:
        Unreachable: if the server does not answer within 10 seconds or is not ready.
        Refused: if it refuses the user, the password or the database, or cannot give the TLS that was asked for.
    """
    try:
        return _open(dsn, application)
    except pg8000.exceptions.DatabaseError as error:
        raise _refusal(dsn, error) from error
    except ssl.SSLError as error:
        raise Refused(f"PostgreSQL at {dsn} offers TLS that sslmode={dsn.sslmode} does not take: {error}") from error
    except (pg8000.exceptions.InterfaceError, OSError) as error:
        if "refuses SSL" in str(error):
            raise Refused(f"PostgreSQL at {dsn} has no TLS, which sslmode={dsn.sslmode} asks for") from error
        raise Unreachable(f"PostgreSQL at {dsn} does not answer: {error}") from error


def _open(dsn: Dsn, application: str) -> Connection:
    context = _tls(dsn)
    sock = socket.create_connection((dsn.host, dsn.port), timeout=CONNECT_TIMEOUT_S)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(
            user=dsn.user,
            host=dsn.host,
            port=dsn.port,
            database=dsn.database,
            password=(dsn.token(dsn) if dsn.token else dsn.password)
            or "",  # pg8000 fails with an AttributeError when it is asked for one that is None
            sock=sock,
            ssl_context=context,
            application_name=application,
            startup_params={"TimeZone": "UTC"},
        )
    except BaseException:
        sock.close()
        raise
    connection._usock.settimeout(None)  # noqa: SLF001 - with TLS it is another socket than ours
    return connection


def _tls(dsn: Dsn) -> Any:
    """What pg8000 takes: None tries TLS and accepts none, False asks for none, a context insists."""
    if dsn.sslmode in ("disable", "allow"):
        return False
    if dsn.sslmode == "prefer":
        return None if dsn.host not in ("127.0.0.1", "::1", "localhost") else False
    try:
        context = ssl.create_default_context(cafile=dsn.sslrootcert)
    except OSError as error:
        raise Refused(f"the certificates of sslrootcert={dsn.sslrootcert} cannot be read: {error}") from error
    if dsn.sslmode == "require":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif dsn.sslmode == "verify-ca":
        context.check_hostname = False
    return context


def _refusal(dsn: Dsn, error: pg8000.exceptions.DatabaseError) -> Fatal | Retriable:
    facts = server_facts(error)
    text = f"PostgreSQL at {dsn} refuses the connection: {facts.get('M', error)}"
    return Unreachable(text) if facts.get("C", "").startswith(RETRIABLE_CLASSES) else Refused(text)


def server_facts(error: Exception) -> dict[str, str]:
    """The server's error fields by their protocol letter (``C`` SQLSTATE, ``M`` message, ``D`` detail, ...)."""
    facts = error.args[0] if error.args else None
    return facts if isinstance(facts, dict) else {}


@contextmanager
def connected(dsn: Dsn, *, application: str = "etlplus") -> Iterator[Connection]:
    """A connection for a ``with`` block, closed at its end."""
    connection = connect(dsn, application=application)
    try:
        yield connection
    finally:
        close(connection)


def close(connection: Connection) -> None:
    """Close, also when the connection is already dead."""
    buffered = connection._sock  # noqa: SLF001 - pg8000 forgets it unclosed, and the socket stays open as long as it lives
    try:
        connection.close()
    except (pg8000.exceptions.InterfaceError, OSError, ValueError):
        connection.broken = True  # pg8000 has closed the socket all the same
    if buffered is not None:
        with suppress(OSError, ValueError):
            buffered.close()


@contextmanager
def transaction(connection: Connection) -> Iterator[Connection]:
    """BEGIN, then COMMIT at the end of the block, or ROLLBACK when it raises."""
    connection.run("BEGIN")
    try:
        yield connection
    except BaseException:
        _rollback(connection)
        raise
    connection.run("COMMIT")


def _rollback(connection: Connection) -> None:
    """Roll back, or close what cannot: the server then rolls back itself."""
    if not connection.broken:
        with suppress(pg8000.exceptions.Error):
            connection.run("ROLLBACK")
    if connection.broken:
        close(connection)
