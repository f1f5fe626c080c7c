"""Steps: what the transform stage does to records, in order.

In the document a step is a mapping with one key, the step's word. A new step is one class whose one field is
that word (``columns`` and ``lookup`` have those that change columns, ``records`` those that choose or make records,
``plugin`` the one that others write), and one name in ``Step``.
"""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Discriminator, Tag

from chalicelib.core.pipeline.steps.columns import Cast, Derive, Hash, Mask, Rename, Split, Trim
from chalicelib.core.pipeline.steps.lookup import Lookup
from chalicelib.core.pipeline.steps.plugin import Plugin
from chalicelib.core.pipeline.steps.records import Aggregate, Deduplicate, Filter, Pivot, Sql, Unpivot

__all__ = [
    "Aggregate", "Cast", "Deduplicate", "Derive", "Filter", "Hash", "Lookup", "Mask", "Pivot", "Plugin", "Rename",
    "Split", "Sql", "Step", "Trim", "Unpivot", "step_word",
]  # fmt: skip


def step_word(value: object) -> str | None:
    """The word of a step as written or as a model; None if it is not a mapping with one key."""
    if isinstance(value, Mapping) and len(value) == 1:
        return str(next(iter(value)))
    return getattr(value, "step", None)


Step = Annotated[
    Annotated[Trim, Tag("trim")]
    | Annotated[Rename, Tag("rename")]
    | Annotated[Cast, Tag("cast")]
    | Annotated[Derive, Tag("derive")]
    | Annotated[Filter, Tag("filter")]
    | Annotated[Deduplicate, Tag("deduplicate")]
    | Annotated[Split, Tag("split")]
    | Annotated[Lookup, Tag("lookup")]
    | Annotated[Aggregate, Tag("aggregate")]
    | Annotated[Pivot, Tag("pivot")]
    | Annotated[Unpivot, Tag("unpivot")]
    | Annotated[Mask, Tag("mask")]
    | Annotated[Hash, Tag("hash")]
    | Annotated[Sql, Tag("sql")]
    | Annotated[Plugin, Tag("plugin")],
    Discriminator(step_word),
]
