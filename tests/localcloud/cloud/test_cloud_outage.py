"""A database that is away for a while: what the cloud does about it with nobody's help."""

import time

from away import door_to
from clouds import cloud_on
from making import query

#: How long the cloud waits for a database that was there; all its other waits follow from that.
PATIENCE_S = 1.0
#: Longer than that, and than the next tries take with short rests between them.
AWAY_S = 4


def test_objects_that_arrive_while_the_database_is_away_are_published_once_when_it_is_back(database, memory_path):
    with door_to(database) as (address, door), cloud_on(memory_path, address, patience_s=PATIENCE_S) as cloud:
        cloud.apply("away")
        cloud.drop("away/0.csv", b"id,name\n0,n\n")
        cloud.ended("away")
        door.shut()
        for number in range(1, 13):
            cloud.drop(f"away/{number}.csv", f"id,name\n{number},n\n".encode())
        time.sleep(AWAY_S)
        door.open()
        loaded = "SELECT count(*), count(DISTINCT id) FROM away"
        deadline = time.monotonic() + 60
        while query(database, loaded) != [[13, 13]]:
            assert time.monotonic() < deadline, query(database, loaded)
            time.sleep(0.1)
        assert {"succeeded"} == {run["status"] for run in cloud.ended("away")}
