"""Job C by hand: what somebody who knows SQL does to merge a file into a table, with the rows as they were kept.

``python -m benchmarks.merging FILE TABLE URL`` is the bare path: our engine and binary COPY, then the same statements.
"""

import os
import sys
from pathlib import Path

import duckdb

from benchmarks.bare import plain
from benchmarks.orders import COLUMNS
from benchmarks.paths import Timing, create_table, timed
from chalicelib.postgres.connection import Dsn, connected
from chalicelib.targets.postgres.copy import copy_into
from localcloud.binaries import find_binaries

_OTHERS = [name for name in COLUMNS if name != "id"]


def statements(table: str) -> list[str]:
    """From the changes in the temporary table ``changes`` to the merged table (PostgreSQL 18)."""
    ours, theirs = (", ".join(f"{alias}.{name}" for name in _OTHERS) for alias in "ts")
    sets = ", ".join(f"{name} = s.{name}" for name in _OTHERS)
    return [
        f"CREATE TABLE {table}_before (LIKE {table})",
        (
            f"WITH changed AS (UPDATE {table} AS t SET {sets} FROM changes AS s WHERE t.id = s.id"
            f" AND ({ours}) IS DISTINCT FROM ({theirs}) RETURNING old.*)"
            f" INSERT INTO {table}_before SELECT * FROM changed"
        ),
        f"INSERT INTO {table} SELECT * FROM changes AS s WHERE NOT EXISTS (SELECT FROM {table} AS t WHERE t.id = s.id)",
    ]


def psql_merge(file: Path, table: str, url: str) -> Timing:
    """Let psql copy the file into a temporary table and merge it in one transaction."""
    script = file.with_suffix(".sql")
    copy = f"\\copy changes from '{file}' csv header"
    lines = [
        "BEGIN;",
        f"CREATE TEMP TABLE changes (LIKE {table});",
        copy,
        *(f"{s};" for s in statements(table)),
        "COMMIT;",
    ]
    script.write_text("\n".join(lines) + "\n", encoding="utf-8")
    psql = find_binaries().bin / "psql"
    command = [str(psql), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-f", str(script)]
    return timed(command, dict(os.environ))


def bare_merge(file: Path, table: str, url: str) -> Timing:
    """The same without a single promise of ours but the engine's speed."""
    return timed([sys.executable, "-m", "benchmarks.merging", str(file), table, url], dict(os.environ))


def prepare_plain(table: str, url: str) -> None:
    """A plain table with a primary key on ``id``."""
    with connected(Dsn.parse(url)) as connection:
        connection.run(create_table(table))
        connection.run(f"ALTER TABLE {table} ADD PRIMARY KEY (id)")


def main(file: str, table: str, url: str) -> None:
    """Copy ``file`` into a temporary table and merge it into ``table``."""
    types = ", ".join(f"'{name}': '{kind}'" for name, kind in COLUMNS.items())
    with duckdb.connect(config={"threads": 2, "arrow_lossless_conversion": "true"}) as engine:
        query = f"SELECT * FROM read_csv('{file}', header = true, auto_detect = false, columns = {{{types}}})"
        reader = engine.sql(query).to_arrow_reader(20_000)
        with connected(Dsn.parse(url)) as connection:
            connection.run("BEGIN")
            connection.run(f"CREATE TEMP TABLE changes (LIKE {table})")
            copy_into(connection, "COPY changes FROM STDIN WITH (FORMAT binary)", map(plain, reader))
            for statement in statements(table):
                connection.run(statement)
            connection.run("COMMIT")


if __name__ == "__main__":
    main(*sys.argv[1:])
