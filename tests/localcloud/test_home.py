import os
import stat

import pytest
from observing import AS_ROOT

from chalicelib.core.errors import Refused
from localcloud.home import Home, bound_log, open_log, tail, write_private


def test_a_new_home_is_closed_to_others(new_home):
    Home.at(new_home)

    assert stat.S_IMODE(new_home.stat().st_mode) == (0o710 if AS_ROOT else 0o700)


def test_a_home_that_cannot_be_made_is_refused(new_home):
    new_home.parent.joinpath("file").touch()

    with pytest.raises(Refused, match="cannot be created"):
        Home.at(new_home.parent / "file" / "home")


def test_a_private_file_is_replaced_whole_and_stays_private(tmp_path):
    file = tmp_path / "secret"
    write_private(file, "one")
    write_private(file, "two")

    assert file.read_text("utf-8") == "two\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [file] == list(tmp_path.iterdir())


def test_a_log_that_grew_too_long_starts_again_and_keeps_its_end_beside(tmp_path):
    log = tmp_path / "server.log"
    with os.fdopen(open_log(log), "ab", buffering=0) as writer:
        writer.write(b"early\n" + b"." * 10_000 + b"late\n")
        bound_log(log, 1_000)
        writer.write(b"next\n")

    kept = (tmp_path / "server.log.1").read_bytes()
    assert log.read_bytes() == b"next\n"
    assert kept.endswith(b"late\n")
    assert len(kept) == 250


def test_the_tail_of_a_log_is_its_last_lines_or_says_that_there_are_none(tmp_path):
    log = tmp_path / "log"
    missing = tail(log)
    log.write_text("one\ntwo\nthree\n", "utf-8")

    assert "does not exist" in missing
    assert tail(log, lines=2) == "  two\n  three"
