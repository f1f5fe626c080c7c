"""A call: a plugin with the options of one step. What it declares is held against what it does, at every batch."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
from pydantic import BaseModel

from chalicelib.core.errors import InvalidPipeline, PluginFailed
from chalicelib.core.pipeline.base import checked_column
from chalicelib.core.plan import PinnedPlugin
from chalicelib.core.types import ColumnType
from chalicelib.engine.plugins.arrow import NAMES, arrow_type, no_values
from chalicelib.engine.plugins.installed import Installed
from chalicelib.engine.plugins.options import options_of, with_way_out
from chalicelib.engine.plugins.raised import Raised, attempt
from etlplus.plugins import Declaration, Made, Plugin


class Failed(Exception):  # noqa: N818 - a fact about one batch, told by who knows its records
    """A plugin failed on a batch: what happened, and the place of the record that does it, if it is one alone."""

    def __init__(self, what: Raised, place: int | None = None) -> None:
        super().__init__(what.words)
        self.what = what
        self.place = place


@dataclass(frozen=True, slots=True)
class Call:
    """A plugin, ready for records. ``reads`` and ``adds`` are what it declares, as column types."""

    pin: PinnedPlugin
    module: str
    plugin: Plugin[Any]
    options: BaseModel
    reads: Mapping[str, ColumnType]
    adds: Mapping[str, ColumnType]
    reasons: tuple[str, ...]

    @classmethod
    def of(cls, found: Installed, options: Mapping[str, Any], place: str) -> "Call":
        """Load the plugin and bring it together with its options.

        Raises:
            InvalidPipeline: with the place, if it does not take the options.
            PluginFailed: if it does not load, or declares what it cannot.
        """
        plugin, module = found.load(), found.entry.module
        given = options_of(plugin, found, options, place)
        declared, raised = attempt(module, lambda: plugin.declare(given))
        if raised is not None and raised.is_about_values:
            raise InvalidPipeline(with_way_out(f"{place}: {raised.detail}"))
        if raised is not None:
            raise PluginFailed(f"{place}: the plugin {found.pin} raised {raised.whole}")
        wrong = _no_declaration(declared)
        if wrong or declared is None:
            raise PluginFailed(f"{place}: the plugin {found.pin} declares {wrong}")
        _check_names(declared.adds, f"{place}: {found.pin.name} adds")
        try:
            reads, adds = dict(_types(declared.reads, whole=False)), dict(_types(declared.adds, whole=True))
        except ValueError as error:
            raise PluginFailed(f"{place}: the plugin {found.pin} declares {error}") from error
        return cls(found.pin, module, plugin, given, reads, adds, tuple(declared.reasons))

    def make(self, records: pa.RecordBatch) -> Made:
        """Call the plugin on the columns that it reads.

        Raises:
            Failed: if it raises, or does not keep what it declares.
        """
        made, raised = self._called(records)
        if raised is not None:
            raise Failed(replace(raised, words=f"raised {raised.words}"), self._culprit(records))
        wrong = next(self._broken(made, records.num_rows), None)
        if wrong is not None or made is None:
            raise Failed(Raised(wrong or ""))
        return made

    def _called(self, records: pa.RecordBatch) -> tuple[Made | None, Raised | None]:
        return attempt(self.module, lambda: self.plugin.make(self.options, records))

    def _culprit(self, records: pa.RecordBatch) -> int | None:
        """The place of a record on which the plugin fails by itself, found by halving; None if there is no such one."""
        first, size = 0, records.num_rows
        while size > 1:
            half = size // 2
            if self._called(records.slice(first, half))[1] is None:
                first, half = first + half, size - half
            size = half
        alone = size == 1 and self._called(records.slice(first, 1))[1] is not None
        return first if alone else None

    def _broken(self, made: object, size: int) -> Iterator[str]:
        """What in an answer is not as declared, in words that hold no value."""
        if not isinstance(made, Made):
            yield f"returned a {type(made).__name__}, no etlplus.plugins.Made"
            return
        yield from self._unfit_columns(made.columns, size)
        yield from self._unfit_rejects(made.rejected, size)

    def _unfit_columns(self, columns: object, size: int) -> Iterator[str]:
        if not isinstance(columns, Mapping):
            yield f"made columns in a {type(columns).__name__}, no mapping of names to arrays"
            return
        yield from (f"did not make the column {name}" for name in self.adds if name not in columns)
        if columns.keys() - self.adds.keys():
            yield "made a column that it does not declare"
        for name, kind in self.adds.items():
            wrong = _wrong(columns[name], arrow_type(kind), size)
            if wrong:
                yield f"made a column {name} that {wrong}"

    def _unfit_rejects(self, rejected: object, size: int) -> Iterator[str]:
        if not isinstance(rejected, Mapping):
            yield f"rejected a {type(rejected).__name__}, no mapping of places to reasons"
            return
        for place, reason in rejected.items():
            if not hasattr(place, "__index__"):
                yield f"rejected a record by a {type(place).__name__}, no whole number"
            elif not 0 <= place < size:
                yield f"rejected the record at place {place:,} of {size:,}"
            if reason not in self.reasons:
                yield "rejected a record for a reason that it does not declare"


def _no_declaration(declared: object) -> str | None:
    """What is wrong with the form of a declaration; None if it has it."""
    if not isinstance(declared, Declaration):
        return f"a {type(declared).__name__}, no Declaration"
    named = (declared.reads, declared.adds)
    if not all(isinstance(each, Mapping) and _all_text([*each, *each.values()]) for each in named):
        return "columns that are no mapping of names to types"
    is_list = isinstance(declared.reasons, tuple | list) and _all_text(declared.reasons)
    return None if is_list else "reasons that are no tuple of texts"


def _all_text(values: Iterable[object]) -> bool:
    return all(isinstance(value, str) for value in values)


def _check_names(names: Iterable[str], told: str) -> None:
    """See that the added columns have names that a table can have; they may come from the options."""
    for name in names:
        try:
            checked_column(name)
        except ValueError as error:
            raise InvalidPipeline(with_way_out(f"{told} {error}")) from error


def _wrong(values: object, wanted: pa.DataType, size: int) -> str | None:
    if not isinstance(values, pa.Array):
        return f"is a {type(values).__name__}, no pyarrow.Array"
    if values.type != wanted:
        kind = "a nested Arrow type" if pa.types.is_nested(values.type) else f"Arrow type {values.type}"
        return f"is of {kind}, its declared type is {wanted}"
    if len(values) != size:
        return f"has {len(values):,} values for {size:,} records"
    return no_values(values)


def _types(declared: Mapping[str, str], *, whole: bool) -> Iterator[tuple[str, ColumnType]]:
    """The declared types; those of columns that are made must be ``whole``: a numeric has its digits."""
    for name, text in declared.items():
        kind = ColumnType.parse(text)
        if arrow_type(kind) is None and (whole or kind != ColumnType("numeric")):
            raise ValueError(f"{name} as {text}; plugins have {NAMES}")
        yield name, kind
