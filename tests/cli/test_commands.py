"""``etlplus``: what each command prints, where, and the exit code that a script can rely on."""

import json
import os
import pty
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from making import environment, query
from ruamel.yaml import YAML
from typer.testing import CliRunner

from chalicelib.postgres.connection import Dsn
from cli.boundary import Boundary
from cli.main import app

GOOD = b"id,name\n1,one\n2,two\n"


def url_of(dsn: Dsn) -> str:
    return f"postgresql://{dsn.user}:{dsn.password}@{dsn.host}:{dsn.port}/{dsn.database}"


class Etlplus:
    """The command line on a home and a control plane of its own; files are named in the test's folder."""

    def __init__(self, folder: Path, database: Dsn):
        self.folder, self.database = folder, database
        self.environment = {"ETLPLUS_HOME": str(folder / "home"), "DATABASE_URL": url_of(database)}

    def __call__(self, *arguments, code=0, **names):
        done = CliRunner().invoke(app, list(map(str, arguments)), env={**self.environment, **names})
        assert code == done.exit_code, done.output
        assert "Traceback" not in done.output
        return done

    def json(self, *arguments, code=0):
        return json.loads(self(*arguments, "-o", "json", code=code).stdout)

    def process(self, *arguments, **options):
        command = [sys.executable, "-W", "error", "-m", "cli", *map(str, arguments)]
        names = environment(**self.environment)
        return subprocess.run(
            command, env=names, timeout=60, check=False, **{"capture_output": True, "text": True, **options}
        )

    def file(self, name="orders.csv", content=GOOD):
        path = self.folder / name
        path.write_bytes(content)
        return path


@pytest.fixture
def etlplus(tmp_path, database):
    return Etlplus(tmp_path, database)


def test_load_tells_what_it_did(etlplus):
    lines = etlplus("load", etlplus.file()).stdout.splitlines()
    assert lines[0].startswith("orders -> public.orders: succeeded in ")
    assert "  records: read 2, loaded 2, filtered 0, rejected 0" in lines
    assert [[1, "one"], [2, "two"]] == query(etlplus.database, "SELECT id, name FROM public.orders ORDER BY id")


def test_load_tells_a_program_the_same(etlplus):
    told = etlplus.json("load", etlplus.file(content=GOOD + b"3\n"), "--table", "shop.Orders")
    facts = ("status", "table", "records_read", "records_loaded", "records_rejected", "failure")
    assert ("succeeded", "shop.Orders", 3, 2, 1, None) == tuple(told[fact] for fact in facts)
    assert [("structure", 1)] == [(each["rule"], each["records"]) for each in told["rejected_by"]]
    assert 32 == len(told["table_hash"])


def test_a_second_load_is_skipped_and_ok(etlplus):
    first = etlplus.json("load", etlplus.file())
    assert (
        f"the same bytes were loaded by run {first['run_id']}; nothing changed"
        in etlplus("load", etlplus.file()).stdout
    )


DOCUMENT = """
version: 1
name: orders_daily
source: {type: file, path: ignored.csv}
columns: {id: bigint, name: {type: text, required: true}}
rules: [{check: in, column: name, values: [one, two]}]
target: {type: postgres, table: shop.orders}
"""


def test_a_document_decides_columns_rules_and_table(etlplus):
    document = etlplus.file("orders.yaml", DOCUMENT.encode())
    told = etlplus.json("load", etlplus.file(content=GOOD + b"3,three\nx,\n"), "--pipeline", document)
    assert ("orders_daily", "shop.orders", 4, 2) == tuple(
        told[key] for key in ("pipeline", "table", "records_read", "records_loaded")
    )
    by = {(each["rule"], each["column"]): each["records"] for each in told["rejected_by"]}
    assert {("type", "id"): 1, ("not_null", "name"): 1, ("in", "name"): 1} == by


