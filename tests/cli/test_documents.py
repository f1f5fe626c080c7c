"""A drafted document runs unedited, a check tells each mistake with its place, a preview shows records step by step."""

import json
import shlex

import pytest
from making import query
from test_commands import Etlplus
from test_readme import ROOT

from chalicelib.core.document import parse_pipeline
from chalicelib.core.pipeline import json_schema
from cli.draft import SCHEMA


@pytest.fixture
def etlplus(tmp_path, database, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Etlplus(tmp_path, database)


ORDERS = "order id,status,amount,note\n" + "".join(f"{i},{'paid' if i % 3 else 'open'},{i}.50,\n" for i in range(1, 31))


def test_a_drafted_document_runs_unedited_and_loads_all(etlplus):
    etlplus.file("orders.csv", ORDERS.encode("utf-16"))
    told = etlplus.json("init", "--from", "orders.csv", "--table", "shop.orders")
    assert ("orders.yaml", "orders", "shop.orders") == (told["path"], told["name"], told["table"])
    assert {"encoding": 1.0, "delimiter": 1.0, "header": 1.0} == told["confidence"]
    assert "orders -> shop.orders" in etlplus("check", "orders.yaml").stdout
    run = etlplus.json("load", "orders.csv", "--pipeline", "orders.yaml")
    assert ("succeeded", 30, 0) == (run["status"], run["records_loaded"], run["records_rejected"])
    assert [[30]] == query(etlplus.database, "SELECT count(*) FROM shop.orders")


def test_a_draft_says_what_its_guesses_stand_on(etlplus):
    etlplus.file("orders.csv", ORDERS.encode())
    etlplus("init", "--from", "orders.csv")
    text = (etlplus.folder / "orders.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=")
    assert (etlplus.folder / text.splitlines()[0].partition("=")[2]).resolve() == SCHEMA
    assert '  status: "text"  # 30 of 30 values\n' in text
    assert '  note: "text"  # no value in the samples\n' in text
    assert '  "order id": "bigint"  # 30 of 30 values\n' in text
    assert "  # guess: 2 distinct values in 30 sampled records\n" in text
    rules = parse_pipeline(text).rules
    assert [("not_null", "warn"), ("in", "warn")] == [(rule.check, rule.severity) for rule in rules]
    assert ("order id", "status", "amount") == rules[0].columns
    assert ("open", "paid") == rules[1].values


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("2024.csv", b"a,b\n1,2\n"),
        ("no.csv", b"yes,no,null,1st\n1,2,3,4\n"),
        ("odd.csv", 'a "b",c: #d,é\tf\n1,2,3\n'.encode()),
        ("tabs.tsv", b"a\tb\n1\t\\N\n"),
        ("bare.csv", b"1,2\n3,4\n"),
        ("single.csv", b"'id','name'\n'1','a, b'\n'2','it''s'\n"),
        ("nothing.csv", b"a,b\n"),
        ("text.csv", b"a,b\n" + b"x: y,'#z\n" * 40 + b'"q""q",\\\n' * 40),
    ],
)
def test_any_readable_file_gets_a_document_that_runs(name, content, etlplus):
    etlplus.file(name, content)
    told = etlplus.json("init", "--from", name)
    etlplus("check", told["path"])
    run = etlplus.json("load", name, "--pipeline", told["path"])
    assert ("succeeded", 0) == (run["status"], run["records_rejected"])


def test_the_command_that_init_prints_can_be_pasted_into_a_shell(etlplus):
    name = "it's long & ü (1).csv"
    etlplus.file(name, b"a,b\n1,2\n")
    told = etlplus("init", "--from", name, "--to", "my pipeline.yaml").stdout
    _, _, command = told.rstrip("\n").partition("; ")
    assert ["etlplus", "load", name, "--pipeline", "my pipeline.yaml"] == shlex.split(command)


