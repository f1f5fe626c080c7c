"""The document: text to a pipeline, or every mistake with its place, cause and way out."""

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.core.document import InvalidDocument, parse_pipeline
from chalicelib.core.errors import InvalidPipeline
from chalicelib.core.pipeline import Pipeline
from chalicelib.core.types import SUPPORTED

ORDERS = """\
version: 1
name: orders_daily
source:
  type: s3
  uri: s3://landing/orders/*.csv.gz
  format: {type: csv, delimiter: ",", header: true, encoding: utf-8, nulls: ["", "NULL"]}
columns:
  order_id: {type: bigint, required: true}
  customer: text
  amount: {type: "numeric(12,2)"}
  ordered_at: {type: timestamptz, format: "%Y-%m-%d %H:%M:%S", timezone: Europe/Paris}
transforms:
  - trim: "*"
  - rename: {customer: customer_name}
  - derive: {amount_cents: "cast(amount * 100 as bigint)"}
  - filter: "currency is not null"
  - sql: select *, cast(ordered_at as date) as order_date from input
rules:
  - {check: not_null, columns: [order_id]}
  - {check: in, column: currency, values: [EUR, USD, GBP]}
  - {check: expr, sql: "amount >= 0", message: negative amount}
  - {check: row_count, min: 1, severity: fail}
  - {check: reject_ratio, max: 0.01}
target:
  type: postgres
  connection: warehouse
  table: sales.orders
triggers:
  - {type: object}
parallel: {batch_mb: 32, max_workers: 50}
limits: {timeout_minutes: 60}
"""

SMALL = """\
version: 1
name: orders
source: {type: file, path: orders.csv}
target: {type: postgres, table: orders}
"""

STEPS = (
    "trim, rename, cast, derive, filter, deduplicate, split, lookup, aggregate, pivot, unpivot, mask, hash, sql, plugin"
)
TYPES = f"supported: {', '.join(SUPPORTED)}"


def mistakes(text):
    with pytest.raises(InvalidDocument) as caught:
        parse_pipeline(text, name="o.yaml")
    return caught.value


def test_the_document_of_the_design_is_a_pipeline():
    pipeline = parse_pipeline(ORDERS)
    assert pipeline.name == "orders_daily"
    assert list(pipeline.columns) == ["order_id", "customer", "amount", "ordered_at"]
    assert parse_pipeline(pipeline.canonical()) == pipeline


