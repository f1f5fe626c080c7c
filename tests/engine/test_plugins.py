"""Plugins in the engine: what they get, what becomes of what they make, and whose the failure is."""

import json
from random import Random

import pytest
from conftest import compiled
from making import pipeline
from plugging import SHOUT, plugin_code, plugs

from chalicelib.core.dialect import Dialect
from chalicelib.core.errors import InvalidPipeline, PluginFailed, Refused
from chalicelib.core.pipeline import Plugin
from chalicelib.core.pipeline.steps.sensitive import sensitive_fields
from chalicelib.core.plan import PinnedPlugin
from chalicelib.engine.fates import Fates
from chalicelib.engine.gathering import Gathering
from chalicelib.engine.plugins.installed import check_pins, pins
from chalicelib.engine.session import locked_session
from chalicelib.engine.stream import BATCH_RECORDS, counted, delimited, open_input

__all__ = ["plugs"]

STEP = {"plugin": {"name": "shout", "options": {"column": "a"}}}
NULL = "NULL"
BARE = {"plugin": {"name": "p"}}


def step(**plugged):
    return Plugin.model_validate({"plugin": plugged})


def test_a_plugin_adds_columns_and_rejects_records_by_their_number(plugs, run):
    plugs.install("shout", SHOUT)
    ran = run(b"a,n\nx,1\n--,2\n,3\ny,4\n", {"a": "text", "n": "bigint"}, [{"filter": "n <> 4"}, STEP])
    assert [("x", 1, "X"), (None, 3, None)] == ran.values
    assert [1, 3] == ran.lines
    assert {2: ["plugin"]} == ran.rejects
    assert "shout: nothing to shout" == ran.fates.reasons(ran.fates.codes[0])[0].message
    assert {"filter": 1, "plugin:shout": 1} == ran.fates.broken
    assert (4, 2, 1) == (ran.fates.read, ran.fates.kept, ran.fates.filtered)


def test_a_column_of_a_name_that_is_there_is_replaced_in_its_place(plugs, run):
    plugs.install("shout", SHOUT)
    once = {"plugin": {"name": "shout", "options": {"column": "a", "into": "a"}}}
    assert [("X", "y")] == run(b"a,b\nx,y\n", None, [once]).values


def test_what_is_out_before_is_never_shown_and_plugins_follow_each_other_and_other_steps(plugs, run):
    plugs.install(
        "p", plugin_code("assert None not in a\nreturn Made(columns={'b': pa.array([str(len(a))] * len(a))})")
    )
    plugs.install("shout", SHOUT)
    steps = [
        {"filter": "a is not null"},
        BARE,
        STEP,
        {"derive": {"c": "b || shouted"}},
        {"split": {"column": "a", "by": ";"}},
    ]
    steps += [STEP | {"plugin": {"name": "shout", "options": {"column": "a", "into": "e"}}}]
    ran = run(b'a,z\nx;y,1\n,2\n"q;-",3\n', None, steps)
    assert [
        ("x", "1", "2", "X;Y", "2X;Y", "X"),
        ("y", "1", "2", "X;Y", "2X;Y", "Y"),
        ("q", "3", "2", "Q;-", "2Q;-", "Q"),
    ] == ran.values
    assert [1, 1, 3] == ran.lines
    assert [('{"a": "-"', 3)] == [(values[:9], record) for values, _, record in ran.fates.late]


TYPES = {
    "text": "ä", "smallint": "-5", "integer": "7", "bigint": "9223372036854775807", "real": "0.5",
    "double precision": "1.25", "boolean": "true", "date": "2024-02-29", "time": "12:34:56.789",
    "numeric(12,2)": "3.10",
    "timestamp": "2024-02-29 12:34:56.000001", "timestamptz": "2024-02-29 12:34:56+02:00", "numeric(38,9)": "0.5",
}  # fmt: skip


def test_every_type_goes_there_and_back_unchanged(plugs, run):
    names = {f"c{i}": kind for i, kind in enumerate(TYPES)}
    adds = {f"d{i}": kind for i, kind in enumerate(TYPES)}
    make = "return Made(columns={f'd{i}': c for i, c in enumerate(records.columns)})"
    plugs.install("p", plugin_code(make, repr(names), repr(adds)))
    data = ",".join(names) + "\n" + ",".join(TYPES.values()) + "\n" + "," * (len(names) - 1) + "\n"
    ran = run(data.encode(), names, [BARE])
    for record in ran.values:
        assert record[: len(names)] == record[len(names) :]
    assert None not in ran.values[0]


