"""Pools of real processes; at the end of a test none of them may be left."""

from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from localcloud.lambdas.pool import LambdaPool


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "lambdas.log"


@pytest.fixture
def open_pool(log: Path) -> Iterator[Callable[..., LambdaPool]]:
    """A function that makes a pool; all are closed after the test, which then has no process that it had not before."""
    pools: list[LambdaPool] = []
    before = set(psutil.Process().children(recursive=True))

    def make(**wish) -> LambdaPool:
        pools.append(LambdaPool(log=log, scratch=log.with_name("tmp"), **wish))
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()
    assert set(psutil.Process().children(recursive=True)) - before == set()


@pytest.fixture(params=["fork", "exec"])
def pool(open_pool, request) -> LambdaPool:
    """A pool that makes its processes in the one way or the other."""
    return open_pool(fork=request.param == "fork")


@pytest.fixture
def forking(open_pool) -> LambdaPool:
    return open_pool()
