"""Judging in staging: odd names, types and values, more than one batch, and two runs at once."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest
from making import pipeline, plan, query, version

from chalicelib.core.counts import Counts
from chalicelib.core.errors import StagingLost
from chalicelib.core.manifest import Batch, Manifest
from chalicelib.core.plan import LINE
from chalicelib.core.reject import RAW_LIMIT_BYTES

ODD = 'a:b "c" %s ?'


def ruled(*rules, number=1, columns=None, objects=2, **facts):
    names = tuple(version(f"{number}-{i}.csv", f"{number}-{i}") for i in range(objects))
    return plan(number, columns=columns, objects=names, pipeline=pipeline(rules=rules), **facts)


def stage(target, of, *batches):
    """Load each batch's rows, values by column; return the manifest."""
    manifest = Manifest(tuple(Batch(i, of.objects[i - 1], len(rows)) for i, rows in enumerate(batches, start=1)))
    sink = target.staging(of)
    for batch, rows in zip(manifest.batches, batches, strict=True):
        lines = pa.array(range(1, len(rows) + 1), pa.int64())
        arrays = [pa.array([row[i] for row in rows], ARROW[c.type.base]) for i, c in enumerate(of.columns)]
        sink.write(of, batch, [pa.record_batch([*arrays, lines], names=[*(c.name for c in of.columns), LINE])])
    return manifest


ARROW = {"bigint": pa.int64(), "text": pa.string(), "jsonb": pa.string(), "numeric": pa.string()}


def published(target, of, manifest):
    """Judge, insert and seal; return what was judged and the rejects."""
    rejects = []
    with target.publication(of) as publication:
        judged = publication.judge(of, manifest, rejects.append)
        rows = publication.write_staged(of, manifest).loaded
        size = rows + judged.late
        publication.seal(of, Counts(read=size, kept=size, produced=size, loaded=rows, late=judged.late))
    return judged, rejects


def test_names_and_values_of_any_form_are_judged_and_told(database, target):
    query(database, f"""CREATE TABLE {'"o""d:d"'} ("k:1" numeric)""")
    query(database, """INSERT INTO "o""d:d" VALUES (1.50), (7)""")
    rules = [
        {"check": "unique", "columns": [ODD, "j"], "name": "key"},
        {"check": "foreign_key", "columns": ["n"], "table": '"o""d:d"', "references": ["k:1"]},
    ]
    of = ruled(*rules, columns={ODD: "text", "j": "jsonb", "n": "numeric"}, objects=1)
    rows = [("x'\\", '{"a": 1}', "1.5"), ("x'\\", '{"a":1}', "7.0"), ("y", "[]", "2"), (None, "[]", None)]
    judged, rejects = published(target, of, stage(target, of, rows))
    assert ({"key": 1, "foreign_key:n": 1}, 2) == (judged.broken, judged.late)
    assert [(2, ["key"]), (3, ["foreign_key:n"])] == [(r.record, [each.key for each in r.reasons]) for r in rejects]
    assert b"""{"a:b \\"c\\" %s ?":"x'\\\\","j":{"a": 1},"n":"7.0"}""" == rejects[0].raw
    assert [[2]] == query(database, "SELECT count(*) FROM public.t")


def test_values_that_are_too_long_are_cut_between_characters(target):
    of = ruled({"check": "unique", "columns": ["a"]}, objects=1)
    _, (reject,) = published(target, of, stage(target, of, [(1, "x"), (1, "x" + "é" * RAW_LIMIT_BYTES)]))
    start = '{"a":1,"b":"x'
    assert start + "é" * ((RAW_LIMIT_BYTES - len(start)) // 2) == reject.raw.decode()


def test_rejects_come_in_the_order_of_batches_and_records_however_many(target):
    of = ruled({"check": "unique", "columns": ["a"]})
    size = 5_000  # more than are fetched at once
    judged, rejects = published(target, of, stage(target, of, [(1, "x")] * size, [(1, "y")] * 3 + [(2, "y")]))
    assert [*((1, n) for n in range(2, size + 1)), (2, 1), (2, 2), (2, 3)] == [(r.batch, r.record) for r in rejects]
    assert size + 2 == judged.late


def test_staging_that_was_lost_is_noticed_before_it_is_judged(database, target):
    of = ruled({"check": "unique", "columns": ["a"]}, objects=1)
    manifest = stage(target, of, [(1, "x")])
    query(database, "TRUNCATE etl_stage.batches")
    with pytest.raises(StagingLost), target.publication(of) as publication:
        publication.judge(of, manifest, lambda _: None)
    target.discard(of.run_id)
    with pytest.raises(StagingLost), target.publication(of) as publication:
        publication.judge(of, manifest, lambda _: None)


def test_of_two_runs_at_once_the_second_sees_the_keys_of_the_first(database, new_target, target):
    rule = {"check": "unique", "columns": ["a"]}
    one, two = new_target(), new_target()
    published(target, ruled(number=9, objects=1), stage(target, ruled(number=9, objects=1), [(0, "x")]))
    plans = [ruled(rule, number=n, objects=1, create=False) for n in (1, 2)]
    first, second = (stage(t, of, [(5, "x")]) for t, of in zip((one, two), plans, strict=True))
    inside = threading.Event()

    def other():
        assert inside.wait(20)
        return published(two, plans[1], second)

    with ThreadPoolExecutor() as pool, one.publication(plans[0]) as publication:
        waiting = pool.submit(other)
        assert 0 == publication.judge(plans[0], first, lambda _: None).late
        inside.set()
        waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory'"
        while query(database, waits) == [[0]]:
            pass
        publication.write_staged(plans[0], first)
        publication.seal(plans[0], Counts(read=1, kept=1, produced=1, loaded=1))
    judged, _ = waiting.result()
    assert (1, [[2]]) == (judged.late, query(database, "SELECT count(*) FROM public.t"))