# fmt: off
MISTAKES = [  # written, instead of it, and what is said
    ("version: 1", "version: 2", '1:10: version: "2" is not allowed; allowed: 1'),
    ("version: 1", "version: true", '1:10: version: "true" is not allowed; allowed: 1'),
    ("version: 1", 'version: "1"', '1:10: version: expected a number, found the text "1"; write 1 without quotes'),
    ("version: 1\n", "", "1:1: version: this key is required; add it"),
    ("name: orders_daily", "nmae: orders_daily", '2:1: nmae: unknown key; did you mean "name"?'),
    ("name: orders_daily", "name: 5", '2:7: name: expected text, found the number 5; write it in quotes: "5"'),
    ("name: orders_daily", "name: Orders Daily",
     ('2:7: name: "Orders Daily" is not a name; did you mean "orders_daily"? write 1 to 63 lower case letters, '
     "digits, - and _, beginning with a letter or digit")),
    ("type: s3", "type: s4", '4:9: source.type: "s4" is not allowed; allowed: s3, file'),
    ("type: s3", "typ: s3", '4:3: source.typ: unknown key; did you mean "type"?'),
    ("type: s3", "type: [s3]", "4:9: source.type: expected one word, found a list; allowed: s3, file"),
    ("  uri: s3", "  url: s3", '5:3: source.url: unknown key; did you mean "uri"?'),
    ("s3://landing/orders", "s3:///orders",
     '5:8: source.uri: "s3:///orders/*.csv.gz" has no bucket; write s3://bucket/key-pattern'),
    ("s3://landing/orders", "s3://land*/orders",
     '5:8: source.uri: "s3://land*/orders/*.csv.gz" has a wildcard in the bucket; * and ? work in the key only'),
    ("s3://landing/orders", "gs://landing/orders",
     '5:8: source.uri: "gs://landing/orders/*.csv.gz" is not an S3 place; write s3://bucket/key-pattern'),
    ("delimiter:", "delimeter:", '6:23: source.format.delimeter: unknown key; did you mean "delimiter"?'),
    ('delimiter: ","', "delimiter: ab",
     '6:34: source.format.delimiter: "ab" is 2 characters long; write exactly one'),
    ('delimiter: ","', r"delimiter: '\t'",
     (r'6:34: source.format.delimiter: "\\t" is 2 characters long; '
     r'write exactly one (a tab is "\t" in double quotes)')),
    ('delimiter: ","', r'delimiter: "\n"',
     r'6:34: source.format.delimiter: "\n" cannot cut fields; write another character'),
    ("header: true", "header: yes",
     '6:47: source.format.header: expected true or false, found the text "yes"; write true'),
    ("header: true", 'header: "false"',
     '6:47: source.format.header: expected true or false, found the text "false"; write false'),
    ("header: true", "header: 1", "6:47: source.format.header: expected true or false, found the number 1; write true"),
    ("encoding: utf-8", "encoding: utf8", '6:63: source.format.encoding: "utf8" is not allowed; did you mean "utf-8"?'),
    ("type: csv", "type: parquet", '6:18: source.format.type: "parquet" is not there yet; allowed today: csv, jsonl'),
    ('"NULL"', "NULL", '6:82: source.format.nulls[1]: expected text, found nothing; write it in quotes: "NULL"'),
    ('["", "NULL"]', "x", '6:77: source.format.nulls: expected a list, found the text "x"; write a list: [x]'),
    ("type: bigint", "type: bigit",
     f'8:20: columns.order_id.type: unknown type "bigit"; did you mean "bigint"? {TYPES}'),
    ("customer: text", "customer: txet", f'9:13: columns.customer: unknown type "txet"; did you mean "text"? {TYPES}'),
    ("customer: text", "customer: 7", ("9:13: columns.customer: expected a mapping, found the number 7; "
     "allowed keys: type, required, format, timezone")),
    ("customer: text", "customer: {required: true}", "9:13: columns.customer.type: this key is required; add it"),
    ("customer: text", "_etl_run: text",
     '9:3: columns._etl_run: "_etl_run" begins with _etl_, which is reserved; choose another name'),
    ("required: true", "requird: true", '8:28: columns.order_id.requird: unknown key; did you mean "required"?'),
    ("numeric(12,2)", "numeric(12,20)", ("10:18: columns.amount.type: numeric scale 20 is outside 0 to 12, its "
     "precision; write a smaller scale")),
    ("Europe/Paris", "Europe/Pariss",
     '11:74: columns.ordered_at.timezone: unknown time zone "Europe/Pariss"; did you mean "Europe/Paris"?'),
    ("Europe/Paris", "paris",
     '11:74: columns.ordered_at.timezone: unknown time zone "paris"; did you mean "Europe/Paris"?'),
    ("type: timestamptz", "type: timestamp", ("11:72: columns.ordered_at.timezone: timestamp without time zone takes "
     "no timezone; only timestamptz does")),
    ("%Y-%m-%d", "%Q", ('11:43: columns.ordered_at.format: "%Q %H:%M:%S" has the unknown directive "%Q"; '
     "a plain percent is %%")),
    ("- trim", "- trimm", '13:5: transforms[0].trimm: unknown step; did you mean "trim"?'),
    ("- trim", "- upsert", f"13:5: transforms[0].upsert: unknown step; allowed: {STEPS}"),
    ("- trim", "- dedupe", '13:5: transforms[0].dedupe: unknown step; did you mean "deduplicate"?'),
    ('trim: "*"', "trim: amount",
     '13:11: transforms[0].trim: "amount" is not allowed; write "*" or a list: [amount]'),
    ('trim: "*"', "trim: []",
     "13:11: transforms[0].trim: nothing is listed here; give at least one, or remove the key"),
    ('trim: "*"', "trim: [a, a]", '13:11: transforms[0].trim: "a" is given twice; keep one'),
    ('trim: "*"', "{trim: a, sql: b}", ("13:5: transforms[0]: a step has one key, this one has 2; "
     f"write each as a step of its own; steps: {STEPS}")),
    ('trim: "*"', "trim", ('13:5: transforms[0]: expected a step, found the text "trim"; '
     f"write one of {STEPS}: value")),
    ('trim: "*"', "mask: {a: redcat}",
     '13:15: transforms[0].mask.a: "redcat" is no way to mask; did you mean "redact"?'),
    ('trim: "*"', "mask: {a: keep_lst 4}",
     '13:15: transforms[0].mask.a: "keep_lst 4" is no way to mask; did you mean "keep_last 4"?'),
    ('trim: "*"', "cast: {a: bigit}",
     f'13:15: transforms[0].cast.a: unknown type "bigit"; did you mean "bigint"? {TYPES}'),
    ('trim: "*"', "deduplicate: {column: [a]}",
     '13:19: transforms[0].deduplicate.column: unknown key; did you mean "columns"?'),
    ('trim: "*"', "deduplicate: {columns: [a], keep: lst}",
     '13:39: transforms[0].deduplicate.keep: "lst" is not allowed; did you mean "last"?'),
    ('trim: "*"', 'split: {column: a, by: ""}',
     ('13:28: transforms[0].split.by: the separator is empty; '
      'write the text between the parts, such as ","')),
    ('trim: "*"', "pivot: {by: [a], column: b, values: {x: v, y: v}, take: max(c)}",
     '13:41: transforms[0].pivot.values: "x" and "y" both stand for "v"; keep one'),
    ("customer: customer_name", "customer: amount",
     '14:24: transforms[1].rename.customer: "customer" is renamed to "amount", which exists; choose another name'),
    ("customer: customer_name", "customer: _etl_x",
     '14:24: transforms[1].rename.customer: "_etl_x" begins with _etl_, which is reserved; choose another name'),
    ("check: not_null", "check: not_nul", '19:13: rules[0].check: "not_nul" is not allowed; did you mean "not_null"?'),
    ("{check: not_null, ", "{", ("19:5: rules[0].check: this key is required; "
     "allowed values: not_null, in, range, length, regex, date_order, expr, unique, foreign_key, freshness, "
     "row_count, reject_ratio, sum, mean")),
    (", values: [EUR, USD, GBP]", "", "20:5: rules[1].values: this key is required; add it"),
    ("[EUR, USD, GBP]", "[]", "20:43: rules[1].values: nothing is listed here; give at least one, or remove the key"),
    ("[EUR, USD, GBP]", "[EUR, null]", ("20:49: rules[1].values[1]: expected text, a number, true or false, "
     "found nothing; write a value or remove the key")),
    ("[EUR, USD, GBP]", "[.nan]", "20:44: rules[1].values[0]: .nan is not a finite number; write a number"),
    ("[EUR, USD, GBP]", "[007]", '20:44: 007 would lose its leading zeros; write it in quotes: "007"'),
    ("min: 1", "min: 1e3", "22:29: rules[3].min: expected a whole number, found the number 1e3; write a whole number"),
    ("min: 1", "min: 5, max: 4", "22:29: rules[3].min: min 5 is above max 4; no run can pass, swap them"),
    (" min: 1,", "", "22:5: rules[3]: row_count has neither min nor max; give at least one"),
    ("severity: fail", "severity: reject", '22:42: rules[3].severity: "reject" is not allowed; allowed: warn, fail'),
    ("severity: fail", "severity: fial", '22:42: rules[3].severity: "fial" is not allowed; did you mean "fail"?'),
    ("max: 0.01", "max: 1.5", "23:32: rules[4].max: 1.5 is too large; the largest allowed is 1"),
    ("reject_ratio, max: 0.01", "row_count, max: 9", "23:5: rules[4]: a second row_count rule; keep one"),
    ("type: postgres", "type: postgre", '25:9: target.type: "postgre" is not allowed; did you mean "postgres"?'),
    ("connection: warehouse", "connection: postgres://u:p@h/d",
     ('26:15: target.connection: this is not a connection\'s name; write the name only (lower case '
     "letters, digits, - and _), never an address or a password")),
    ("table: sales.orders", "table: etl.runs",
     '27:10: target.table: the schema "etl" is reserved; choose another, such as public'),
    ("table: sales.orders", "table:",
     "27:3: target.table: expected text, found nothing; write a value or remove the key"),
    ("  table:", "  write: merge\n  table:",
     "27:10: target.write: merge needs keys, the columns that tell rows apart; add keys: [id], say"),
    ("  table:", "  write: apend\n  table:", '27:10: target.write: "apend" is not allowed; did you mean "append"?'),
    ("  table:", "  keys: [a]\n  table:",
     ("27:9: target.keys: keys means nothing when the write mode is append; "
      "remove it, or write merge or scd2")),
    ("  table:", "  write: megre\n  keys: [a]\n  table:",
     '27:10: target.write: "megre" is not allowed; did you mean "merge"?'),
    ("  table:", "  write: merge\n  keys: [a]\n  order_by: a\n  table:",
     ('29:13: target.order_by: "a" is one of the keys, so it is equal where it should tell records apart; '
      "name another column")),
    ("  table:", "  write: scd2\n  keys: [a, is_current]\n  table:",
     '28:13: target.keys[1]: "is_current" is a column that scd2 keeps by itself; name another column'),
    ("  table:", "  write: merge\n  keys: [a]\n  effective_at: b\n  table:",
     ("29:17: target.effective_at: effective_at means nothing when the write mode is merge; "
      "remove it, or write scd2")),
    ("  table:", "  write: replace\n  on_new_version: replace\n  table:",
     ("28:19: target.on_new_version: on_new_version means nothing when the write mode is replace; "
      "remove it, or write append")),
    ("  table:", "  on_new_version: replace\n  provenance: false\n  table:",
     ("27:19: target.on_new_version: on_new_version: replace finds an object's rows by their provenance; "
      "remove provenance: false")),
    ("  table:", "  keep: {runs: -1}\n  table:",
     "27:16: target.keep.runs: -1 is too small; the smallest allowed is 0"),
    ("type: object", "type: schedule", '29:12: triggers[0].type: "schedule" is not there yet; allowed today: object'),
    ("batch_mb: 32", "batch_mb: 0", "30:22: parallel.batch_mb: 0 is too small; the smallest allowed is 1"),
    ("batch_mb: 32", 'batch_mb: "32"', ('30:22: parallel.batch_mb: expected a whole number, found the text "32"; '
     "write a whole number without quotes")),
    ("timeout_minutes: 60", "timeout_minutes: 721",
     "31:27: limits.timeout_minutes: 721 is too large; the largest allowed is 720"),
    ("limits: {timeout_minutes: 60}", "limits:", ("31:1: limits: expected a mapping, found nothing; "
     "write a value or remove the key")),
    ("limits: {timeout_minutes: 60}", "name: b", '31:1: the key "name" is given twice, first in line 2; keep one'),
    ("limits: {timeout_minutes: 60}", "zip: 1", ("31:1: zip: unknown key; allowed: version, name, description, source, "
     "columns, transforms, rules, target, triggers, parallel, limits")),
    ("limits: {timeout_minutes: 60}", "alerts: []", "31:1: alerts: this key is not there yet; remove it"),
]
# fmt: on