def test_a_document_that_is_there_is_overwritten_by_force_only(etlplus):
    etlplus.file("orders.csv", ORDERS.encode())
    etlplus.file("orders.yaml", b"mine")
    assert "orders.yaml exists; give another place with --to" in etlplus("init", "--from", "orders.csv", code=6).stderr
    assert b"mine" == (etlplus.folder / "orders.yaml").read_bytes()
    etlplus("init", "--from", "orders.csv", "--force")
    assert b"mine" != (etlplus.folder / "orders.yaml").read_bytes()


@pytest.mark.parametrize(
    ("content", "way_out"),
    [
        (b"# hello\nid,name\n1,a\n", '(1: "# hello"); a comment is no header: remove the lines above the header'),
        (b"Report of today\nid,name\n1,a\n", "; remove what stands above the header"),
        (b"\x89PNG\r\n\x1a\nIHDR,\x01,\x02\r\n,,,\xff\r\n", "f.csv does not look like text"),
    ],
)
def test_a_file_of_which_no_record_would_load_gets_no_document(content, way_out, etlplus):
    etlplus.file("f.csv", content)
    told = etlplus("init", "--from", "f.csv", code=5).stderr
    assert way_out in told
    assert "No pipeline was drafted" in told
    assert not (etlplus.folder / "f.yaml").exists()


def test_a_file_that_is_not_there_gets_no_document(etlplus):
    etlplus("init", "--from", "none.csv", code=7)
    assert not (etlplus.folder / "none.yaml").exists()


HEAD = """version: 1
name: t
source: {type: s3, uri: "s3://landing/t.csv"}
columns: {id: bigint, amount: "numeric(9,2)"}
target: {type: postgres, table: t}
"""

MISTAKES = {
    'transforms: [{filter: "amuont > 0"}]': (
        '6:23: transforms[0].filter: there is no column "amuont" at this point; did you mean "amount"?'
    ),
    'transforms: [{derive: {twice: "amount * "}}]': "transforms[0].derive.twice: ",
    'transforms: [{derive: {twice: "sum(amount)"}}]': "the aggregate sum looks at more than one record",
    "transforms: [{sql: select 1 from other}]": "transforms[0].sql: ",
    "transforms: [{sql: select id from input}]\nrules: [{check: expr, sql: amount > 0}]": (
        '7:28: rules[0].sql: there is no column "amount" at this point; the columns here are id'
    ),
    'rules: [{check: in, column: amount, values: ["x"]}]': "is no number",
    "rules: [{check: not_null, columns: [ide]}]": 'did you mean "id"?',
    'transforms: [{derive: {i: "interval 1 day"}}]': "the engine's type INTERVAL has no column type here",
}


@pytest.mark.parametrize("part", MISTAKES)
def test_a_mistake_in_the_sql_is_told_with_its_place(part, etlplus):
    etlplus.file("t.yaml", (HEAD + part).encode())
    told = etlplus("check", "t.yaml", code=3)
    assert told.stderr.startswith("etlplus: t.yaml:")
    assert MISTAKES[part] in told.stderr
    assert "" == told.stdout


def test_all_mistakes_are_told_at_once(etlplus):
    steps = (
        'transforms: [{filter: "amuont > 0"}, {derive: {x: "1 +"}}, {trim: "*"}]\nrules: [{check: expr, sql: "id >"}]'
    )
    etlplus.file("t.yaml", (HEAD + steps).encode())
    assert ["6:23", "6:51", "7:28"] == [
        line.partition("t.yaml:")[2][:4] for line in etlplus("check", "t.yaml", code=3).stderr.splitlines()
    ]
    etlplus.file("t.yaml", (HEAD + "rules: [{check: expr, sql: id >}, {check: expr, sql: amount <}]").encode())
    assert 2 == len(etlplus("check", "t.yaml", code=3).stderr.splitlines())


def test_a_column_that_is_not_declared_may_be_in_the_file(etlplus):
    steps = """transforms: [{filter: "status <> 'test'"}, {derive: {d: "price * 2"}}]"""
    rules = "rules: [{check: in, column: city, values: [a]}]"
    etlplus.file("t.yaml", f"{HEAD}{steps}\n{rules}".encode())
    told = etlplus.json("check", "t.yaml")
    assert {"status", "price"} <= set(told["assumed_columns"])