def test_the_options_for_csv_are_taken(etlplus):
    file = etlplus.file(content=b"1!NA\n2!two\n")
    etlplus("load", file, "--delimiter", "!", "--no-header", "--null", "NA", "--table", "t")
    assert [[1, None], [2, "two"]] == query(etlplus.database, "SELECT c1, c2 FROM public.t ORDER BY 1")


def parsed(form, text):
    if form == "yaml":
        return YAML(typ="safe", pure=True).load(text)
    return json.loads(text) if form == "json" else [json.loads(line) for line in text.splitlines()]


COMMANDS = (("runs",), ("show", "last"), ("rejects", "last"), ("schema",), ("dsn",))


@pytest.mark.parametrize("form", ["json", "jsonl", "yaml"])
def test_every_command_prints_what_can_be_parsed_back(etlplus, form):
    etlplus("load", etlplus.file(content=GOOD + 'x,"é: ""#\n\t- 1, {[\\n"\n'.encode() + b"y,\xff\n"))
    for command in COMMANDS:
        expected = etlplus.json(*command)
        found = parsed(form, etlplus(*command, "-o", form).stdout)
        assert (found if form != "jsonl" or isinstance(expected, list) else found[0]) == expected, command


def test_loads_of_every_form_are_parsed_back(etlplus):
    for n, form in enumerate(("json", "jsonl", "yaml")):
        done = etlplus("load", etlplus.file(f"f{n}.csv"), "--table", "t", "-o", form)
        told = parsed(form, done.stdout)
        assert "succeeded" == (told[0] if form == "jsonl" else told)["status"]
        assert "" == done.stderr


def test_runs_lists_the_newest_first(etlplus):
    assert "no runs yet; etlplus load FILE" in etlplus("runs").stdout
    assert "" == etlplus("runs", "-o", "jsonl").stdout
    ids = [etlplus.json("load", etlplus.file(name))["run_id"] for name in ("a.csv", "b.csv")]
    assert ids[::-1] == [run["run_id"] for run in etlplus.json("runs")]
    assert ids[:1] == [run["run_id"] for run in etlplus.json("runs", "--pipeline", "a")]
    assert 1 == len(etlplus.json("runs", "--limit", "1"))
    assert ["run", "pipeline", "table"] == etlplus("runs").stdout.split()[:3]


def test_show_tells_of_one_run_by_its_id_or_the_beginning(etlplus):
    run = etlplus.json("load", etlplus.file())
    for name in (run["run_id"], run["run_id"][:10], "last"):
        told = etlplus.json("show", name)
        assert run["run_id"] == told["run_id"]
        assert ["run_started", "plan_made", "run_succeeded"] == [event["action"] for event in told["events"]]
    assert "2 records loaded into public.orders" in etlplus("show", "last").stdout


def test_rejects_show_place_reasons_and_raw_text(etlplus):
    content = GOOD + b"3,a,b\n" + b"4,ok\n" + b"5,\xff\x1b[31m\n"
    etlplus("load", etlplus.file(content=content))
    told = etlplus.json("rejects", "last")
    assert [3, 5] == [each["record"] for each in told]
    assert [b"3,a,b", b"5,\xff\x1b[31m"] == [content[each["start"] : each["end"]] for each in told]
    shown = etlplus("rejects", "last").stdout
    assert "the record has 3 fields, 2 are expected" in shown
    assert "\x1b" not in shown
    assert [5] == [each["record"] for each in etlplus.json("rejects", "last", "--limit", "1", "--offset", "1")]


def test_rejects_of_a_clean_run_are_none(etlplus):
    etlplus("load", etlplus.file())
    assert [] == etlplus.json("rejects", "last")
    assert "" == etlplus("rejects", "last", "-o", "jsonl").stdout
    assert "rejected no records" in etlplus("rejects", "last").stdout


def test_schema_is_a_json_schema_and_needs_no_database(etlplus):
    told = json.loads(etlplus("schema", DATABASE_URL="postgresql://nobody@127.0.0.1:1/none").stdout)
    assert "ETL Plus pipeline" == told["title"]