@pytest.mark.parametrize(("written", "instead", "said"), MISTAKES, ids=[said[:60] for _, _, said in MISTAKES])
def test_a_mistake_is_told_with_its_place_its_cause_and_the_way_out(written, instead, said):
    assert written in ORDERS
    assert str(mistakes(ORDERS.replace(written, instead, 1))) == f"o.yaml:{said}"


# fmt: off
FORMS = [
    ("", "1:1: the document is empty; begin with version: 1"),
    ("# nothing\n", "1:1: the document is empty; begin with version: 1"),
    ("- a", "1:1: the document is not a mapping; begin with version: 1"),
    ("text", "1:1: the document is not a mapping; begin with version: 1"),
    ("a: [1\nb: 2", ("2:2: not YAML: while parsing a flow sequence, expected ',' or ']', but got ':'; "
     "look here and at the line before")),
    ("a:\n\tb: 1", ("2:1: not YAML: while scanning for the next token, found character '\\t' that cannot start any "
     "token; indent with spaces, not tabs")),
    ('{"a": 1,', ("1:9: not YAML: while parsing a flow node, expected the node content, but found '<stream end>'; "
     "look here and at the line before")),
    ("a: 1\nb: \x01", '2:4: the character U+0001 is not allowed; remove it, or write it as "\\u0001" in double quotes'),
    ('a: "\\UFFFFFFFF"', "1:1: the text is not YAML from near here on; check the escapes in double quotes"),
    ("a: 1\n---\nb: 2", "2:1: a second document begins here; keep one document a text"),
    ("%YAML 1.1\n---\na: 1", "2:1: a % directive asks for other rules than YAML 1.2; remove it"),
    ("[" * 100, "1:21: values are nested deeper than 20; flatten them"),
    ("a: " + "x" * 1_000_000, "1:1: the document has 1,000,003 bytes, the limit is 1,000,000; split it"),
    (SMALL + "description: &a text", ("5:14: an anchor (&) is not allowed; remove it, "
     "and write the value out where it is used")),
    (SMALL + "description: *a", "5:14: an alias (*) is not allowed; write the value out"),
    (SMALL + "description: !!str text", "5:14: a tag (!) is not allowed; remove it; quotes make a text"),
    (SMALL + r'description: "\ud83d"', r'5:14: "\ud83d" holds half a character; write the whole character'),
    (SMALL + "? [a]\n: 1", "5:3: a key is not text; write one word before the colon"),
    (SMALL + "limits: {max_record_mb: " + "9" * 101 + "}",
     "5:25: a number has 101 digits, the limit is 100; write it in quotes"),
]
# fmt: on


