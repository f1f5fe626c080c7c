"""The stages as processes apart: nothing but JSON and objects travels, and the table is the same as in one process."""

import pytest
from making import Silent, pipeline, query

from chalicelib.core.codec import from_json, to_json
from chalicelib.core.errors import StagingLost
from chalicelib.core.manifest import Manifest
from chalicelib.core.outcome import Duplicate, Published
from chalicelib.core.plan import Plan
from chalicelib.disk import DiskStore
from chalicelib.engine.clean import CleanSink
from chalicelib.sources.file import FileSource
from chalicelib.stages.extract import extract
from chalicelib.stages.load import load
from chalicelib.stages.plan import plan
from chalicelib.stages.publish import publish
from chalicelib.stages.transform import transform
from chalicelib.targets.postgres import PostgresTarget

ROWS = b"id,name,amount,at\n1,one,1.50,2024-01-05\nx,two,2,2024-01-06\n3,,30.25,2024-01-07\n"
RULES = [{"check": "unique", "columns": ["at"], "severity": "warn"}, {"check": "row_count", "max": 9}]
KINDS = {"id": "bigint", "name": "text", "amount": "numeric", "at": "timestamptz"}


def travelled(noun):
    """The noun after its way through JSON."""
    return from_json(type(noun), to_json(noun))


@pytest.fixture
def stages(database, tmp_path):
    """Each stage as a function of its own, with a fresh connection and only the work folder in common."""
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_bytes(ROWS.replace(b"one", name.encode()))
    work = DiskStore(tmp_path / "work")

    class Stages:
        document = pipeline(tmp_path / "*.csv", columns=KINDS, rules=RULES)
        source = FileSource(str(tmp_path / "*.csv"), work=tmp_path)

        def target(self):
            return PostgresTarget(database)

        def plan(self, run_id):
            target = self.target()
            planned = plan(run_id, self.document, source=self.source, target=target, work=work)
            target.close()
            return travelled(planned)

        def extract(self, planned: Plan) -> Manifest:
            return travelled(extract(planned, source=self.source))

        def transform(self, planned, *batches):
            with CleanSink(work, planned, batches[0].number) as sink:
                return transform(planned, *batches, source=self.source, sink=sink, work=work, progress=Silent())

        def load(self, planned, *batches):
            target = self.target()
            rows = load(planned, *batches, work=work, target=target)
            target.close()
            return rows

        def publish(self, planned, manifest):
            target = self.target()
            try:
                return publish(planned, manifest, target=target, work=work)
            finally:
                target.close()

    return Stages()


RUN = "01a20c3b-e2a0-7bb5-900e-47d9b761bd74"


def test_stages_apart_publish_the_same_rows_and_counts(stages, database):
    planned = stages.plan(RUN)
    manifest = stages.extract(planned)
    for batch in manifest.batches:
        assert stages.transform(planned, batch).written == 2
        assert stages.load(planned, batch) == 2
    published = travelled(stages.publish(planned, manifest))
    assert isinstance(published, Published)
    assert (6, 4, 2) == (published.counts.read, published.counts.loaded, published.counts.rejected)
    assert {"type:id": 2, "unique:at": 2, "row_count": 0} == published.broken
    found = query(database, "SELECT id, name, amount::text, at::text, _etl_line FROM t ORDER BY _etl_object, _etl_line")
    assert [
        [1, "a", "1.50", "2024-01-05 00:00:00+00", 1],
        [3, None, "30.25", "2024-01-07 00:00:00+00", 3],
        [1, "b", "1.50", "2024-01-05 00:00:00+00", 1],
        [3, None, "30.25", "2024-01-07 00:00:00+00", 3],
    ] == found


def test_what_becomes_of_a_looked_up_table_after_the_plan_changes_nothing(stages, database):
    for sql in (
        "CREATE TABLE public.names (id int PRIMARY KEY, long text)",
        "INSERT INTO public.names VALUES (1, 'one')",
    ):
        query(database, sql)
    step = {"lookup": {"table": "names", "on": ["id"], "columns": ["long"]}}
    stages.document = pipeline("*.csv", columns=KINDS, transforms=[step])
    planned = stages.plan(RUN)
    query(database, "UPDATE public.names SET long = 'another'")
    manifest = stages.extract(planned)
    first, second = manifest.batches
    stages.transform(planned, first)
    query(database, "DROP TABLE public.names")
    assert planned == stages.plan(RUN)
    for batch in (first, first, second):
        stages.transform(planned, batch)
        stages.load(planned, batch)
    assert stages.publish(planned, manifest).counts.loaded == 4
    found = query(database, "SELECT id, long FROM public.t ORDER BY _etl_object, _etl_line")
    assert [[1, "one"], [3, None]] * 2 == found


def test_every_stage_may_be_repeated(stages, database):
    planned = stages.plan(RUN)
    manifest = stages.extract(planned)
    for _ in range(2):
        for batch in manifest.batches:
            stages.transform(planned, batch)
            stages.load(planned, batch)
    first, second = stages.publish(planned, manifest), stages.publish(planned, manifest)
    assert (first.entry, first.broken) == (second.entry, second.broken)
    assert [[4]] == query(database, "SELECT count(*) FROM t")
    assert isinstance(stages.plan("01a20c3b-e2a0-7bb5-900e-47d9b761bd75"), Duplicate)


def test_a_batch_that_staging_lost_is_noticed_and_loaded_again(stages, database):
    planned = stages.plan(RUN)
    manifest = stages.extract(planned)
    for batch in manifest.batches:
        stages.transform(planned, batch)
        stages.load(planned, batch)
    query(database, "TRUNCATE etl_stage.batches")
    with pytest.raises(StagingLost):
        stages.publish(planned, manifest)
    for batch in manifest.batches:
        stages.load(planned, batch)
    assert stages.publish(planned, manifest).counts.loaded == 4


def test_a_step_over_the_whole_run_makes_its_batches_one_group_that_keeps_its_objects(stages, database):
    steps = [{"deduplicate": {"columns": ["id"], "keep": "first"}}]
    stages.document = pipeline("*.csv", columns=KINDS, transforms=steps)
    planned = stages.plan(RUN)
    manifest = stages.extract(planned)
    ((first, second),) = manifest.groups
    for _ in range(2):
        assert stages.transform(planned, first, second).written == 2
        assert stages.load(planned, first, second) == 2
    counts = stages.publish(planned, manifest).counts
    assert (6, 2, 2, 2) == (counts.read, counts.loaded, counts.deduplicated, counts.rejected)
    assert [[1, "a", 1], [3, None, 3]] == query(database, "SELECT id, name, _etl_line FROM t ORDER BY _etl_line")
