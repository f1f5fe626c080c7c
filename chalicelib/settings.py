"""Settings: the one reader of the environment, frozen once read."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from chalicelib.core.errors import Refused


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment decides.

    ``home`` is where local data lives: ``ETLPLUS_HOME``, else the nearest ``.etlplus`` folder upwards of the current
    folder, else ``.etlplus`` in it. ``database_url`` (``DATABASE_URL``) replaces the local PostgreSQL.
    """

    home: Path
    database_url: str | None = field(default=None, repr=False)

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None, *, folder: Path | None = None) -> "Settings":
        """Read the settings from ``environment`` (the process's own by default).

        Raises:
            Refused: naming every setting that is wrong, at once.
        """
        values = os.environ if environment is None else environment
        home = values.get("ETLPLUS_HOME")
        url = values.get("DATABASE_URL") or None
        if url is not None and not url.startswith(("postgresql://", "postgres://")):
            raise Refused("DATABASE_URL must begin with postgresql://")
        return cls(home=Path(home).absolute() if home else _nearest(folder or Path.cwd()), database_url=url)


def _nearest(folder: Path) -> Path:
    found = next((parent for parent in (folder, *folder.parents) if (parent / ".etlplus").is_dir()), folder)
    return found / ".etlplus"
