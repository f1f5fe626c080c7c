"""The cluster: the data directory on disk, made once and served by one process at a time.

Rule 1: a cluster is complete or absent: initdb works in a folder of another name, renamed at the end.
Rule 2: nothing here deletes or changes a cluster that exists; what does not fit is refused with its reason.
Rule 3: who starts a server holds the lock on the place, so a process found in it has lost its master.
"""

import hashlib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from chalicelib.core.errors import Refused, Unreachable
from localcloud.account import Account, shared_root
from localcloud.binaries import Binaries
from localcloud.children import ENVIRONMENT, die_with_parent
from localcloud.home import USER, Home, is_alive, write_private
from localcloud.locks import FileLock

_INITDB_TIMEOUT_S = 120
_LEFTOVER_TIMEOUT_S = 10


def find_place(home: Home, account: Account) -> Path:
    """Return the folder of this home's cluster: in the home, or outside if the account cannot pass the home.

    The place outside has a random part: a home that is deleted and made anew never meets the old data.

    Raises:
        Refused: the place that the home remembers is gone.
    """
    if home.place_file.exists():
        remembered = Path(home.place_file.read_text("utf-8").strip())
        if not remembered.is_dir():
            raise Refused(
                f"{remembered}, which held the data of {home.root}, is gone: put it back, "
                f"or remove {home.place_file} to begin with an empty PostgreSQL"
            )
        return remembered
    inside = home.root / "postgres"
    if inside.is_dir() or account.can_enter(home.root):
        return _made(inside, account)
    key = hashlib.sha256(str(home.root).encode()).hexdigest()[:16]
    outside = _made(shared_root() / f"{key}-{secrets.token_hex(4)}", account)
    write_private(home.place_file, str(outside))
    return outside


def _made(place: Path, account: Account) -> Path:
    """Return ``place``, made for the account alone when it does not exist."""
    if not place.is_dir():
        place.mkdir(mode=0o700)
        account.own(place)
    return place


def existing_major(home: Home) -> int | None:
    """Return the major version of the home's cluster, or None when there is none yet."""
    outside = home.place_file
    place = Path(outside.read_text("utf-8").strip()) if outside.exists() else home.root / "postgres"
    version = place / "data" / "PG_VERSION"
    return int(version.read_text("ascii")) if version.exists() else None


