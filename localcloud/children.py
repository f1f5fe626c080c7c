"""Children that do not outlive us: the environment they get, and the signal they receive when we die."""

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable

#: PostgreSQL's programs need no more; messages in English, so that they can be quoted and searched for.
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
_PR_SET_PDEATHSIG = 1


def die_with_parent(kind: signal.Signals) -> Callable[[], None] | None:
    """Return what a child must call before exec so that the kernel sends it ``kind`` when this process dies.

    Linux only (None elsewhere). The kernel watches the *thread* that forked, hence the main thread alone may
    call this; a change of account forgets the wish, but subprocess changes the account first.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("PostgreSQL must be started from the main thread: it dies with the thread that started it")
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def arrange() -> None:
        prctl(_PR_SET_PDEATHSIG, int(kind), 0, 0, 0)
        if os.getppid() != parent:  # the parent died before the wish was heard
            os._exit(1)

    return arrange
