"""The cloud's process. ``python -m localcloud.cloud.process HOME [--attached]``.

1. Take ``cloud.lock``; when somebody has it there is nothing to do.
2. Start the parts, resume what a crash left behind.
3. Write ``cloud.json``, so that clients may come in, and say ``ready`` on stdout.
4. Wait for SIGTERM or SIGINT, or with ``--attached`` for the end of stdin; then stop everything.

``kill -9`` ends the Lambdas too, and PostgreSQL when nobody else holds it; the next start finds what was durable.
"""

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from chalicelib.core.errors import EtlError, Refused
from chalicelib.settings import Settings
from localcloud.cloud.address import LOCK, READY, Address
from localcloud.cloud.parts import Parts
from localcloud.home import EXIT_REFUSED, EXIT_UNREACHABLE, Home
from localcloud.locks import FileLock

logger = logging.getLogger("etlplus.cloud")


def main(arguments: Sequence[str]) -> int:
    """Run one home's cloud; return the exit code after its end."""
    parser = argparse.ArgumentParser(prog="localcloud.cloud.process", description="Run a home's cloud.")
    parser.add_argument("home", type=Path)
    parser.add_argument("--attached", action="store_true", help="end with stdin")
    wish = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    home = Home.at(wish.home).root
    with FileLock(home / LOCK) as lock:
        if not lock.take():
            return 0
        Address.remove(home)
        return _serve(home, attached=wish.attached)


def _serve(home: Path, *, attached: bool) -> int:
    stopping = _stopping(attached=attached)
    try:
        with Parts(home, Settings.read()).running() as address:
            address.write(home)
            _say(READY)
            stopping.wait()
            Address.remove(home)
    except EtlError as error:
        logger.error("%s", error, extra={"action": "cloud_failed"})  # noqa: TRY400 - the message says it all
        _say(str(error))
        return EXIT_REFUSED if isinstance(error, Refused) else EXIT_UNREACHABLE
    finally:
        Address.remove(home)
    return 0


def _stopping(*, attached: bool) -> threading.Event:
    """An event that a signal sets, and the end of stdin for an attached cloud."""
    event = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: event.set())
    if attached:
        threading.Thread(target=_wait_for_end, args=(event,), name="stdin", daemon=True).start()
    return event


def _wait_for_end(event: threading.Event) -> None:
    sys.stdin.buffer.read()
    event.set()


def _say(text: str) -> None:
    """Tell whoever waits for us, who may be gone, and hang up: nothing is said on stdout after that."""
    with suppress(OSError):
        os.write(1, text.encode())
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.close(nothing)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
