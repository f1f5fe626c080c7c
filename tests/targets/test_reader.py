"""Who reads while runs publish sees whole runs only, in every write mode."""

import threading

import pytest
from modes import Table, counted

from chalicelib.postgres.connection import connected

SIZE = 400
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
    seen, stop = set(), threading.Event()

    def read():
        with connected(table.dsn) as connection:
            while not stop.wait(0.02):
                found = connection.run(f"SELECT version, count(*) FROM t {current} GROUP BY version")
                seen.add(tuple(map(tuple, found)))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for version in range(1, 8):
            load(version)
    finally:
        stop.set()
        reader.join()
    assert seen <= {((version, SIZE),) for version in range(8)}
    assert len(seen) > 1
