"""Table names: what PostgreSQL keeps, and which schemas are nobody's target."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.table import TableName


@pytest.mark.parametrize(
    ("written", "schema", "name"),
    [
        ("sales.orders", "sales", "orders"),
        ("orders", "public", "orders"),
        ("Sales.Orders", "Sales", "Orders"),
        ('"my.schema"."My Table"', "my.schema", "My Table"),
        ('sales."a""b"', "sales", 'a"b'),
        ('"a.b"', "public", "a.b"),
        ("données.été", "données", "été"),
        ("etls.orders", "etls", "orders"),
        ("é" * 31, "public", "é" * 31),
    ],
)
def test_a_name_is_read_with_its_schema_and_its_case(written, schema, name):
    assert TableName.parse(written) == TableName(schema, name)


@pytest.mark.parametrize("schema", ["etl", "etl_target", "etl_stage", "pg_catalog", "information_schema", "pg_toast"])
def test_a_reserved_schema_is_refused_as_a_target(schema):
    with pytest.raises(ValueError, match="reserved") as caught:
        TableName.parse(f"{schema}.orders")
    assert str(caught.value) == f'the schema "{schema}" is reserved; choose another, such as public'


def test_our_own_tables_can_be_named_by_code():
    assert str(TableName("etl_stage", "r1")) == "etl_stage.r1"


@pytest.mark.parametrize(
    ("written", "cause"),
    [
        ("", "is not a table name"),
        ("a.b.c", "is not a table name"),
        (".orders", "is not a table name"),
        ("sales.", "is not a table name"),
        ('"sales', "is not a table name"),
        ('sales.""', "a name is empty"),
        ("a\0b", "holds a NUL character"),
        ("x" * 64, "has 64 bytes, PostgreSQL keeps 63"),
        ("é" * 32, "has 64 bytes, PostgreSQL keeps 63"),
        ("_etl_orders", "begins with _etl_"),
    ],
)
def test_what_cannot_be_a_table_is_refused_with_its_cause(written, cause):
    with pytest.raises(ValueError, match=cause):
        TableName.parse(written)


NAMES = st.text(min_size=1, max_size=15).filter(lambda name: "\0" not in name and not name.startswith(("_etl_", "pg_")))


@given(NAMES, NAMES)
def test_every_name_can_be_written_in_quotes_and_read_back(schema, name):
    quoted = ".".join('"' + part.replace('"', '""') + '"' for part in (schema, name))
    assert TableName.parse(quoted) == TableName(schema, name)
    assert TableName.parse(str(TableName(schema, name))) == TableName(schema, name)
