"""A target on a fresh database."""

import pytest
from making import plan, records, wrote

from chalicelib.core.manifest import Batch
from chalicelib.targets.postgres import PostgresTarget


@pytest.fixture
def new_target(database):
    """A function that makes one more target on the same database; all are closed after the test."""
    made = []

    def make(**options):
        made.append(PostgresTarget(database, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def target(new_target):
    made = new_target()
    made.prepare()
    return made


@pytest.fixture
def publish():
    """A function that publishes records 1 to ``size`` and returns the ledger entry."""

    def carry_out(target, size=3, of=None):
        of = of or plan()
        with target.publication(of) as publication:
            for number, each in enumerate(of.objects, start=1):
                publication.write(of, Batch(number, each, size), [records(1, size)])
            return publication.seal(of, wrote(size * len(of.objects)))

    return carry_out