def test_a_numeric_of_any_digits_is_read_as_it_is_there(plugs, run):
    make = "return Made(columns={'b': pa.array([f'{records.schema[0].type}'] * len(a))})"
    plugs.install("p", plugin_code(make, '{"a": "numeric"}'))
    assert "decimal128(9, 2)" == run(b"a\n1.50\n", {"a": "numeric(9,2)"}, [BARE]).values[0][1]


def test_records_beyond_one_call_keep_their_order(plugs, run):
    plugs.install("p", plugin_code("return Made(columns={'b': pa.array([v[::-1] for v in a])}, rejected={0: 'bad'})"))
    size = BATCH_RECORDS * 2 + 10
    ran = run(("a\n" + "".join(f"v{i}\n" for i in range(1, size + 1))).encode(), None, [BARE])
    firsts = {1, BATCH_RECORDS + 1, 2 * BATCH_RECORDS + 1}
    assert firsts == ran.rejects.keys()
    assert [i for i in range(1, size + 1) if i not in firsts] == ran.lines
    assert all(b == a[::-1] and a == f"v{line}" for (a, b), line in zip(ran.values, ran.lines, strict=True))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        ("raise KeyError('x')", "raised KeyError at etlplus_p.py:12 on record 1: 'x'"),
        ("return Made(columns={'b': pa.array([str(1 // int(v)) for v in a])})",
         "raised ZeroDivisionError at etlplus_p.py:12 on record 3: integer division or modulo by zero"),
        ("import sys\nsys.exit(3)", "raised SystemExit at etlplus_p.py:13 on record 1: 3"),
        ("if len(a) > 1: raise OSError\nreturn Made(columns={'b': pa.array(a)})", "raised OSError at etlplus_p.py:12"),
        ("return a", "returned a list, no etlplus.plugins.Made"),
        ("return Made(columns={'c': records.column(0)})", "did not make the column b"),
        ("return Made(columns={'b': records.column(0), 'x'+a[1]: 3})", "made a column that it does not declare"),
        ("return Made(columns={'b': pa.array([{'secret': 1}] * 4)})",
         "made a column b that is of a nested Arrow type, its declared type is string"),
        ("return Made(columns={})", "did not make the column b"),
        ("return Made(columns={'b': a})", "made a column b that is a list, no pyarrow.Array"),
        ("return Made(columns={'b': pa.array(range(4))})",
         "made a column b that is of Arrow type int64, its declared type is string"),
        ("return Made(columns={'b': pa.array(['x'])})", "made a column b that has 1 values for 4 records"),
        ("return Made(columns={'b': pa.array(['\\0'] * 4)})",
         "made a column b that holds a NUL character, PostgreSQL has none in text"),
        ("return Made(columns={'b': records.column(0)}, rejected={4: 'bad'})", "rejected the record at place 4 of 4"),
        ("return Made(columns=None)", "made columns in a NoneType, no mapping of names to arrays"),
        ("return Made(columns={'b': records.column(0)}, rejected=[1])",
         "rejected a list, no mapping of places to reasons"),
        ("return Made(columns={'b': records.column(0)}, rejected={'1': 'bad'})",
         "rejected a record by a str, no whole number"),
        ("return Made(columns={'b': records.column(0)}, rejected={0: 'secret'})",
         "rejected a record for a reason that it does not declare"),
    ],
)  # fmt: skip
def test_a_failure_is_the_plugins_with_version_place_record_and_way_out(plugs, run, make, said):
    plugs.install("p", plugin_code(make), "2.5")
    with pytest.raises(PluginFailed) as caught:
        run(b"a\n1\n2\n0\n4\n", None, [{"trim": "*"}, BARE])
    way_out = "nothing was published; mend the plugin, or pip install another version of its package"
    assert f"transforms[1].plugin: the plugin p (etlplus-p 2.5) {said}; {way_out}" == str(caught.value)
    assert (None, None) == (caught.value.__cause__, caught.value.__context__)


@pytest.mark.parametrize(
    ("value", "kind", "said"),
    [
        ("pa.array([-800000], pa.int32()).cast(pa.date32())", "date", "holds a moment outside the years 1 to 9999"),
        ("pa.array([2**60]).cast(pa.timestamp('us', 'UTC'))", "timestamptz", "holds a moment outside the years 1 to"),
        ("pa.array([b'\\xff']).view(pa.string())", "text", "holds what is no value of its type"),
    ],
)  # fmt: skip
def test_a_value_that_postgresql_has_not_is_the_plugins_failure(plugs, run, value, kind, said):
    plugs.install("p", plugin_code(f"return Made(columns={{'b': {value}}})", adds=f"{{'b': '{kind}'}}"))
    with pytest.raises(PluginFailed, match=said):
        run(b"a\n1\n", None, [BARE])


