"""Settings: the one reader of the environment, frozen once read."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from chalicelib.core.errors import Refused
from chalicelib.core.words import nearest

_CONNECTION = re.compile(r"ETLPLUS_CONNECTION_([A-Z0-9_]+)")
_URL_SCHEMES = ("postgresql://", "postgres://")
_AUTHS = ("password", "iam")
#: How long a database that was there and went away (a restart, a failover) is waited for.
PATIENCE_S = 10.0
#: What a Lambda of extract leaves of its time, for the batch at hand and for what it writes down.
EXTRACT_RESERVE_S = 120.0


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment decides.

    ``home`` is where local data lives: ``ETLPLUS_HOME``, else the nearest ``.etlplus`` folder upwards of the current
    folder, else ``.etlplus`` in it. ``database_url`` (``DATABASE_URL``) replaces the local PostgreSQL; with
    ``DATABASE_AUTH=iam`` its password is an IAM token. ``connections`` are the databases that pipelines name:
    ``ETLPLUS_CONNECTION_WAREHOUSE`` is the URL of the connection ``warehouse``; ``default`` is ``database_url``.
    ``patience_s`` (``DATABASE_PATIENCE_S``) is how long a Lambda waits for a database that was there and went away.
    The others are set where Lambdas run: ``WORK_BUCKET``, ``QUEUE_URL``, ``STATE_MACHINE_ARN``, ``MAX_WORKERS``,
    and ``EXTRACT_RESERVE_S``: extract ends a pass when its Lambda has less time left than this.
    """

    home: Path
    database_url: str | None = field(default=None, repr=False)
    database_auth: str = "password"
    patience_s: float = PATIENCE_S
    connections: Mapping[str, str] = field(default_factory=dict, repr=False)
    work_bucket: str | None = None
    queue_url: str | None = None
    state_machine_arn: str | None = None
    max_workers: int = 1
    extract_reserve_s: float = EXTRACT_RESERVE_S

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None, *, folder: Path | None = None) -> "Settings":
        """Read the settings from ``environment`` (the process's own by default).

        Raises:
            Refused: naming every setting that is wrong, at once.
        """
        values = os.environ if environment is None else environment
        if wrong := tuple(_wrong(values)):
            raise Refused("; ".join(wrong))
        home = values.get("ETLPLUS_HOME")
        named = {found[1].lower(): values[found[0]] for found in map(_CONNECTION.fullmatch, values) if found}
        return cls(
            home=Path(home).absolute() if home else _nearest(folder or Path.cwd()),
            database_url=values.get("DATABASE_URL") or None,
            database_auth=values.get("DATABASE_AUTH") or "password",
            patience_s=float(values.get("DATABASE_PATIENCE_S") or PATIENCE_S),
            connections=named,
            work_bucket=values.get("WORK_BUCKET"),
            queue_url=values.get("QUEUE_URL"),
            state_machine_arn=values.get("STATE_MACHINE_ARN"),
            max_workers=int(values.get("MAX_WORKERS") or 1),
            extract_reserve_s=float(values.get("EXTRACT_RESERVE_S") or EXTRACT_RESERVE_S),
        )

    def needed(self, name: str) -> str:
        """The setting ``name``, which must be there.

        Raises:
            Refused: if it is not.
        """
        value = getattr(self, name)
        if not value:
            raise Refused(f"the setting {name.upper()} is not set in the environment")
        return str(value)

    def databases(self) -> dict[str, str]:
        """The databases as the environment names them, for a process of ours that has none of its own."""
        named = {f"ETLPLUS_CONNECTION_{name.upper()}": url for name, url in self.connections.items()}
        url = {"DATABASE_URL": self.database_url} if self.database_url else {}
        waits = {"DATABASE_PATIENCE_S": str(self.patience_s)} if self.patience_s != PATIENCE_S else {}
        return {**named, **url, **waits}

    def connection(self, name: str) -> str | None:
        """The URL of the connection that a pipeline names; None is the ``default`` one.

        Raises:
            Refused: if nothing says where it leads.
        """
        if name == "default":
            return None
        known = ("default", *sorted(self.connections))
        url = self.connections.get(name.replace("-", "_"))
        if url is None:
            variable = f"ETLPLUS_CONNECTION_{name.replace('-', '_').upper()}"
            near = nearest(name, known)
            hint = f'; did you mean "{near}"?' if near else "."
            raise Refused(
                f'the connection "{name}" leads nowhere{hint} Known connections: {", ".join(known)}. '
                f"To add it, set {variable} to its URL (a cloud reads that when it starts)"
            )
        return url


def _wrong(values: Mapping[str, str]) -> list[str]:
    urls = [name for name in values if name == "DATABASE_URL" or _CONNECTION.fullmatch(name)]
    wrong = [
        f"{name} must begin with postgresql://"
        for name in urls
        if values[name] and not values[name].startswith(_URL_SCHEMES)
    ]
    if (values.get("DATABASE_AUTH") or "password") not in _AUTHS:
        wrong.append(f"DATABASE_AUTH must be one of {', '.join(_AUTHS)}")
    wrong += [
        f"{name} must be a number of seconds, less than 1000"
        for name in ("DATABASE_PATIENCE_S", "EXTRACT_RESERVE_S")
        if not re.fullmatch(r"\d{1,3}(\.\d+)?", values.get(name) or "1")
    ]
    workers = values.get("MAX_WORKERS") or "1"
    if not workers.isdecimal() or not 1 <= int(workers) <= 1000:
        wrong.append("MAX_WORKERS must be a whole number from 1 to 1000")
    return wrong


def _nearest(folder: Path) -> Path:
    found = next((parent for parent in (folder, *folder.parents) if (parent / ".etlplus").is_dir()), folder)
    return found / ".etlplus"
