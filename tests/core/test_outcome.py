"""What the batches of a run did, added up."""

from chalicelib.core.counts import Cardinality, Counts
from chalicelib.core.outcome import NOTHING, Transformed


def test_no_batches_are_nothing():
    assert NOTHING == Transformed.total([])


def test_batches_add_up():
    one = Transformed(Counts(read=3, kept=2, rejected=1, produced=2), 2, {"type:a": 1}, ("expr:x",))
    two = Transformed(Counts(read=4, kept=4, produced=4), 4, {"type:a": 2, "in:b": 1}, ("in:b", "expr:x"))
    assert Transformed(
        counts=Counts(read=7, kept=6, rejected=1, produced=6),
        written=6,
        broken={"type:a": 3, "in:b": 1},
        failing=("expr:x", "in:b"),
    ) == Transformed.total(iter([one, two]))


def test_the_cardinality_is_that_of_the_batch_that_has_one():
    changed = Transformed(cardinality=Cardinality(5, 2))
    assert Cardinality(5, 2) == Transformed.total([NOTHING, changed]).cardinality