@pytest.mark.parametrize("later", [[], [{"mask": {"b": "redact"}}], [{"hash": {"columns": ["a"]}}]])
def test_what_a_later_step_hides_is_in_no_failure(plugs, run, later):
    plugs.install("p", plugin_code("raise ValueError(f'cannot read {a}')"))
    with pytest.raises(PluginFailed, match=r"raised ValueError at etlplus_p\.py:12 on record 1") as caught:
        run(b"a\nsecret\n", None, [BARE, *later])
    assert ("secret" in str(caught.value)) == (not later)


def test_after_a_plugin_nobody_knows_which_field_a_hidden_column_holds():
    mask = {"mask": {"a": "redact"}}
    after, before = (pipeline(transforms=steps).transforms for steps in ([BARE, mask], [mask, BARE]))
    assert (None, frozenset({0})) == (sensitive_fields(after, ["a"]), sensitive_fields(before, ["a"]))


@pytest.mark.parametrize(
    ("plugged", "said"),
    [
        ({"name": "shuot"}, '.name: no package here brings a plugin "shuot"; did you mean "shout"?'),
        ({"name": "zzz"},
         '.name: no package here brings a plugin "zzz"; pip install its package where etlplus runs (installed: geo, shout)'),  # noqa: E501
        ({"name": "shout"}, '.options: the option "column" is required; add it'),
        ({"name": "shout", "options": {"colunm": "a", "column": "a"}},
         '.options.colunm: unknown option; did you mean "column"?'),
        ({"name": "shout", "options": {"column": 3}},
         ".options.column: Input should be a valid string; see the plugin's own page"),
        ({"name": "shout", "options": {"column": "x", "into": "x"}},
         ": column and into are both x; choose another name"),
        ({"name": "shout", "options": {"column": "b"}},
         ': there is no column "b" at this point; the columns here are a, n'),
        ({"name": "shout", "options": {"column": "n"}},
         ": shout reads n as text, but n is bigint, no text; put cast: {n: text} before this step"),
        ({"name": "shout", "options": {"column": "a", "into": "_etl_run"}},
         ': shout adds "_etl_run" begins with _etl_, which is reserved; choose another name'),
        ({"name": "shout", "options": {"column": "a", "into": "N"}},
         ': the columns "n" and "N" differ in case only, and would be taken for one; rename one of them, or leave it out'),  # noqa: E501
    ],
)  # fmt: skip
def test_a_mistake_of_the_document_names_place_nearest_word_and_way_out(plugs, plugged, said):
    plugs.install("shout", SHOUT)
    plugs.install("geo", "plugin = None")
    with pytest.raises(InvalidPipeline) as caught:
        compiled({"a": "text", "n": "bigint"}, [{"plugin": plugged}])
    assert f"transforms[0].plugin{said}" == str(caught.value)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import nowhere_at_all", "does not load: ModuleNotFoundError at etlplus_p.py:5: No module named"),
        ("plugin = 3", "is etlplus_p:plugin, of type int; its entry point must name an etlplus.plugins.Plugin"),
        (plugin_code("", declare="raise KeyError('k')"), "raised KeyError at etlplus_p.py:7: 'k'"),
        (plugin_code("", declare="return 3"), "declares a int, no Declaration"),
        (plugin_code("", adds='{"b": "jsonb"}'), "declares b as jsonb; plugins have text, smallint"),
        (plugin_code("", adds='{"b": "numeric"}'), "declares b as numeric; plugins have"),
        (plugin_code("", adds='["b"]'), "declares columns that are no mapping of names to types"),
        (plugin_code("").replace('("bad",)', '("bad")'), "declares reasons that are no tuple of texts"),
        (plugin_code("").replace("=Options,", "=3,"), "raised AttributeError: 'int' object has no attribute"),
        (plugin_code("", reads='{"b": "strnig"}'), 'declares unknown type "strnig"'),
    ],
)
def test_a_plugin_that_cannot_be_used_is_named_before_there_is_a_record(plugs, code, said):
    plugs.install("p", code)
    with pytest.raises(PluginFailed) as caught:
        compiled({"a": "text"}, [BARE])
    assert f"the plugin p (etlplus-p 1.0) {said}" in str(caught.value)


