"""The words of a contract: which key takes which, and what is said of the others."""

import pytest

from chalicelib.core.document import InvalidDocument, parse_pipeline
from chalicelib.core.pipeline import Contract

HEAD = """version: 1
name: t
source: {type: file, path: t.csv}
target:
  type: postgres
  table: t
  contract: {%s}
"""


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("missing_columns: reject", ('7:31: target.contract.missing_columns: "reject" would reject every record, for a '
         'missing column has no value in any; write "fail"')),
        ("type_change: ignore", ('7:27: target.contract.type_change: "ignore" would lose the values that do not fit; '
         'write "reject", which keeps them as rejects')),
        ("new_columns: evovle", '7:27: target.contract.new_columns: "evovle" is not allowed; did you mean "evolve"?'),
        ("type_change: widen", ('7:27: target.contract.type_change: "widen" is not allowed; allowed: evolve, reject, '
         "fail")),
        ("new_column: fail", '7:14: target.contract.new_column: unknown key; did you mean "new_columns"?'),
        ("new_columns: [fail]", ("7:27: target.contract.new_columns: expected one word, found a list; allowed: evolve, "
         "ignore, reject, fail")),
    ],
)  # fmt: skip
def test_a_word_that_a_key_has_not_is_told_with_the_way_out(written, told):
    with pytest.raises(InvalidDocument) as caught:
        parse_pipeline(HEAD % written, name="t.yaml")
    assert f"t.yaml:{told}" == str(caught.value)


def test_without_a_word_every_key_fails_and_the_document_stays_as_short_as_it_was():
    document = parse_pipeline(HEAD % "new_columns: fail")
    assert Contract() == document.target.contract
    assert "contract" not in document.canonical()