def test_without_a_header_the_declared_columns_are_all(etlplus):
    head = HEAD.replace('t.csv"}', 't.csv", format: {header: false}}')
    etlplus.file("t.yaml", (head + "transforms: [{filter: status > 1}]").encode())
    assert 'there is no column "status"' in etlplus("check", "t.yaml", code=3).stderr


def test_the_sample_of_the_readme_is_valid(etlplus):
    told = etlplus.json("check", ROOT / "samples" / "orders.yaml")
    assert {"valid": True, "name": "orders", "assumed_columns": []} == told


PREVIEWED = """version: 1
name: t
source: {type: file, path: f.csv}
columns: {id: bigint}
transforms: [{trim: "*"}, {filter: "name <> 'test'"}, {derive: {n: "length(name)"}}]
rules: [{check: in, column: name, values: [one, four]}]
target: {type: postgres, table: t}
"""


def test_a_preview_shows_records_before_and_after_each_step_and_who_is_out(etlplus):
    etlplus.file("t.yaml", PREVIEWED.encode())
    etlplus.file("f.csv", b"id,name\n1, one\n2,test\nx,two\n4,four,5\n5,five\n6,late\n")
    told = etlplus.json("preview", "t.yaml", "--records", "5")
    steps = {each["after"]: each for each in told["steps"]}
    assert ["read", "transforms[0].trim", "transforms[1].filter", "transforms[2].derive", "rules"] == list(steps)
    assert [
        {"record": 1, "values": {"id": 1, "name": " one"}},
        {"record": 2, "values": {"id": 2, "name": "test"}},
        {"record": 5, "values": {"id": 5, "name": "five"}},
    ] == steps["read"]["records"]
    assert [(4, "the record has 3 fields, 2 are expected"), (3, "id is no bigint")] == [
        (each["record"], *each["reasons"]) for each in steps["read"]["out"]
    ]
    assert "one" == steps["transforms[0].trim"]["records"][0]["values"]["name"]
    assert [{"record": 2, "rejected": False, "reasons": []}] == steps["transforms[1].filter"]["out"]
    assert {"id": 1, "name": "one", "n": 3} == steps["transforms[2].derive"]["records"][0]["values"]
    assert [(5, True, ["name is none of one, four"])] == [tuple(each.values()) for each in steps["rules"]["out"]]
    assert ("bigint", True) == (told["columns"][0]["type"], told["columns"][0]["declared"])
    assert {"encoding": 1.0, "delimiter": 5 / 7, "header": 1.0}.keys() == told["confidence"].keys()


def test_a_preview_for_people_has_a_table_a_step(etlplus):
    etlplus.file("t.yaml", PREVIEWED.encode())
    lines = etlplus(
        "preview", "t.yaml", "--object", etlplus.file("g.csv", b"id,name\n1,one\n2,test\n")
    ).stdout.splitlines()
    assert "after transforms[1].filter:" in lines
    assert "  record 2 is filtered out" in lines
    assert "  record  id  name" in lines


def test_a_preview_of_a_run_scope_step_sees_the_records_that_are_shown(etlplus):
    sql = PREVIEWED.replace('{derive: {n: "length(name)"}}', "{sql: select count(*) as n from input}")
    etlplus.file("t.yaml", sql.partition("rules")[0].encode() + b"target: {type: postgres, table: t}\n")
    etlplus.file("f.csv", b"id,name\n1,one\n2,test\n3,two\n")
    last = etlplus.json("preview", "t.yaml")["steps"][-1]
    assert ([{"record": None, "values": {"n": 2}}], []) == (last["records"], last["out"])


