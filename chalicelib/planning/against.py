"""Against the table: which type a field gets whose column is there already, and whether the column changes for it."""

from collections.abc import Iterator, Mapping, Sequence

from chalicelib.core.drift import TypeChange
from chalicelib.core.lattice import widens, wider
from chalicelib.core.pipeline import Pipeline, Rename, Trim
from chalicelib.core.plan import TableShape
from chalicelib.core.types import ColumnType
from chalicelib.engine.sampled import fitting

#: Under ``type_change: fail`` a run is held when fewer sampled values than this share fit; single ones are rejects.
FITTING_SHARE = 0.9


class AgainstTable:
    """The types of an existing table's columns, by the names that its fields have before the steps rename them."""

    def __init__(self, names: Sequence[str], pipeline: Pipeline, shape: TableShape | None) -> None:
        self._word = pipeline.target.contract.type_change
        self._there = shape is not None
        self._final = _renamed(names, pipeline)
        self._types = dict(_types(shape)) if shape else {}
        self._names = {column.name for column in shape.columns} if shape else set()
        self._plain = all(isinstance(step, Trim | Rename) for step in pipeline.transforms)
        self.changed: list[TypeChange] = []

    def known(self, name: str) -> ColumnType | None:
        """The type of the field's column in the table, if it has one that we know."""
        return self._types.get(self._final[name])

    def is_left_out(self, name: str) -> bool:
        """Whether nothing of a field is loaded: the table has no such column, and no step can make another of it."""
        return self._there and self._plain and self._final[name] not in self._names

    def inferred(self, name: str, values: Sequence[str], seen: ColumnType | None) -> ColumnType | None:
        """The type of a field that nobody declared, by its sampled values, which are all of the type ``seen``.

        None if the table has no such column; else the table's own type, or a wider one if the contract says ``evolve``.
        A change is remembered in ``changed``.
        """
        before = self.known(name)
        if before is None or seen is None or before == seen:  # the usual table is what its files are
            return before
        fits = fitting(values, before)
        if fits == len(values):
            return before
        after = next((kind for kind in wider(before) if fitting(values, kind) == len(values)), None)
        if after is None or (self._word == "fail" and fits >= FITTING_SHARE * len(values)):
            return before
        self.changed.append(TypeChange(self._final[name], before, after, fits, len(values)))
        return after if self._word == "evolve" else before

    def declared(self, name: str, after: ColumnType) -> None:
        """Remember that the document declares a wider type than the table has, if the contract lets that change it."""
        before = self.known(name)
        if before is not None and self._word == "evolve" and widens(before, after):
            self.changed.append(TypeChange(self._final[name], before, after))


def _renamed(names: Sequence[str], pipeline: Pipeline) -> Mapping[str, str]:
    final = {name: name for name in names}
    for step in pipeline.transforms:
        if isinstance(step, Rename):
            final = {name: step.rename.get(now, now) for name, now in final.items()}
    return final


def _types(shape: TableShape) -> Iterator[tuple[str, ColumnType]]:
    for column in shape.columns:
        try:
            yield column.name, ColumnType.parse(column.type)
        except ValueError:
            continue
