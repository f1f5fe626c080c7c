"""Swap: a table of the same make takes another's place under its name.

``LIKE ... INCLUDING ALL`` copies columns, defaults, checks, indexes, storage, compression and their comments. What it
leaves out is carried over here: owner, grants, storage parameters of the table and of its TOAST table, statistics
targets and options of columns, foreign keys, comments on the table and on constraints, the clustering, and the names of
the indexes (PostgreSQL makes them in the order of the old ones). A check that was NOT VALID is valid, for each of the
new rows passed it. A table with more than that is not swapped (``catalogue``).
"""

from chalicelib.core.table import TableName
from chalicelib.postgres.connection import Connection
from chalicelib.postgres.identifiers import quote
from chalicelib.postgres.statements import statements
from chalicelib.targets.postgres.catalogue import relation

SQL = statements("chalicelib.targets.postgres.modes", "swap.sql")


class Swap:
    """The swap of ``table`` in the publish ``number`` of a run; all of it in the publish's own transaction."""

    def __init__(self, connection: Connection, table: TableName, run_id: str, number: int) -> None:
        self._connection, self._table = connection, table
        self._beside = "n" + run_id.replace("-", "")
        self._kept = f"kept_{number}"

    @property
    def new(self) -> str:
        """The new table before the swap, as SQL."""
        return f"etl_stage.{quote(self._beside)}"

    def build(self) -> None:
        """Make the new table, empty and of the same make; it is written to the log, as the old one was."""
        self._connection.run(f"CREATE TABLE {self.new} (LIKE {relation(self._table)} INCLUDING ALL)")

    def carry_out(self) -> tuple[str, int]:
        """Give the new table the old one's place; return the old one's new name in ``etl_target`` and its bytes.

        Readers wait from here to COMMIT, which is all that is left to do.
        """
        old = relation(self._table)
        for statement, _ in self._connection.run(SQL["carried"], new=self.new, old=old):
            self._connection.run(statement)
        named = self._connection.run(SQL["named"], old=old)
        self._connection.run(f"LOCK TABLE {old} IN ACCESS EXCLUSIVE MODE")
        names = [row[0] for row in self._connection.run(SQL["indexes"], relation=old)]
        made = [row[0] for row in self._connection.run(SQL["indexes"], relation=self.new)]
        schema = quote(self._table.schema)
        for place, name in enumerate(names, start=1):
            self._connection.run(f"ALTER INDEX {schema}.{quote(name)} RENAME TO {quote(f'{self._kept}_{place}')}")
        self._move(self._table, TableName("etl_target", self._kept))
        self._move(TableName("etl_stage", self._beside), self._table)
        for name, given in zip(names, made, strict=True):
            self._connection.run(f"ALTER INDEX {schema}.{quote(given)} RENAME TO {quote(name)}")
        for (statement,) in named:
            self._connection.run(statement)
        size = self._connection.one("SELECT pg_total_relation_size(:kept)", kept=f"etl_target.{self._kept}")
        return self._kept, int(size[0]) if size else 0

    def _move(self, table: TableName, to: TableName) -> None:
        """Move a table into another schema under another name, by a name that neither schema has."""
        between = TableName(table.schema, f"_etl_{self._beside}")
        self._connection.run(f"ALTER TABLE {relation(table)} RENAME TO {quote(between.name)}")
        self._connection.run(f"ALTER TABLE {relation(between)} SET SCHEMA {quote(to.schema)}")
        moved = relation(TableName(to.schema, between.name))
        self._connection.run(f"ALTER TABLE {moved} RENAME TO {quote(to.name)}")