def test_a_preview_touches_no_database_and_needs_a_file(etlplus):
    etlplus.file("t.yaml", HEAD.encode())
    assert "name a file like those with --object FILE" in etlplus("preview", "t.yaml", code=6).stderr
    etlplus(
        "preview",
        "t.yaml",
        "--object",
        etlplus.file("f.csv", b"id,amount\n1,2\n"),
        DATABASE_URL="postgresql://no@127.0.0.1:1/x",
    )


def test_an_encoding_may_be_pinned_on_the_command_line(etlplus):
    file = etlplus.file("f.csv", "id,name\n1,Ã©\n".encode("cp1252"))
    etlplus("load", file, "--encoding", "windows-1252", "--table", "t")
    assert [["Ã©"]] == query(etlplus.database, "SELECT name FROM public.t")
    assert "windows-1252" in etlplus("load", file, "--encoding", "windows", code=3).stderr


def test_the_committed_json_schema_is_current():
    assert json_schema() == json.loads(SCHEMA.read_text(encoding="utf-8")), "etlplus schema > cli/pipeline.schema.json"


def test_a_preview_looks_up_what_stands_in_the_database_and_a_check_needs_none(etlplus):
    etlplus.file("t.csv", b"id,code\n1,FR\n2,XX\n")
    step = "transforms: [{lookup: {table: public.names, on: [code], columns: [name], missing: reject}}]"
    etlplus.file("t.yaml", f"{HEAD.replace('amount', 'code').replace('numeric(9,2)', 'text')}{step}".encode())
    assert "t -> public.t" in etlplus("check", "t.yaml").stdout
    query(etlplus.database, "CREATE TABLE public.names AS SELECT 'FR' AS code, 'France' AS name")
    read, looked = etlplus.json("preview", "t.yaml", "--object", "t.csv")["steps"]
    assert ("read", "transforms[0].lookup") == (read["after"], looked["after"])
    assert [{"id": 1, "code": "FR", "name": "France"}] == [each["values"] for each in looked["records"]]
    assert [{"record": 2, "rejected": True, "reasons": ["code is not in public.names (code)"]}] == looked["out"]


HIDING = """version: 1
name: t
source: {type: file, path: f.csv}
columns: {id: bigint, card: text, n: int}
transforms:
  - rename: {card: no}
  - derive: {m: n * 2}
  - mask: {no: redact}
target: {type: postgres, table: t}
"""


def test_a_preview_hides_what_the_document_hides_until_it_has_done_so(etlplus):
    etlplus.file("t.yaml", HIDING.encode())
    etlplus.file("f.csv", b"id,card,n\n1,SECRETX1,5\n2,,6\nx,SECRETX2,7\n")
    told = etlplus.json("preview", "t.yaml")
    assert [
        [{"id": 1, "card": "***", "n": 5}, {"id": 2, "card": None, "n": 6}],
        [{"id": 1, "no": "***", "n": 5}, {"id": 2, "no": None, "n": 6}],
        [{"id": 1, "no": "***", "n": 5, "m": "***"}, {"id": 2, "no": None, "n": 6, "m": "***"}],
        [{"id": 1, "no": "***", "n": 5, "m": 10}, {"id": 2, "no": None, "n": 6, "m": 12}],
    ] == [[each["values"] for each in step["records"]] for step in told["steps"]]
    assert [(3, ["id is no bigint"])] == [(each["record"], each["reasons"]) for each in told["steps"][0]["out"]]
    assert "SECRET" not in etlplus("preview", "t.yaml").stdout


def test_an_error_of_a_preview_hides_what_the_document_hides(etlplus):
    step = "{sql: 'select id, card, sum(cast(card as int)) over () as s from input'}"
    document = HIDING.partition("transforms")[0] + f"transforms: [{step}, {{mask: {{card: redact}}}}]\n"
    etlplus.file("t.yaml", f"{document}target: {{type: postgres, table: t}}\n".encode())
    etlplus.file("f.csv", b"id,card,n\n1,SECRETX1,5\n")
    told = etlplus("preview", "t.yaml", code=5)
    assert "transforms[0].sql: the query fails on these records: Conversion Error" in told.stderr
    assert "SECRET" not in told.stdout + told.stderr
