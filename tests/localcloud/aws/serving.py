"""The laptop's AWS in a process of its own, with functions whose behaviour the tests know; ends with its stdin."""

import json
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from localcloud.aws.server import AwsServer

WAIT_S = 5.0
calls: Counter[str] = Counter()
released: set[str] = set()
lock = threading.Condition()


def invoke(name: str, payload: bytes) -> tuple[bytes, bool]:
    """Answer as the function of that name does; ``mark`` in the payload tells callers apart."""
    given = json.loads(payload)
    mark = f"{name} {given.get('mark', '')}"
    with lock:
        calls[mark] += 1
        count = calls[mark]
    return FUNCTIONS[name](given, count)


def fail(given: dict, _: int) -> tuple[bytes, bool]:
    return json.dumps({"errorType": given["error"], "errorMessage": "on purpose"}).encode(), True


def flaky(given: dict, count: int) -> tuple[bytes, bool]:
    """Fails until it was called ``fails`` times."""
    if count <= given["fails"]:
        return fail({"error": given.get("error", "Retriable")}, count)
    return json.dumps({"calls": count}).encode(), False


def picky(given: dict, _: int) -> tuple[bytes, bool]:
    """Fails for what it is told to."""
    return fail({"error": "Fatal"}, 1) if given["fails"] else (b'{"ok": true}', False)


def slow(given: dict, _: int) -> tuple[bytes, bool]:
    """Answers when it is released."""
    with lock:
        lock.wait_for(lambda: given["mark"] in released, WAIT_S)
    return b"{}", False


def release(given: dict, _: int) -> tuple[bytes, bool]:
    with lock:
        released.add(given["mark"])
        lock.notify_all()
    return b"{}", False


def counted(given: dict, _: int) -> tuple[bytes, bool]:
    """How often ``of`` was called, waiting until it was ``least`` times."""
    end = time.monotonic() + WAIT_S
    while calls[given["of"]] < given.get("least", 0) and time.monotonic() < end:
        time.sleep(0.01)
    return str(calls[given["of"]]).encode(), False


FUNCTIONS = {
    "echo": lambda given, _: (json.dumps(given).encode(), False),
    "fail": fail,
    "flaky": flaky,
    "picky": picky,
    "slow": slow,
    "release": release,
    "counted": counted,
}

if __name__ == "__main__":
    sys.setswitchinterval(1e-5)  # threads alternate so often that what can collide does
    server = AwsServer(port=None, disk=Path(sys.argv[1]), invoke=invoke)
    server.start()
    print(server.endpoint, flush=True)  # noqa: T201
    sys.stdin.read()
    server.stop()
