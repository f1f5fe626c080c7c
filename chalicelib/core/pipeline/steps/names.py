"""Names: the columns followed through the steps, as far as a document alone tells them."""

from collections.abc import Iterator, Mapping, Sequence

from chalicelib.core.pipeline.base import Fault
from chalicelib.core.pipeline.steps import Aggregate, Derive, Lookup, Pivot, Plugin, Rename, Split, Sql, Step, Unpivot
from chalicelib.core.words import quoted


def rename_faults(columns: Mapping[str, object], steps: Sequence[Step]) -> Iterator[Fault]:
    """Follow the columns' names through the steps: a name that is gone, or taken, cannot be used by a rename.

    After a step that makes other columns the names are not known, so following starts anew.
    """
    present, gone = set(columns), set[str]()
    for position, step in enumerate(steps):
        match step:
            case Rename(rename=names):
                yield from _clashes(names, present, gone, position)
                present = (present - names.keys()) | set(names.values())
                gone = (gone | names.keys()) - set(names.values())
            case Derive(derive=names):
                present, gone = present | names.keys(), gone - names.keys()
            case Lookup(lookup=found):
                present, gone = present | found.taken.keys(), gone - found.taken.keys()
            case Sql() | Aggregate() | Pivot() | Unpivot() | Split() | Plugin():
                present, gone = set(), set()


def _clashes(names: Mapping[str, str], present: set[str], gone: set[str], position: int) -> Iterator[Fault]:
    for old, new in names.items():
        at = ("transforms", position, "rename", old)
        if old in gone:
            yield Fault(f"{quoted(old)} was renamed by an earlier step; use its new name", at)
        elif new in present - names.keys():
            yield Fault(f"{quoted(old)} is renamed to {quoted(new)}, which exists; choose another name", at)