class Cluster:
    """The data of one home, for one version of PostgreSQL."""

    def __init__(self, home: Home, binaries: Binaries, *, durable: bool = True) -> None:
        self._home = home
        self._binaries = binaries
        self._durable = durable
        self.account = Account.of_server()
        self.place = find_place(home, self.account)
        self.data = self.place / "data"

    def claim(self) -> FileLock:
        """Return the lock that makes this process the only one that may serve the cluster.

        Raises:
            Refused: another process serves it.
        """
        lock = FileLock(self.place)
        if not lock.try_exclusive():
            lock.close()
            raise Refused(f"{self.place}: another process serves this cluster")
        return lock

    def prepare(self) -> None:
        """Make the cluster when there is none, and make sure that a server can start in it.

        Raises:
            Refused: the cluster has another major version, or belongs to another account.
            Unreachable: processes of an earlier server do not end.
        """
        if self.data.is_dir():
            self._check_fit()
        self._check_reach()
        self._end_leftovers()
        for unfinished in self.place.glob("new-*"):  # of an initdb that was killed
            shutil.rmtree(unfinished, ignore_errors=True)
        if not self.data.is_dir():
            self._initialise()

    def _check_reach(self) -> None:
        """Refuse folders that the account cannot pass, before PostgreSQL says it in other words."""
        for needed in (self.place, self._binaries.bin):
            if not self.account.can_enter(needed):
                raise Refused(
                    f"{needed}: nobody, as whom PostgreSQL runs for root, cannot pass this folder or one "
                    "above it: open them (mode o+x), or run as another user. The data were not touched"
                )

    def _check_fit(self) -> None:
        """Refuse a cluster of another major version or of another account."""
        major = int((self.data / "PG_VERSION").read_text("ascii"))
        if major != self._binaries.major:
            raise Refused(
                f"{self.data} is of PostgreSQL {major}, the programs in {self._binaries.bin} are of "
                f"PostgreSQL {self._binaries.major}: start it with {major}, or dump it with {major} and "
                "load it into a new home. The data were not touched"
            )
        owner = self.data.stat().st_uid
        if owner != self.account.uid:
            raise Refused(
                f"{self.data} belongs to user id {owner}, the server would run as user id "
                f"{self.account.uid}: start it as the user who made it. The data were not touched"
            )

    def _initialise(self) -> None:
        """Run initdb beside the final place, then rename; the password is on disk before its cluster."""
        if not self._home.password_file.exists():
            write_private(self._home.password_file, secrets.token_urlsafe(24))
        new = Path(tempfile.mkdtemp(prefix="new-", dir=self.place))
        self.account.own(new)
        password = new / "password"
        write_private(password, self._home.password())
        self.account.own(password)
        self._run_initdb(new / "data", password)
        (new / "data").rename(self.data)
        shutil.rmtree(new)
        if self._durable:
            _sync_folder(self.place)

    def _run_initdb(self, data: Path, password: Path) -> None:
        """Run initdb as the account of the server, which alone can read its copy of the password."""
        command: list[str | Path] = [
            self._binaries.bin / "initdb",
            "-D",
            data,
            "-U",
            USER,
            "-A",
            "scram-sha-256",
        ]
        command += ["--pwfile", password, "-E", "UTF8", "--locale=C.UTF-8", "--no-instructions"]
        if not self._durable:
            command.append("--no-sync")
        try:
            subprocess.run(  # noqa: S603 - our own arguments, no shell
                command,
                check=True,
                cwd=data.parent,
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=_INITDB_TIMEOUT_S,
                preexec_fn=die_with_parent(signal.SIGKILL),
                **self.account.process_owner,
            )
        except subprocess.CalledProcessError as error:
            said = "\n".join(f"  {line}" for line in str(error.output).splitlines()[-8:])
            raise Refused(f"initdb in {self.place} ended with code {error.returncode}:\n{said}") from error
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Refused(f"initdb in {self.place} did not run: {error}") from error

    def _end_leftovers(self) -> None:
        """End what an earlier server left behind; drop its pid file if the id now names another process.

        An immediate shutdown loses nothing that was committed: the next start replays the log.
        """
        for kind in (signal.SIGQUIT, signal.SIGKILL):
            for pid in self._processes():
                _send(pid, kind)
            deadline = time.monotonic() + _LEFTOVER_TIMEOUT_S
            while self._processes() and time.monotonic() < deadline:
                time.sleep(0.01)
        if self._processes():
            raise Unreachable(f"{self.data}: processes of an earlier server do not end: {self._processes()}")
        recorded = self._recorded_pid()
        if recorded is not None and is_alive(recorded):
            (self.data / "postmaster.pid").unlink()

    def _processes(self) -> list[int]:
        """Return the ids of the live server processes of this cluster; they work in folders of the place."""
        proc = Path("/proc")
        if (proc / "self" / "cwd").exists():
            return [int(entry.name) for entry in proc.iterdir() if entry.name.isdigit() and self._works_here(entry)]
        recorded = self._recorded_pid()
        if recorded is None:
            return []
        told = subprocess.run(  # noqa: S603 - a fixed program, no shell
            ["/bin/ps", "-p", str(recorded), "-o", "command="], capture_output=True, text=True, check=False
        ).stdout
        return [recorded] if str(self.data) in told else []

    def _works_here(self, entry: Path) -> bool:
        """Tell whether a process of ``/proc`` is a PostgreSQL that works below the place."""
        try:
            folder, program = (entry / "cwd").readlink(), (entry / "exe").readlink()
        except OSError:  # ended meanwhile, or not ours
            return False
        return program.name == "postgres" and folder.is_relative_to(self.place)

    def _recorded_pid(self) -> int | None:
        """Return the process id that the last server noted, if it did not remove its note."""
        try:
            return int((self.data / "postmaster.pid").read_text("utf-8").split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return None


def _send(pid: int, kind: signal.Signals) -> None:
    """Send a signal to a process that may have ended meanwhile."""
    try:
        os.kill(pid, kind)
    except ProcessLookupError:
        return


def _sync_folder(folder: Path) -> None:
    """Make a rename in ``folder`` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
