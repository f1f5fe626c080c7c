"""Runs with plugins: the law, what rejects show, whose failure it is, and the version that a run keeps."""

import pytest
from making import Silent, pipeline, places, query
from plugging import SHOUT, plugin_code, plugs
from typer.testing import CliRunner

from chalicelib.bootstrap.local import run_in_process, run_log
from chalicelib.core.codec import from_json, to_json
from chalicelib.core.errors import Refused
from chalicelib.core.plan import Plan
from chalicelib.disk import DiskStore
from chalicelib.engine.clean import CleanSink
from chalicelib.sources.file import FileSource
from chalicelib.stages.extract import extract
from chalicelib.stages.plan import plan
from chalicelib.stages.transform import transform
from chalicelib.targets.postgres import PostgresTarget
from cli.exit_codes import Exit, exit_of_run
from cli.main import app

__all__ = ["plugs"]

LENIENT = [{"check": "reject_ratio", "max": 0.9}]
STEP = {"plugin": {"name": "shout", "options": {"column": "card"}}}


def document(path, steps, **parts):
    return pipeline(path, columns={"id": "bigint", "card": "text"}, transforms=steps, rules=LENIENT, **parts)


@pytest.fixture
def cards(tmp_path):
    path = tmp_path / "cards.csv"
    path.write_text("id,card\n1,secret\n2,1234\n3,\n4,zebra\n")
    return path


@pytest.mark.parametrize(
    ("later", "raw"), [([], b"2,1234"), ([{"mask": {"shouted": "redact"}}], b""), ([{"mask": {"card": "clear"}}], b"")]
)
def test_rejects_of_a_plugin_show_their_bytes_unless_a_later_step_hides_something(
    plugs, database, tmp_path, cards, later, raw
):
    plugs.install("shout", SHOUT)
    run = run_in_process(document(cards, [STEP, *later]), places(database, database, tmp_path), Silent())
    assert ("succeeded", 4, 3, 1) == (run.status, run.counts.read, run.counts.loaded, run.counts.rejected), run.failure
    with run_log(database) as log:
        (reject,) = log.rejects(run.run_id, limit=10)
        told = [message for _, _, message in log.events(run.run_id)]
    assert (2, raw, "shout: nothing to shout") == (reject.record, reject.raw, reject.reasons[0].message)
    assert any("plugin shout (etlplus-shout 1.0)" in each for each in told)
    assert [[1], [3], [4]] == query(database, "SELECT _etl_line FROM public.t ORDER BY 1")


@pytest.mark.parametrize("later", [[], [{"mask": {"card": "redact"}}]])
def test_a_plugin_that_raises_fails_the_run_in_its_name_and_publishes_nothing(plugs, database, tmp_path, cards, later):
    code = plugin_code(
        "if 'zebra' in a: raise ValueError(a[a.index('zebra')])\nreturn Made(columns={'b': records.column(0)})"
    )
    plugs.install("p", code.replace('{"a": "text"}', '{"card": "text"}'))
    run = run_in_process(
        document(cards, [{"plugin": {"name": "p"}}, *later]), places(database, database, tmp_path), Silent()
    )
    assert ("failed", "PluginFailed", Exit.RUN_FAILED) == (run.status, run.failure.error, exit_of_run(run.to_json()))
    said = "transforms[0].plugin: the plugin p (etlplus-p 1.0) raised ValueError at etlplus_p.py:12 on record 4"
    assert run.failure.message.startswith(said)
    assert ("zebra" in run.failure.message) == (not later)
    assert [[None]] == query(database, "SELECT to_regclass('public.t')::text")


def test_another_version_than_the_plans_is_noticed_before_a_record_is_read(plugs, database, tmp_path, cards):
    plugs.install("shout", SHOUT, "1.0")
    source, target, work = FileSource(str(cards), work=tmp_path), PostgresTarget(database), DiskStore(tmp_path / "work")
    made = plan("0" * 32, document(cards, [STEP]), source=source, target=target, work=work)
    planned = from_json(Plan, to_json(made))
    assert planned == made
    manifest = extract(planned, source=source)

    def transformed():
        with CleanSink(work, planned, 1) as sink:
            return transform(planned, *manifest.batches, source=source, sink=sink, work=work, progress=Silent())

    assert 3 == transformed().written
    plugs.install("shout", SHOUT, "1.1")
    with pytest.raises(
        Refused, match=r"planned with the plugin shout \(etlplus-shout 1.0\), here is etlplus-shout 1.1"
    ):
        transformed()
    target.close()
    source.close()


TEXT = """
version: 1
name: cards
source: {type: file, path: cards.csv}
columns: {id: bigint, card: text}
transforms:
  - plugin: {name: NAME, options: {column: COLUMN}}
rules: [{check: length, column: shouted, max: 5}]
target: {type: postgres, table: public.t}
"""


@pytest.mark.usefixtures("cards")
def test_check_and_preview_know_plugins(plugs, tmp_path, monkeypatch):
    plugs.install("shout", SHOUT)
    monkeypatch.chdir(tmp_path)

    def etlplus(command, name, column):
        (tmp_path / "cards.yaml").write_text(TEXT.replace("NAME", name).replace("COLUMN", column))
        return CliRunner().invoke(app, [command, "cards.yaml"])

    assert 0 == etlplus("check", "shout", "card").exit_code
    for name, column, said in (
        ("shuot", "card", '7:20: transforms[0].plugin.name: no package here brings a plugin "shuot"; did you mean'),
        ("shout", "id", "7:13: transforms[0].plugin: shout reads id as text, but id is bigint, no text; put cast: "),
        ("shout", "5", "7:45: transforms[0].plugin.options.column: Input should be a valid string; see the"),
    ):  # fmt: skip
        wrong = etlplus("check", name, column)
        assert (3, True) == (wrong.exit_code, said in wrong.stderr), wrong.stderr
    shown = etlplus("preview", "shout", "card")
    assert 0 == shown.exit_code, shown.stderr
    assert "SECRET" in shown.stdout
    assert "shout: nothing to shout" in shown.stdout


@pytest.mark.usefixtures("cards")
def test_a_plugin_that_does_not_load_is_no_mistake_of_the_document(plugs, tmp_path, monkeypatch):
    plugs.install("shout", "raise RuntimeError('no licence')")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cards.yaml").write_text(TEXT.replace("NAME", "shout").replace("COLUMN", "card"))
    done = CliRunner().invoke(app, ["check", "cards.yaml"])
    assert Exit.RUN_FAILED == done.exit_code
    assert (
        "the plugin shout (etlplus-shout 1.0) does not load: RuntimeError at etlplus_shout.py:5: no licence"
        in done.stderr
    )