def test_dsn_is_the_url_of_the_database(etlplus):
    done = etlplus("dsn")
    assert (url_of(etlplus.database), "") == (done.stdout.strip(), done.stderr)


def test_dsn_says_how_long_the_local_database_stays(tmp_path):
    home = tmp_path / "home"
    done = CliRunner().invoke(app, ["dsn"], env={"ETLPLUS_HOME": str(home), "DATABASE_URL": ""})
    os.utime(home / "kept", (0, 0))  # it may stop now
    assert done.stdout.startswith("postgresql://etl:")
    assert done.stderr.startswith("etlplus: PostgreSQL stays for 10 minutes from now")


def test_a_named_database_gets_the_target_schemas_only(tmp_path, empty_database, new_database):
    etlplus, target = Etlplus(tmp_path, empty_database), new_database()
    etlplus("load", etlplus.file(), "--dsn", target)
    schemas = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'etl%' ORDER BY 1"
    assert [["etl_stage"], ["etl_target"]] == query(Dsn.parse(target), schemas)
    assert [[2]] == query(Dsn.parse(target), "SELECT count(*) FROM public.orders")
    assert [["etl"]] == query(etlplus.database, schemas)
    assert 1 == len(etlplus.json("runs"))


BROKEN = """
version: 1
name: orders
source: {type: file, path: x.csv}
colums: {id: bigint}
target: {type: postgres, table: orders, write: upsert}
"""


def test_mistakes_of_a_document_are_all_told_with_their_places(etlplus):
    done = etlplus("load", etlplus.file(), "--pipeline", etlplus.file("orders.yaml", BROKEN.encode()), code=3)
    first, second = done.stderr.splitlines()
    assert first.startswith("etlplus: orders.yaml:5:1: colums: unknown key")
    assert 'did you mean "columns"?' in first
    assert second.startswith("orders.yaml:6:")
    assert "" == done.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["load", "{good}", "--table", "etl_target.x"], "reserved"),
        (["load", "{good}", "--table", "a.b.c"], "is not a table name"),
        (["load", "{good}", "--delimiter", "ab"], "write exactly one"),
        (["load", "{good}", "--pipeline", "{folder}"], "is a folder; name one pipeline document"),
        (["load", "{good}", "--pipeline", "{latin}"], "is not UTF-8 text (byte 7); save it as UTF-8"),
        (["apply", "{folder}"], "is a folder; name one pipeline document"),
    ],
)
def test_what_is_no_pipeline_ends_with_3(etlplus, arguments, told):
    latin = etlplus.file("latin.yaml", "name: \xe9".encode("latin-1"))
    names = {"good": etlplus.file(), "folder": etlplus.folder, "latin": latin}
    done = etlplus(*(argument.format(**names) for argument in arguments), code=3)
    assert told in done.stderr
    assert done.stderr.startswith("etlplus: ")


@pytest.mark.parametrize(
    "arguments", [["load"], ["nothing"], ["runs", "-o", "xml"], ["runs", "--limit", "0"], ["--no"]]
)
def test_a_wrong_command_line_ends_with_2(etlplus, arguments):
    assert "" == etlplus(*arguments, code=2).stdout


def test_a_held_run_ends_with_5_and_says_why(etlplus):
    done = etlplus("load", etlplus.file(content=b"id,name\n1\n2\n"), code=5)
    assert "held in" in done.stdout
    assert "all 2 records rejected; nothing was published" in done.stdout
    assert "held" == etlplus.json("show", "last")["status"]


def test_an_empty_file_ends_with_5(etlplus):
    assert "is empty" in etlplus("load", etlplus.file(content=b""), code=5).stdout


