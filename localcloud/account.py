"""The operating system account that PostgreSQL runs as: ourselves, or ``nobody`` when we are root.

PostgreSQL refuses to run as root. No account is added and no permission of a foreign folder is changed: what
``nobody`` cannot reach is placed elsewhere by the callers.
"""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from chalicelib.core.errors import Refused

_SHARED_ROOT = Path("/var/lib/etlplus")


class ProcessOwner(TypedDict):
    """The arguments of ``subprocess`` that change the account of a child; all None leave it alone."""

    user: int | None
    group: int | None
    extra_groups: list[int] | None


@dataclass(frozen=True, slots=True)
class Account:
    """Who owns the cluster and runs the server."""

    uid: int
    gid: int
    switch: bool  #: we are root and must become this account in the child

    @classmethod
    def of_server(cls) -> "Account":
        """Return ``nobody`` for root, else the current account.

        Raises:
            Refused: we are root and the machine has no account ``nobody``.
        """
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid(), switch=False)
        try:
            nobody = pwd.getpwnam("nobody")
        except KeyError:
            raise Refused(
                "PostgreSQL does not run as root and this machine has no account nobody: "
                "run as another user, or set DATABASE_URL"
            ) from None
        return cls(nobody.pw_uid, nobody.pw_gid, switch=True)

    @property
    def process_owner(self) -> ProcessOwner:
        """The arguments that make a child of ours run as this account."""
        if not self.switch:
            return {"user": None, "group": None, "extra_groups": None}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        """Give ``path`` to the account when it is not the account of this process."""
        if self.switch:
            os.chown(path, self.uid, self.gid)

    def can_enter(self, folder: Path) -> bool:
        """Tell whether the account may pass ``folder`` and all above it (permission bits, no ACLs)."""
        if not self.switch:
            return True
        real = folder.resolve()
        return all(self._may_pass(part.stat()) for part in (real, *real.parents))

    def _may_pass(self, found: os.stat_result) -> bool:
        """Apply the permission bits of one folder as the kernel does: owner, else group, else others."""
        if found.st_uid == self.uid:
            return bool(found.st_mode & stat.S_IXUSR)
        if found.st_gid == self.gid:
            return bool(found.st_mode & stat.S_IXGRP)
        return bool(found.st_mode & stat.S_IXOTH)


def shared_root() -> Path:
    """Return the folder where root keeps what ``nobody`` must reach and cannot reach where it is.

    Raises:
        Refused: it cannot be made.
    """
    try:
        _SHARED_ROOT.mkdir(exist_ok=True)
        _SHARED_ROOT.chmod(0o755)
    except OSError as error:
        raise Refused(
            f"{_SHARED_ROOT}: cannot be made ({error.strerror}), and nobody, as whom PostgreSQL runs "
            "for root, cannot pass the folders in use: open them (mode o+x), or run as another user"
        ) from error
    return _SHARED_ROOT