@pytest.mark.parametrize(("text", "said"), FORMS, ids=[said[:60] for _, said in FORMS])
def test_a_text_that_is_no_plain_document_is_told_so(text, said):
    assert str(mistakes(text)) == f"o.yaml:{said}"


def test_an_address_written_as_a_connection_is_not_repeated():
    assert "secret" not in str(mistakes(ORDERS.replace("warehouse", "postgres://u:secret@h/d")))


def test_all_mistakes_are_told_at_once_in_their_order():
    text = ORDERS.replace("nulls", "nuls").replace("bigint, req", "bigit, req").replace("- filter", "- fliter")
    assert [(problem.line, problem.pointer) for problem in mistakes(text).problems] == [
        (6, "source.format.nuls"),
        (8, "columns.order_id.type"),
        (16, "transforms[3].fliter"),
    ]


def test_of_many_mistakes_ten_lines_are_shown_and_all_are_kept():
    columns = "columns:\n" + "".join(f"  c{i}: bigit\n" for i in range(25))
    error = mistakes(SMALL + columns)
    lines = str(error).splitlines()
    assert len(error.problems) == 25
    assert len(lines) == 10
    assert lines[-1] == "and 16 more"


def test_ten_mistakes_are_ten_lines():
    error = mistakes(SMALL + "columns:\n" + "".join(f"  c{i}: bigit\n" for i in range(10)))
    assert len(str(error).splitlines()) == 10
    assert "more" not in str(error).splitlines()[-1]