def test_what_is_not_allowed_ends_with_6_without_the_password(etlplus):
    wrong = url_of(replace(etlplus.database, password="wr0ng"))
    done = etlplus("load", etlplus.file(), "--dsn", wrong, code=6)
    assert "password authentication failed" in done.output
    assert "wr0ng" not in done.output
    done = etlplus("load", etlplus.file(), "--dsn", "mysql://u:wr0ng@h/d", code=6)
    assert "etlplus: the database URL must look like postgresql://" in done.stderr
    assert "wr0ng" not in done.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["load", "{folder}/ordersx.csv"],
        ["show", "ffff"],
        ["rejects", "last"],
        ["load", "{good}", "--pipeline", "{folder}/none.yaml"],
    ],
)
def test_what_is_not_there_ends_with_7(etlplus, arguments):
    names = {"good": etlplus.file(), "folder": etlplus.folder}
    etlplus(*(argument.format(**names) for argument in arguments), code=7)


def test_a_database_that_does_not_answer_ends_with_75(etlplus):
    done = etlplus("load", etlplus.file(), "--dsn", "postgresql://u:secret@127.0.0.1:1/d", code=75)
    assert "PostgreSQL at u@127.0.0.1:1/d does not answer" in done.output
    assert "secret" not in done.output
    done = etlplus("runs", code=75, DATABASE_URL="postgresql://u:secret@127.0.0.1:1/d")
    assert done.stderr.startswith("etlplus: PostgreSQL at u@127.0.0.1:1/d does not answer")


broken = typer.Typer(cls=Boundary, pretty_exceptions_enable=False)


@broken.command()
def divide():
    raise ZeroDivisionError("by\nnothing")


@broken.command()
def interrupt():
    raise KeyboardInterrupt


def test_a_defect_is_one_line_and_its_traceback_a_file(tmp_path):
    done = CliRunner().invoke(broken, ["divide"], env={"ETLPLUS_HOME": str(tmp_path / "home")})
    log = tmp_path / "home/etlplus.log"
    assert (1, "") == (done.exit_code, done.stdout)
    assert f"etlplus: internal error: ZeroDivisionError: by nothing; the traceback is in {log}\n" == done.stderr
    assert "Traceback" in log.read_text()
    assert "ZeroDivisionError" in log.read_text()


def test_a_defect_is_one_line_where_nothing_can_be_written_too(tmp_path):
    (tmp_path / "home").write_text("a file")
    done = CliRunner().invoke(broken, ["divide"], env={"ETLPLUS_HOME": str(tmp_path / "home")})
    assert 1 == done.exit_code
    assert "its traceback could not be written to" in done.stderr
    assert 1 == done.stderr.count("\n")


def test_an_interrupt_is_told_and_ends_with_75(tmp_path):
    done = CliRunner().invoke(broken, ["interrupt"], env={"ETLPLUS_HOME": str(tmp_path / "home")})
    assert (75, "etlplus: interrupted; what was not published is rolled back\n") == (done.exit_code, done.stderr)


def test_a_process_prints_data_only_to_stdout(etlplus):
    done = etlplus.process("load", etlplus.file(content=GOOD + b"x,y\n"), "-o", "json")
    assert (0, "") == (done.returncode, done.stderr)
    assert "succeeded" == json.loads(done.stdout)["status"]


def test_a_process_ends_with_the_code_of_its_error(etlplus):
    done = etlplus.process("load", etlplus.folder / "none.csv", "-o", "json")
    assert (7, "") == (done.returncode, done.stderr)
    assert "failed" == json.loads(done.stdout)["status"]
    done = etlplus.process("show", "ffff")
    assert (7, "") == (done.returncode, done.stdout)
    assert "etlplus: there is no run ffff; `etlplus runs` lists them\n" == done.stderr


def test_a_reader_that_leaves_early_is_no_error_of_ours(etlplus):
    command = f"{sys.executable} -m cli schema | head -c 10"
    names = environment(**etlplus.environment)
    done = subprocess.run(["sh", "-c", command], env=names, capture_output=True, text=True, timeout=60, check=False)
    assert ("{", "") == (done.stdout[:1], done.stderr)


def test_a_reader_that_has_left_does_not_change_what_a_command_ends_with(etlplus):
    ours, theirs = os.pipe()
    os.close(ours)
    done = etlplus.process("schema", capture_output=False, stdout=theirs, stderr=subprocess.PIPE)
    os.close(theirs)
    assert (0, "") == (done.returncode, done.stderr)


