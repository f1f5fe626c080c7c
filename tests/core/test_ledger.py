"""The arithmetic of the table hash."""

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.ledger import MODULUS, TableHash

sums = st.integers(0, MODULUS - 1)
hashes = st.builds(TableHash, sums, sums, st.integers(0, 10**12))


@given(hashes, hashes, hashes)
def test_hashes_add_in_any_order(one, two, three):
    assert (one + two) + three == three + (two + one)
    assert TableHash() + one == one


@given(hashes, hashes)
def test_what_was_added_can_be_taken_away(one, two):
    assert one == one + two - two
    assert TableHash() == one - one


@given(hashes, hashes)
def test_sums_stay_below_the_modulus(one, two):
    for found in (one + two, one - two):
        assert 0 <= found.first < MODULUS
        assert 0 <= found.second < MODULUS


@given(hashes)
def test_a_hash_is_32_digits_that_are_read_back(one):
    assert 32 == len(str(one))
    assert one == TableHash.parse(str(one), one.rows)


def test_the_text_of_small_hashes_keeps_its_zeros():
    assert "00000000000000010000000000000002" == str(TableHash(1, 2, 3))
