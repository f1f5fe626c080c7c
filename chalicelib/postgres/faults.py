"""Faults: what PostgreSQL answers, as our three categories, with the server's own words."""

from collections.abc import Iterator
from contextlib import contextmanager

import pg8000.exceptions

from chalicelib.core.errors import EtlError, Fatal, Held, Refused, Retriable, Unreachable
from chalicelib.postgres.connection import RETRIABLE_CLASSES, server_facts

#: SQLSTATE of a lock time-out.
_LOCK_TIMEOUT = "55P03"
#: SQLSTATE of a statement that was cancelled, by a person or by its time limit: to repeat it would not help.
_CANCELLED = "57014"
#: SQLSTATE of a missing value and of a broken check, whose detail is the whole row: contents stay out of errors.
_WHOLE_ROW = ("23502", "23514")
_PERMISSION = "42501"
#: SQLSTATE classes that are the data's fault: a value out of range, a broken constraint, a row too big.
_DATA_CLASSES = ("22", "23", "54")


@contextmanager
def translated(subject: object) -> Iterator[None]:
    """Turn what a connection raises within the block into our errors, about ``subject`` (a table, say)."""
    try:
        yield
    except pg8000.exceptions.DatabaseError as error:
        raise _translation(subject, error) from error
    except pg8000.exceptions.InterfaceError as error:
        raise Unreachable(f"{subject}: the connection to PostgreSQL broke: {error}") from error


def _translation(subject: object, error: pg8000.exceptions.DatabaseError) -> EtlError:
    facts = server_facts(error)
    code, message = facts.get("C", ""), facts.get("M", str(error))
    told = "" if code in _WHOLE_ROW else facts.get("D", "")
    detail = f" ({told})" if told else ""
    if code == _LOCK_TIMEOUT:
        return Retriable(f"{subject} is locked by another session: {message}")
    if code == _CANCELLED:
        return Fatal(
            f"{subject}: the statement was cancelled or took longer than the run's limit; nothing was published"
        )
    if code.startswith(RETRIABLE_CLASSES):
        return Retriable(f"{subject}: PostgreSQL answers {code}: {message}")
    if code.startswith(_DATA_CLASSES):
        return Held(f"{subject} refuses the records: {message}{detail}; nothing was published")
    if code == _PERMISSION:
        return Refused(f"{subject}: {message}; grant this user the right, or use another connection")
    return Fatal(f"{subject}: PostgreSQL answers {code}: {message}{detail}")
