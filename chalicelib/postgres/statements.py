"""Named statements: SQL lives in ``.sql`` files, each statement under a ``-- name:`` line."""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@cache
def statements(package: str, name: str) -> Mapping[str, str]:
    """Return the statements of the file ``name`` in ``package``, by their names.

    Parameters are pg8000's ``:named`` ones.
    """
    parts = _NAME.split(files(package).joinpath(name).read_text(encoding="utf-8"))
    return dict(zip(parts[1::2], (part.strip() for part in parts[2::2]), strict=True))