def test_the_error_is_an_invalid_pipeline_whose_problems_are_data():
    error = mistakes(SMALL.replace("path", "paht"))
    assert isinstance(error, InvalidPipeline)
    (problem,) = error.problems
    assert (problem.line, problem.column, problem.pointer) == (3, 22, "source.paht")
    assert (problem.message, problem.hint) == ("unknown key", 'did you mean "path"?')


def test_a_column_may_have_the_name_of_a_key_or_of_a_word():
    columns = dict.fromkeys(("type", "check", "s3", "trim", "columns", "in", "text"), "text")
    assert list(parse_pipeline(SMALL + "columns: " + json.dumps(columns)).columns) == list(columns)
    (problem,) = mistakes(
        SMALL + "columns: {type: text, text: {type: text, formt: x}, trim: {trim: 1, type: text}}"
    ).problems[:1]
    assert problem.pointer == "columns.text.formt"


def test_a_name_with_dots_is_quoted_in_the_place():
    (problem,) = mistakes(SMALL + 'columns: {"my.col": bigit}').problems
    assert problem.pointer == 'columns."my.col"'


def values(written):
    text = SMALL + f"rules: [{{check: in, column: a, values: [{written}]}}]"
    return list(parse_pipeline(text).rules[0].values)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("on, off, yes, no, y, n", ["on", "off", "yes", "no", "y", "n"]),
        ("2024-01-01, 12:30:00, 2024-01-01T00:00:00Z", ["2024-01-01", "12:30:00", "2024-01-01T00:00:00Z"]),
        ("true, False, TRUE", [True, False, True]),
        ("1e3, 1.5, .5, -2.", [1000.0, 1.5, 0.5, -2.0]),
        ("0o7, 0x1F, -5, +5, 0", [7, 31, -5, 5, 0]),
        ("1_000, 0b1, 1:30, 0o8, tRUE", ["1_000", "0b1", "1:30", "0o8", "tRUE"]),
        ('"true", "1", \'null\'', ["true", "1", "null"]),
        ('"007", 1.2.3, "~"', ["007", "1.2.3", "~"]),
        ("=, <<", ["=", "<<"]),
    ],
)
def test_a_scalar_is_what_yaml_1_2_says(written, expected):
    assert values(written) == expected
    assert list(map(type, values(written))) == list(map(type, expected))


