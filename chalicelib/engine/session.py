"""Sessions: DuckDB locked from its first statement that is not ours.

No external access but the paths given, configuration locked, memory and time capped; extensions neither load nor
install. Division by zero is an error of its record, as in PostgreSQL, not infinity.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from chalicelib.core.errors import InvalidPipeline
from chalicelib.relations.relation import quoted

MEMORY_LIMIT = "1GB"
THREADS = 2
#: No statement, with whoever consumes its records, takes longer: the default of ``limits.timeout_minutes``.
TIMEOUT_S = 3_600
_CATEGORY = re.compile(r"^[A-Z]\w*( \w+)* Error: ")
_QUOTED = re.compile(r"""(['"]).*\1""", re.DOTALL)
#: Words of the engine's own that say what is wrong, and with which types; no value of a record is one.
_OWN = re.compile(
    r"\b(?:U?(?:TINY|SMALL|BIG|HUGE)INT|U?INT(?:EGER|8|16|32|64|128)|DECIMAL|FLOAT|DOUBLE|VARCHAR|BOOLEAN|DATE|TIME"
    r"|TIMESTAMP|INTERVAL|UUID|JSON|BLOB|(?:date|time|timestamp)(?= field)"
    r"|out of range|Overflow|Division by zero|More than one row|Malformed JSON|Could not (?:convert|parse) string)\b"
)


@contextmanager
def locked_session(
    *, readable: Sequence[Path] = (), spill: Path | None = None, timeout_s: float = TIMEOUT_S, keeps_sides: bool = False
) -> Iterator[duckdb.DuckDBPyConnection]:
    """An in-memory DuckDB that can read the paths ``readable``, spill into ``spill``, and reach nothing else.

    A statement that takes longer than ``timeout_s`` is interrupted. ``keeps_sides``: the right side of a join is the
    one that is held in memory, for the engine knows no size of an object and may hold the records instead.
    """
    connection = duckdb.connect(
        config={
            "threads": THREADS,
            "memory_limit": MEMORY_LIMIT,
            "temp_directory": str(spill) if spill else "",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
            "arrow_lossless_conversion": "true",
            "python_enable_replacements": "false",
            "python_scan_all_frames": "false",
        },
    )
    try:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET ieee_floating_point_ops = false")
        if keeps_sides:
            connection.execute("SET disabled_optimizers = 'build_side_probe_side'")
        connection.execute(f"SET max_execution_time = {round(timeout_s * 1000)}")
        if readable:
            listed = ", ".join(text_literal(str(path)) for path in readable)
            connection.execute(f"SET allowed_paths = [{listed}]")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        yield connection
    finally:
        connection.close()


def text_literal(value: str) -> str:
    """Return ``value`` as a SQL literal of the engine."""
    return "'" + value.replace("'", "''") + "'"


class Parser:
    """The engine's reading of SQL text, on a locked session of its own; see ``ports.SqlParser``."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._functions: list[tuple[str, str, bool]] | None = None

    def tree(self, sql: str) -> dict[str, Any]:
        """The syntax tree of ``sql``, or an error and its message."""
        answer = self._one("SELECT json_serialize_sql(?)", [sql])
        tree: dict[str, Any] = json.loads(answer)
        return tree

    def text(self, node: dict[str, Any]) -> str:
        """The SQL of one SELECT's tree."""
        document = json.dumps({"error": False, "statements": [{"node": node}]})
        return str(self._one("SELECT json_deserialize_sql(?)", [document]))

    def columns(self, sql: str) -> list[tuple[str, str]]:
        """The names and engine types that ``sql`` returns; nothing is executed.

        Raises:
            InvalidPipeline: with the engine's message, if a name or a function is unknown.
        """
        try:
            rows = self._connection.execute(f"DESCRIBE {sql}").fetchall()
        except duckdb.Error as error:
            raise InvalidPipeline(first_lines(error)) from error
        return [(str(row[0]), str(row[1])) for row in rows]

    def declare(self, table: str, columns: Sequence[tuple[str, str]]) -> None:
        """Make an empty table known, replacing one of that name."""
        listed = ", ".join(f"{quoted(name)} {kind}" for name, kind in columns) or "_etl_nothing BOOLEAN"
        self._connection.execute(f"CREATE OR REPLACE TABLE {quoted(table)} ({listed})")

    def aggregates(self) -> frozenset[str]:
        """The names of all aggregate functions, in lower case."""
        return frozenset(name for name, kind, _ in self._catalogue() if kind == "aggregate")

    def functions(self) -> Mapping[str, bool]:
        """The names of all scalar, aggregate and window functions, in lower case: whether they only compute."""
        found: dict[str, bool] = {}
        for name, _, stable in self._catalogue():
            found[name] = stable and found.get(name, True) and not name.startswith("__internal")
        return found

    def _catalogue(self) -> list[tuple[str, str, bool]]:
        """Name, kind, and whether it is consistent, of each function; asked for once."""
        if self._functions is None:
            rows = self._connection.execute(
                "SELECT DISTINCT lower(function_name), function_type, stability = 'CONSISTENT' FROM duckdb_functions()"
                " WHERE function_type IN ('scalar', 'aggregate', 'window')",
            )
            self._functions = rows.fetchall()
        return self._functions

    def _one(self, sql: str, values: list[str]) -> Any:
        row = self._connection.execute(sql, values).fetchone()
        return row[0] if row else None


@contextmanager
def parser() -> Iterator[Parser]:
    """A parser for a ``with`` block."""
    with locked_session() as connection:
        yield Parser(connection)


def first_lines(error: Exception) -> str:
    """The engine's message without its category and the echo of the statement, which holds our own SQL."""
    lines = [line.strip() for line in str(error).splitlines()]
    told = [line for line in lines if line and not line.startswith(("LINE ", "^"))]
    return _CATEGORY.sub("", "; ".join(told[:2])).replace("!;", ";")


def without_values(error: Exception) -> str:
    """The engine's kind of error and those of its words that are its own, where no value may be told.

    >>> without_values(ValueError("Conversion Error: Could not convert string 'to INT8' to INT32 when casting"))
    'Conversion Error (Could not convert string, INT32)'
    """
    message = str(error).partition("\n")[0]  # what follows echoes statements and values
    kind = _CATEGORY.match(message)
    said = ", ".join(dict.fromkeys(_OWN.findall(_QUOTED.sub("", message))))
    return (kind[0].removesuffix(": ") if kind else type(error).__name__) + (f" ({said})" if said else "")
