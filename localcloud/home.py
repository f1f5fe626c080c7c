"""The home: the folder (``.etlplus``) that holds what the local PostgreSQL must remember, closed to others.

::

    postgres/            the cluster, when the server's account can reach it here
    postgres.place       else the path of the cluster
    postgres.password    the password of the user etl, made once
    postgres.port        the port, kept for as long as it stays free
    postgres.json        who serves now: port, supervisor, major; exists only while PostgreSQL answers
    postgres.log         the server's log, bounded
    supervisor.log       the supervisor's log, bounded
    supervisor.lock      held by the supervisor
    clients.lock         held, shared, by every client

This module is on the path of every client: it imports nothing heavy.
"""

import json
import os
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from chalicelib.core.errors import Refused
from localcloud.account import Account

DATABASE = "etlplus"
USER = "etl"
EXIT_REFUSED = 2  #: how a supervisor that did not start tells the category of its error
EXIT_UNREACHABLE = 3


@dataclass(frozen=True, slots=True)
class Serving:
    """The content of ``postgres.json``."""

    port: int
    pid: int  #: of the supervisor
    major: int
    durable: bool

    def to_json(self) -> str:
        """Return the text of the file."""
        return json.dumps({"port": self.port, "pid": self.pid, "major": self.major, "durable": self.durable}, indent=2)


class Home:
    """The paths of one home, and how its files are read and written."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.password_file = root / "postgres.password"
        self.port_file = root / "postgres.port"
        self.place_file = root / "postgres.place"
        self.serving_file = root / "postgres.json"
        self.server_log = root / "postgres.log"
        self.supervisor_log = root / "supervisor.log"
        self.supervisor_lock = root / "supervisor.lock"
        self.clients_lock = root / "clients.lock"
        self.kept_file = root / "kept"

    @classmethod
    def at(cls, path: Path) -> "Home":
        """Return the home at ``path``; a new one is created with mode 0700.

        As root a private home becomes 0710 with the group of ``nobody``: the server must pass it.

        Raises:
            Refused: the folder cannot be created, or it belongs to somebody else.
        """
        root = path.resolve()
        try:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise Refused(f"{root}: cannot be created ({error.strerror}): choose another home") from error
        if not os.access(root, os.R_OK | os.W_OK | os.X_OK):
            raise Refused(f"{root}: belongs to user id {root.stat().st_uid}: run as that user, or choose another")
        account = Account.of_server()
        found = root.stat()
        if account.switch and found.st_uid == 0 and not found.st_mode & 0o077:
            os.chown(root, 0, account.gid)
            root.chmod(0o710)
        return cls(root)

    def dsn(self, port: int) -> str:
        """Return the address of the database, password included: never log it."""
        return f"postgresql://{USER}:{self.password()}@127.0.0.1:{port}/{DATABASE}"

    def password(self) -> str:
        """Return the password of the user ``etl``.

        Raises:
            Refused: the file is gone.
        """
        try:
            return self.password_file.read_text("ascii").strip()
        except FileNotFoundError:
            raise Refused(
                f"{self.password_file} is gone, and with it the way into this home's PostgreSQL: put the "
                "file back. The data were not touched"
            ) from None

    def keep(self, seconds: float) -> None:
        """Ask the supervisor to stay for so long from now on, whether or not a client is there."""
        self.kept_file.touch(mode=0o600)
        until = max(time.time() + seconds, self.kept_file.stat().st_mtime)
        os.utime(self.kept_file, (until, until))

    def is_kept(self) -> bool:
        """Whether the time that ``keep`` asked for has not run out; the file's own time says until when."""
        try:
            return self.kept_file.stat().st_mtime > time.time()
        except FileNotFoundError:
            return False

    def serving(self) -> Serving | None:
        """Return who serves, or None when nobody does or the one that did was killed."""
        try:
            found = Serving(**json.loads(self.serving_file.read_text("utf-8")))
        except FileNotFoundError:
            return None
        return found if is_alive(found.pid) else None


def is_alive(pid: int) -> bool:
    """Tell whether a process has this id, under whatever account."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def write_private(path: Path, text: str) -> None:
    """Replace ``path`` by a file of mode 0600 with this text; a crash leaves the old file or the new one."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)


def open_log(path: Path) -> int:
    """Open a log of the home for appending and return its file descriptor."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def bound_log(path: Path, limit_bytes: int) -> None:
    """Keep a log below ``limit_bytes``: past it, its end moves to ``<name>.1`` and the log starts again.

    The file is emptied in place, because its writer keeps it open: for appending, so it goes on at the start.
    """
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return
    if size <= limit_bytes:
        return
    with path.open("r+b") as log:
        log.seek(size - limit_bytes // 4)
        old = log.read()
        log.truncate(0)
    with os.fdopen(os.open(f"{path}.1", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as kept:
        kept.write(old)


def tail(path: Path, lines: int = 12) -> str:
    """Return the last lines of a log, indented for an error message; its absence is told in words."""
    try:
        with path.open(encoding="utf-8", errors="replace") as log:
            last = deque(log, maxlen=lines)
    except FileNotFoundError:
        return f"  ({path} does not exist)"
    return "".join(f"  {line}" for line in last).rstrip() or f"  ({path} is empty)"
