"""Words of the design that do not work yet, so that an error can say so; whoever builds one removes it here.

A key is written as its place, a value as ``place=value``.
"""

PLANNED = frozenset({
    "alerts",
    "limits.max_usd",
    "source.format.type=json",
    "source.format.type=parquet",
    "source.incremental",
    "triggers[].type=schedule",
})  # fmt: skip