def test_two_packages_with_one_plugin_are_refused(plugs):
    plugs.install("p", plugin_code(""))
    plugs.install("p", plugin_code(""), "3.0", package="other-p")
    with pytest.raises(
        InvalidPipeline, match=r"etlplus-p 1.0 and other-p 3.0 both bring a plugin \"p\"; uninstall one"
    ):
        compiled({"a": "text"}, [BARE])


def test_a_run_keeps_the_version_that_it_was_planned_with(plugs):
    plugs.install("p", plugin_code(""))
    steps = [step(name="p"), step(name="p")]
    planned = pins(steps)
    assert (PinnedPlugin("p", "etlplus-p", "1.0"),) == planned
    check_pins(planned, steps)
    plugs.install("p", plugin_code(""), "1.1")
    with pytest.raises(
        Refused, match=r"planned with the plugin p \(etlplus-p 1.0\), here is etlplus-p 1.1; install one"
    ):
        check_pins(planned, steps)


def test_an_upgrade_under_a_running_process_is_noticed(plugs):
    plugs.install("shout", SHOUT)
    compiled({"a": "text"}, [STEP])
    plugs.upgrade("shout", "2.0")
    with pytest.raises(
        Refused, match=r"has the plugin shout \(etlplus-shout 1.0\) in memory, 2.0 is installed by now; start"
    ):
        compiled({"a": "text"}, [STEP])
    plugs.forget()
    compiled({"a": "text"}, [STEP])


def test_what_a_plugin_prints_is_no_data(plugs, run, capsys):
    plugs.install("p", plugin_code("print('busy')\nreturn Made(columns={'b': records.column(0)})"))
    assert [("x", "x")] == run(b"a\nx\n", None, [BARE]).values
    assert ("", "busy\n") == capsys.readouterr()


def test_a_plugin_may_read_no_column_at_all(plugs, run):
    make = "return Made(columns={'b': pa.array(['x'] * records.num_rows)}, rejected={pa.scalar(1).as_py(): 'bad'})"
    plugs.install("p", plugin_code(make, reads="{}"))
    ran = run(b"a\n1\n2\n3\n", None, [BARE])
    assert ([("1", "x"), ("3", "x")], {2: ["plugin"]}) == (ran.values, ran.rejects)


def test_options_travel_as_they_were_written():
    options = {"list": ["a", [1, 2.5]], "map": {"b": True, "c": {}}, "n": 0}
    document = pipeline(transforms=[{"plugin": {"name": "p", "options": options}}])
    again = type(document).model_validate_json(document.canonical())
    assert (document, document.digest()) == (again, again.digest())
    assert options == json.loads(document.canonical())["transforms"][0]["plugin"]["options"]


def test_records_cut_anywhere_have_equal_outcomes_and_keep_batch_and_number(plugs, tmp_path):
    plugs.install("shout", SHOUT)
    random = Random(7)
    for size in (1, 5, 40):
        records = [random.choice(["x", "-", "", "Yy"]) for _ in range(size)]
        expected = [(v or None, v.upper() or None) for v in records if v != "-"]
        for batches in (1, 2, size):
            parts = [records[i * size // batches : (i + 1) * size // batches] for i in range(batches)]
            kept, fates = carried_out(parts, tmp_path)
            assert expected == [(record["a"], record["shouted"]) for part in kept for record in part]
            for part, found, fate in zip(parts, kept, fates, strict=True):
                assert [i for i, v in enumerate(part, 1) if v != "-"] == [record["_etl_line"] for record in found]
                assert [i for i, v in enumerate(part, 1) if v == "-"] == list(fate.rejected)


def carried_out(parts, folder):
    """What is kept of each batch, and their fates; each batch is taken twice, as where it had to be screened."""
    program = compiled({"a": "text"}, [STEP])
    path, fates = folder / "part.csv", [Fates(program.causes) for _ in parts]
    with locked_session(readable=[path], spill=folder) as connection:
        gathering = Gathering(connection, program)
        for number, part in enumerate(parts):
            path.write_text("a\n" + "".join(f"{value or NULL}\n" for value in part))
            for _ in range(2):
                open_input(connection, delimited(path, Dialect(nulls=(NULL,)), 1, new_line="\n", longest_bytes=2**20))
                gathering.begin(number, fates[number], counted)
                gathering.take(number)
        gathering.carry_out()
        return [[r for c in gathering.records(n) for r in c.to_pylist()] for n in range(len(parts))], fates