@pytest.mark.parametrize("arguments", [["schema"], ["schema", "--help"], ["--help"]])
def test_a_full_disk_behind_stdout_is_told_in_one_line(etlplus, arguments):
    with Path("/dev/full").open("w") as full:
        done = etlplus.process(*arguments, capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert 6 == done.returncode
    assert done.stderr.startswith("etlplus: stdout")
    assert done.stderr.endswith("cannot be written: No space left on device; make room, or send the output elsewhere\n")
    assert not (etlplus.folder / "home").exists()


def test_a_usage_names_the_command_as_people_call_it(etlplus):
    assert etlplus.process("nothing").stderr.startswith("Usage: etlplus ")


@pytest.mark.parametrize(
    ("event", "code", "told"),
    [
        ("none.json", 7, "none.json does not exist"),
        (".", 6, "is a folder; name one file with an event in it"),
        ("text.json", 6, "text.json holds no JSON"),
    ],
)
def test_an_event_that_is_none_is_told_with_a_way_out(etlplus, event, code, told):
    etlplus.file("text.json", b"text")
    assert told in etlplus("invoke", "plan", "--event", etlplus.folder / event, code=code).stderr


def test_a_bar_is_shown_on_a_terminal_only(etlplus):
    silent = etlplus.process("load", etlplus.file("a.csv"))
    assert "" == silent.stderr
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        done = etlplus.process(
            "load", etlplus.file("b.csv"), "-o", "json", capture_output=False, stdout=subprocess.PIPE, stderr=theirs
        )
        os.close(theirs)
        shown = b""
        while block := read(terminal):
            shown += block
    assert "succeeded" == json.loads(done.stdout)["status"]
    assert b"\x1b[" in shown
    assert b"records" in shown


def read(terminal):
    try:
        return terminal.read(4096)
    except OSError:  # Linux says so when the other side is closed
        return b""


def test_a_header_without_records_is_told_as_such(etlplus):
    (etlplus.folder / "h.csv").write_bytes(b"id,name\n")
    assert "a header and no records: nothing was loaded" in etlplus("load", str(etlplus.folder / "h.csv")).stdout


RULES = """\
{version: 1, name: ruled, source: {type: file, path: x}, target: {type: postgres, table: ruled},
 rules: [{check: unique, columns: [id]}, {check: range, column: id, max: 8, severity: warn, name: small},
         {check: reject_ratio, max: 1.0}]}
"""


def test_rules_shows_what_each_run_counted_newest_first(etlplus):
    document = etlplus.file("ruled.yaml", RULES.encode())
    for content in (b"id\n1\n2\n9\n", b"id\n3\n3\n1\n4\n"):
        told = etlplus("load", etlplus.file(content=content), "--pipeline", document).stdout
    assert "read 4, loaded 2, filtered 0, rejected 2" in told
    assert "id is in public.ruled already" in told
    found = etlplus.json("rules", "ruled")
    assert [
        ("reject_ratio", 4, 0, 0.0), ("small", 4, 0, 0.0), ("unique:id", 4, 2, 0.5),
        ("reject_ratio", 3, 0, 0.0), ("small", 3, 1, 1 / 3), ("unique:id", 3, 0, 0.0),
    ] == [(each["rule"], each["records_read"], each["records_broken"], each["share"]) for each in found]  # fmt: skip
    lines = etlplus("rules", "ruled", "--rule", "small").stdout.splitlines()
    assert ["run", "created", "(UTC)", "status", "rule", "read", "broken", "share"] == lines[0].split()
    assert [["0", "0.00%"], ["1", "33.33%"]] == [line.split()[-2:] for line in lines[1:]]
    assert 'the rule "smal"; did you mean "small"?' in etlplus("rules", "ruled", "--rule", "smal", code=7).stderr
    assert "no run of other has judged" in etlplus("rules", "other", code=7).stderr
