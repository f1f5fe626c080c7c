"""A relation: the SELECT that the steps build up, one level a step, with each record's fate beside its columns.

Records are never dropped in SQL. Each carries a ``FATE``, so that one pass over the stream, in the object's order,
counts them all and numbers them: NULL is kept, ``f3`` was filtered or deduplicated by the step at causes[3], ``,1,4,``
is rejected for causes[1] and causes[4]. Records that were gathered carry their ``ORIGIN`` besides.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from chalicelib.core.reject import Reason
from chalicelib.ports import SqlParser
from chalicelib.relations.binding import bound

FATE = "_etl_fate"
#: What ``bind`` declares: an empty table of a level's columns, which is read faster than all the levels below it.
_LEVEL = "_etl_level"
#: Where a gathered record comes from: its batch's number, and its place in that batch, from 0.
BATCH, PLACE = ORIGIN = ("_etl_batch", "_etl_place")
_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
#: What a numeric that travels as text is where SQL computes with it: 28 digits before the point and 10 after it.
NUMBER = "DECIMAL(38,10)"
#: The engine's types of numbers, DECIMAL(p,s) aside.
NUMBERS = frozenset({"FLOAT", "DOUBLE", *_WHOLE, *("U" + name for name in _WHOLE)})


def quoted(name: str) -> str:
    """Return ``name`` as a quoted identifier of the engine."""
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a relation.

    ``type`` is the engine's. ``fits`` is the PostgreSQL type that all its values are known to fit, if one is;
    ``type_cause`` the cause that tells of a text that did not.
    """

    name: str
    type: str
    fits: str | None = None
    type_cause: int | None = None

    @property
    def is_text(self) -> bool:
        """Whether its values are text."""
        return self.type == "VARCHAR"

    @property
    def is_wide(self) -> bool:
        """Whether its values are numbers that travel as text."""
        return self.is_text and (self.fits or "").startswith("numeric")

    @property
    def is_number(self) -> bool:
        """Whether its values are numbers, if only in text that PostgreSQL will read as numeric."""
        return self.is_wide or self.type in NUMBERS or self.type.startswith("DECIMAL")


@dataclass(frozen=True, slots=True)
class Broken:
    """A condition over a relation's columns that is true for a record that breaks something, and the reason."""

    condition: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Relation:
    """A SELECT under construction. ``source`` can stand in a FROM clause; it has ``FATE`` after its columns.

    ``hidden`` are columns behind the fate that no step sees: the ``ORIGIN`` of gathered records.
    """

    source: str
    columns: tuple[Column, ...]
    causes: tuple[Reason, ...] = ()
    hidden: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names, in order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column | None:
        """The column of that name, or None."""
        return next((column for column in self.columns if column.name == name), None)

    def select(self, outputs: Sequence[tuple[Column, str]], fate: str = FATE) -> "Relation":
        """Put a level on top: each output column with the SQL that computes it, and the fate."""
        parts = [f"{sql} AS {quoted(column.name)}" for column, sql in outputs]
        source = f"(SELECT {', '.join([*parts, f'{fate} AS {FATE}', *self.hidden])} FROM {self.source} AS input)"
        return replace(self, source=source, columns=tuple(column for column, _ in outputs))

    def reject(self, broken: Sequence[Broken]) -> "Relation":
        """Put a level on top that rejects the records for which one of ``broken`` holds; all reasons are kept."""
        if not broken:
            return self
        first = len(self.causes)
        codes = [f"CASE WHEN {b.condition} THEN '{first + i},' ELSE '' END" for i, b in enumerate(broken)]
        holds = " OR ".join(f"({b.condition})" for b in broken)
        open_to_it = f"NOT coalesce(starts_with({FATE}, 'f'), false)"
        told = f"concat(coalesce({FATE}, ','), {', '.join(codes)})"
        fate = f"CASE WHEN ({holds}) AND {open_to_it} THEN {told} ELSE {FATE} END"
        return self.kept_columns(fate, tuple(b.reason for b in broken))

    def kept_columns(self, fate: str, causes: tuple[Reason, ...]) -> "Relation":
        """Put a level on top with the same columns, another fate and more causes."""
        level = self.select([(column, quoted(column.name)) for column in self.columns], fate)
        return replace(level, causes=(*self.causes, *causes))

    def compute(self, computed: Sequence[tuple[str, str, str]], parser: SqlParser) -> "Relation":
        """Put a level on top that adds each (name, SQL, place) as a struct ``{v: value}``, NULL where the SQL fails.

        ``value_of`` and ``failed`` read such a column, whose type is the value's; an expression's failure is one
        record's, never the run's.

        Raises:
            InvalidPipeline: with its place, for an expression that does not fit the columns.
        """
        if not computed:
            return self
        outputs = [(column, quoted(column.name)) for column in self.columns]
        for name, sql, place in computed:
            tried = f"TRY({{'v': {sql}}})"
            ((_, kind),) = self.bind(f"struct_extract({tried}, 'v')", parser, place)
            outputs.append((Column(name, kind), tried))
        return self.select(outputs)

    def bind(self, sql: str, parser: SqlParser, place: str) -> list[tuple[str, str]]:
        """The names and engine types of select items over this relation's columns; the fate is out of their sight.

        Raises:
            InvalidPipeline: with the place, if the engine does not understand them.
        """
        parser.declare(_LEVEL, [(column.name, column.type) for column in self.columns])
        return bound(f"SELECT {sql} FROM {_LEVEL} AS input", self.names, parser, place)


def value_of(name: str) -> str:
    """The SQL of the value that ``Relation.compute`` put under ``name``."""
    return f"struct_extract({quoted(name)}, 'v')"


def failed(name: str) -> str:
    """The SQL condition that is true where the expression under ``name`` failed."""
    return f"{quoted(name)} IS NULL"
