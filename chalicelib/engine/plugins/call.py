"""A call: a plugin with the options of one step. What it declares is held against what it does, at every batch."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

from chalicelib.core.errors import InvalidPipeline, PluginFailed
from chalicelib.core.plan import PinnedPlugin
from chalicelib.core.types import ColumnType
from chalicelib.core.words import quoted, way_out
from chalicelib.engine.plugins.arrow import NAMES, arrow_type, no_values
from chalicelib.engine.plugins.installed import Installed
from chalicelib.engine.plugins.raised import Raised, raised_in
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
        given = _options(plugin, options, place)
        declared, raised = None, None
        try:
            declared = plugin.declare(given)
        except ValueError as error:
            raised = raised_in(error, module)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it raises is the plugin's
            told = raised_in(error, module)
            raise PluginFailed(f"{place}: the plugin {found.pin} raised {told.words}{told.detail}") from None
        if raised is not None:
            raise InvalidPipeline(_with_way_out(f"{place}{raised.detail}"))
        if not isinstance(declared, Declaration):
            raise PluginFailed(f"{place}: the plugin {found.pin} declares a {type(declared).__name__}, no Declaration")
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
            raise Failed(raised, self._culprit(records))
        wrong = next(self._broken(made, records.num_rows), None)
        if wrong is not None or made is None:
            raise Failed(Raised(wrong or "", ""))
        return made

    def _called(self, records: pa.RecordBatch) -> tuple[Made | None, Raised | None]:
        try:
            return self.plugin.make(self.options, records), None
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it raises is the plugin's
            told = raised_in(error, self.module)
            return None, Raised(f"raised {told.words}", told.detail)

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
        if set(made.columns) != set(self.adds):
            yield f"made the columns {_listed(made.columns)}, it declares {_listed(self.adds)}"
            return
        for name, kind in self.adds.items():
            wrong = _wrong(made.columns[name], arrow_type(kind), size)
            if wrong:
                yield f"made a column {name} that {wrong}"
        for place, reason in made.rejected.items():
            if type(place) is not int or not 0 <= place < size:
                yield f"rejected the record at place {place!r} of {size:,}"
            if reason not in self.reasons:
                yield "rejected a record for a reason that it does not declare"


def _wrong(values: object, wanted: pa.DataType, size: int) -> str | None:
    if not isinstance(values, pa.Array):
        return f"is a {type(values).__name__}, no pyarrow.Array"
    if values.type != wanted:
        return f"is of Arrow type {values.type}, its declared type is {wanted}"
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


def _options(plugin: Plugin[Any], options: Mapping[str, Any], place: str) -> BaseModel:
    """The options as the plugin's model reads them.

    They are read as JSON, where a list may be a tuple and a text a date.
    """
    try:
        read: BaseModel = plugin.options.model_validate_json(to_json(dict(options)))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        wrong = first["type"], tuple(map(str, first["loc"])), str(first["msg"])
    else:
        return read
    raise InvalidPipeline(_told(wrong, tuple(plugin.options.model_fields), f"{place}.options"))


def _told(wrong: tuple[str, tuple[str, ...], str], allowed: tuple[str, ...], place: str) -> str:
    kind, keys, message = wrong
    at = ".".join((place, *keys))
    if kind == "extra_forbidden":
        return f"{at}: unknown option; {way_out(keys[-1], allowed) if allowed else 'remove it, there are none'}"
    if kind == "missing":
        return f"{place}: the option {quoted(keys[-1])} is required; add it"
    return _with_way_out(f"{at}: {message.removeprefix('Value error, ')}")


def _with_way_out(told: str) -> str:
    """The words of somebody else, with a way out if they have none."""
    return told if "; " in told else f"{told}; see the plugin's own page"


def _listed(names: Mapping[str, object]) -> str:
    return ", ".join(map(str, names)) or "none"
