"""Every mend of moto, each for one thing that AWS does otherwise. They are made for one version and refuse others.

1. ``executions``: Step Functions carries executions out, names them, fails Maps, stops at once.
2. ``functions``: Lambda invocations go to the pool, and their errors are ``Unhandled``.
3. ``events``: S3's events on EventBridge have AWS's shape and ids of their own, once an object; rules can be off.
4. ``objects``: S3's objects are on disk, never whole in memory; ``restore`` brings them back.
5. ``keys``: a key of S3 is any text.
"""

from collections.abc import Callable
from importlib.metadata import version

from chalicelib.core.errors import Refused
from localcloud.aws.changes import Ledger
from localcloud.aws.disk import Disk

MOTO_VERSION = "5.2.5"
#: Takes a function's name and a payload; returns the answer's payload, and whether the function failed.
Invoke = Callable[[str, bytes], tuple[bytes, bool]]
_mended: list[Disk] = []


def mend(*, invoke: Invoke, ledger: Ledger, disk: Disk) -> None:
    """Apply all mends, once a process; they cannot be taken back.

    Raises:
        Refused: moto has another version than the one that the mends were made for, or it is mended already.
    """
    found = version("moto")
    if found != MOTO_VERSION:
        raise Refused(f"moto is {found}, and its mends are made for {MOTO_VERSION}: install that version")
    if _mended:
        raise Refused("moto is mended already, for another server of this process: start one server a process")
    _mended.append(disk)
    from localcloud.aws.mends import events, executions, functions, keys, objects  # noqa: PLC0415 - only once guarded

    executions.apply()
    functions.apply(invoke)
    events.apply()
    keys.apply()
    objects.apply(ledger, disk)
