"""The sweeper: when it sweeps."""

import threading
from contextlib import contextmanager
from queue import Queue

from infra.door import SWEEP_MINUTES
from localcloud.cloud import sweeper
from localcloud.cloud.sweeper import Sweeper

LONG_S = 3600.0


class Sweeps:
    """Sweeps that wait to be counted, and go as the test says."""

    def __init__(self, *went_well: bool) -> None:
        self._went_well = iter(went_well)
        self._done: Queue[None] = Queue()

    def __call__(self) -> bool:
        self._done.put(None)
        return next(self._went_well, True)

    def wait(self, sweeps: int) -> None:
        for _ in range(sweeps):
            self._done.get(timeout=10)

    @property
    def is_at_rest(self) -> bool:
        return self._done.empty()


@contextmanager
def sweeping(sweeps: Sweeps, *, period_s: float, soon_s: float):
    running = Sweeper(sweeps, period_s=period_s, soon_s=soon_s)
    running.start()
    try:
        yield running
    finally:
        running.stop()
    assert not [thread for thread in threading.enumerate() if thread.name == "sweeper"]


def test_it_sweeps_at_the_start_and_then_every_period():
    sweeps = Sweeps()
    with sweeping(sweeps, period_s=0.01, soon_s=0.0):
        sweeps.wait(3)


def test_the_period_is_that_of_the_schedule_on_aws():
    assert SWEEP_MINUTES * 60 == Sweeper(lambda: True)._period_s
    assert sweeper.SOON_S < SWEEP_MINUTES * 60


def test_a_sweep_that_failed_is_made_again_soon_until_one_goes_well():
    sweeps = Sweeps(False, False, True)
    with sweeping(sweeps, period_s=LONG_S, soon_s=0.01):
        sweeps.wait(3)
    assert sweeps.is_at_rest


def test_who_failed_gets_a_sweep_soon():
    sweeps = Sweeps()
    with sweeping(sweeps, period_s=LONG_S, soon_s=0.01) as running:
        sweeps.wait(1)
        running.soon()
        sweeps.wait(1)
