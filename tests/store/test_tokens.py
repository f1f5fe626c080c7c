"""Tokens of the API: known by their hash, under one name each."""

import hashlib

import pytest

from chalicelib.core.errors import Unreachable
from chalicelib.postgres.connection import Dsn
from chalicelib.store.plane import Plane
from chalicelib.store.tokens import PostgresTokens


@pytest.fixture
def tokens(plane) -> PostgresTokens:
    return PostgresTokens(plane)


def test_a_kept_token_is_known_by_its_name(tokens):
    tokens.keep("admin", "open sesame")
    assert "admin" == tokens.knows("open sesame")


@pytest.mark.parametrize("wrong", ["", "open", "open sesame ", "OPEN SESAME", "\x00", "é", "\udc80", "x" * 100_000])
def test_another_token_is_nobody(tokens, wrong):
    tokens.keep("admin", "open sesame")
    assert tokens.knows(wrong) is None


def test_nobody_is_known_before_a_token_was_kept(tokens):
    assert tokens.knows("open sesame") is None


def test_a_new_token_of_a_name_puts_its_old_one_out(tokens):
    tokens.keep("admin", "old")
    tokens.keep("admin", "new")
    assert [None, "admin"] == [tokens.knows("old"), tokens.knows("new")]


def test_names_have_tokens_of_their_own(tokens):
    tokens.keep("admin", "one")
    tokens.keep("ci", "two")
    assert ["admin", "ci"] == [tokens.knows("one"), tokens.knows("two")]


def test_only_the_hash_is_stored(tokens, plane):
    tokens.keep("admin", "open sesame")
    with plane.connected() as connection:
        rows = connection.run("SELECT name, sha256 FROM etl.tokens")
    assert [["admin", hashlib.sha256(b"open sesame").hexdigest()]] == [list(row) for row in rows]


def test_without_a_database_nobody_is_known_and_the_cause_is_told():
    plane = Plane(Dsn.parse("postgresql://etl@127.0.0.1:1/none"))
    with pytest.raises(Unreachable):
        PostgresTokens(plane).knows("open sesame")
    plane.close()
