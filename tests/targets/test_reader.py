"""Who reads while runs publish sees whole runs only, in every write mode."""

import os
import threading
from collections import Counter

import pytest
from modes import Table, counted

from chalicelib.postgres.connection import connected

SIZE = 400
#: How many runs publish while the reader looks; ``make reader`` asks for 200.
PUBLISHES = int(os.environ.get("ETLPLUS_TEST_PUBLISHES", "7"))
MODES = {
    "replace": {"write": "replace"},
    "merge": {"write": "merge", "keys": ["id"]},
    "scd2": {"write": "scd2", "keys": ["id"]},
}


@pytest.fixture
def table(database, tmp_path):
    return Table(database, tmp_path, {"id": "bigint", "version": "integer"})


@pytest.mark.parametrize("mode", MODES)
def test_a_reader_at_50_hz_sees_whole_runs_only(table, mode):
    """Every run gives every row its own version, so one look must find one version, and all rows of it."""

    def load(version):
        text = "id,version\n" + "".join(f"{n},{version}\n" for n in range(SIZE))
        assert {"loaded", "updated", "removed"} >= counted(table.load(text, **MODES[mode])).keys()

    load(0)
    current = "WHERE is_current" if mode == "scd2" else ""
    looks, stop = Counter(), threading.Event()

    def read():
        with connected(table.dsn) as connection:
            while not stop.wait(0.02):
                found = connection.run(f"SELECT version, count(*) FROM t {current} GROUP BY version")
                looks[tuple(map(tuple, found))] += 1

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for version in range(1, PUBLISHES + 1):
            load(version)
    finally:
        stop.set()
        reader.join()
    print(f"{mode}: {PUBLISHES} publishes, {looks.total()} looks, {len(looks)} of the runs seen")  # noqa: T201
    assert looks.keys() <= {((version, SIZE),) for version in range(PUBLISHES + 1)}
    assert len(looks) > 1
