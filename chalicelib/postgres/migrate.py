"""Migrations: numbered SQL files, applied in order, once, forward only, under an advisory lock."""

import hashlib
from importlib.resources import files

import pg8000.exceptions

from chalicelib.core.errors import Refused
from chalicelib.postgres.connection import RETRIABLE_CLASSES, Connection, server_facts, transaction
from chalicelib.postgres.identifiers import quote

#: The advisory lock that one migrating session holds; the number is arbitrary and fixed for ever.
LOCK = 7_302_001


def migrate(connection: Connection, package: str, *, schema: str) -> int:
    """Bring the schemas of ``package``'s ``NNN_name.sql`` files up to date; return how many files were applied.

    What was applied stands in ``<schema>.migrations`` with a checksum, so an edited file is noticed.

    Raises:
        Refused: if the user may not create schemas, or an applied file was edited since.
        DatabaseError: if the server refuses for now; waiting may help.
    """
    scripts = sorted((f.name, f.read_text(encoding="utf-8")) for f in files(package).iterdir() if _is_script(f.name))
    try:
        if _current(connection, schema) == {name: _checksum(text) for name, text in scripts}:
            return 0
        with transaction(connection):
            return _apply(connection, schema, scripts)
    except pg8000.exceptions.DatabaseError as error:
        facts = server_facts(error)
        if facts.get("C", "").startswith(RETRIABLE_CLASSES):
            raise
        raise Refused(
            f"the schema {schema} cannot be prepared in this database: {facts.get('M', error)}; grant CREATE on the"
            " database to this user, or let an administrator run the first load",
        ) from error


def _apply(connection: Connection, schema: str, scripts: list[tuple[str, str]]) -> int:
    connection.run("SELECT pg_advisory_xact_lock(:lock)", lock=LOCK)
    connection.run(f"CREATE SCHEMA IF NOT EXISTS {quote(schema)}")
    connection.run(
        f"CREATE TABLE IF NOT EXISTS {quote(schema)}.migrations"
        " (name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())",
    )
    applied = _current(connection, schema) or {}
    pending = [(name, text) for name, text in scripts if name not in applied]
    for name, text in scripts:
        if name in applied and applied[name] != _checksum(text):
            raise Refused(f"migration {name} of schema {schema} was edited after it was applied")
    for name, text in pending:
        for statement in _split(text):
            connection.run(statement)
        connection.run(
            f"INSERT INTO {quote(schema)}.migrations (name, checksum) VALUES (:name, :checksum)",
            name=name,
            checksum=_checksum(text),
        )
    return len(pending)


def _current(connection: Connection, schema: str) -> dict[str, str] | None:
    found = connection.one("SELECT to_regclass(:table) IS NOT NULL", table=f"{quote(schema)}.migrations")
    if not found or not found[0]:
        return None
    return dict(connection.run(f"SELECT name, checksum FROM {quote(schema)}.migrations"))


def _split(text: str) -> list[str]:
    """The statements of a script; our scripts hold no semicolon elsewhere."""
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))
    return [statement.strip() for statement in lines.split(";") if statement.strip()]


def _is_script(name: str) -> bool:
    return name.endswith(".sql") and name[:3].isdigit()


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