def test_a_key_is_text_whatever_it_looks_like():
    columns = "columns: {on: text, no: text, true: text, null: text, 1: text, 01: text, 2024-01-01: text}"
    assert list(parse_pipeline(SMALL + columns).columns) == ["on", "no", "true", "null", "1", "01", "2024-01-01"]


@pytest.mark.parametrize("layout", [{}, {"indent": 2}, {"indent": "\t"}, {"separators": (",", ":")}])
@pytest.mark.parametrize("ensure_ascii", [True, False])
def test_json_in_any_layout_is_the_same_pipeline_as_yaml(layout, ensure_ascii):
    text = SMALL + "description: caf\u00e9 \U0001f600\n"
    plain = parse_pipeline(text).plain()
    assert (
        parse_pipeline(json.dumps(plain, ensure_ascii=ensure_ascii, **layout)).digest() == parse_pipeline(text).digest()
    )


def test_a_byte_order_mark_and_windows_line_ends_change_nothing():
    assert parse_pipeline("\ufeff" + ORDERS.replace("\n", "\r\n")).digest() == parse_pipeline(ORDERS).digest()
    assert mistakes("\ufeff" + SMALL.replace("version", "versoin")).problems[0].column == 1


def test_json_mistakes_are_located_like_those_of_yaml():
    text = json.dumps(parse_pipeline(ORDERS).plain(), indent=2).replace('"header"', '"haeder"')
    line = next(number for number, each in enumerate(text.splitlines(), 1) if "haeder" in each)
    assert str(mistakes(text)) == f'o.yaml:{line}:7: source.format.haeder: unknown key; did you mean "header"?'


DOCUMENT = parse_pipeline(ORDERS).plain()
JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["type", "in", "*"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def judged(text):
    """What must hold for any text: a pipeline that survives its canonical text, or short and plain problems."""
    try:
        pipeline = parse_pipeline(text)
    except InvalidDocument as error:
        told = error
    else:
        assert isinstance(pipeline, Pipeline)
        assert parse_pipeline(pipeline.canonical()).canonical() == pipeline.canonical()
        return
    assert 0 < len(str(told).split("\n")) <= 10
    for problem in told.problems:
        assert 1 <= problem.line <= len(text.splitlines()) + 1
        assert 1 <= problem.column <= len(text) + 1
        assert "Input should" not in str(problem)
        assert "is not valid here" not in str(problem)
        assert "\n" not in str(problem)
        assert not any(word in problem.pointer for word in ("tuple[", "literal[", "function-"))


@settings(max_examples=100, deadline=None)
@given(st.text() | st.text(alphabet="{}[]:,-#&*!|>'\"%@`? \n\tab1\\"))
def test_any_text_is_a_pipeline_or_an_invalid_document(text):
    judged(text)
    judged(SMALL + text)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_document_with_changed_characters_never_crashes(data):
    at = data.draw(st.integers(0, len(ORDERS)))
    drop = data.draw(st.integers(0, 3))
    judged(ORDERS[:at] + data.draw(st.text(max_size=2)) + ORDERS[at + drop :])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_document_with_changed_values_never_crashes(data):
    document = copy.deepcopy(DOCUMENT)
    for _ in range(data.draw(st.integers(1, 3))):
        mutate(document, data)
    judged(json.dumps(document))


def mutate(part, data):
    """Change one value, key or place, at any depth, to anything."""
    while True:
        keys = list(part) if isinstance(part, dict) else list(range(len(part)))
        if not keys:
            return
        key = data.draw(st.sampled_from(keys))
        if isinstance(part[key], dict | list) and data.draw(st.integers(0, 3)):
            part = part[key]
            continue
        if data.draw(st.booleans()):
            part[key] = data.draw(JUNK)
        elif isinstance(part, dict):
            part[data.draw(st.text(max_size=8))] = part.pop(key)
        else:
            part.append(copy.deepcopy(part[key]))
        return
