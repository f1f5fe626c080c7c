"""The supervisor: the one process of a home that starts PostgreSQL, watches it and stops it.

``python -m localcloud.supervisor HOME [--fast] [--major N] [--detach]``

1. Take ``supervisor.lock``; when somebody has it, there is nothing to do (exit code 0).
2. Start the server, then write ``postgres.json``: from now on clients may come in.
3. Ten times a second try to take ``clients.lock`` alone. Every client holds it shared, so getting it means
   that nobody is left; holding on to it lets a new client wait until the stop is complete. While the home is
   kept (somebody was given its address), nobody has to be there.
4. A server that was killed is started again on its port (its log replays what was committed); one that dies
   too often in a row ends the supervisor.
5. Remove ``postgres.json``, stop the server, free both locks. SIGTERM and SIGINT lead here too; ``kill -9``
   does not, but the kernel then ends the server and frees the locks, and the next client starts all again.
"""

import argparse
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FrameType

from chalicelib.core.errors import EtlError, Refused, Unreachable
from localcloud.binaries import find_binaries
from localcloud.cluster import existing_major
from localcloud.home import EXIT_REFUSED, EXIT_UNREACHABLE, Home, Serving, bound_log, open_log, write_private
from localcloud.locks import FileLock
from localcloud.server import Server

POLL_S = 0.1
READY = "ready"
_LOG_LIMIT_BYTES = 1_000_000
_MAX_DEATHS = 5
_DEATHS_WINDOW_S = 60.0

logger = logging.getLogger("etlplus.supervisor")


class Supervisor:
    """One server and the clients that need it.

    Args:
        home: The home to serve.
        durable: False for tests: fast, and unsafe at a power cut.
        major: The version of PostgreSQL for a new cluster; an existing one decides for itself.
    """

    def __init__(self, home: Home, *, durable: bool, major: int | None) -> None:
        self._home = home
        self._server = Server(home.root, binaries=find_binaries(major or existing_major(home)), durable=durable)
        self._stop_asked = False
        self._deaths: list[float] = []

    def run(self, on_ready: Callable[[], None]) -> None:
        """Serve until no client is left or a signal comes; call ``on_ready`` once the server answers.

        Raises:
            EtlError: the server does not start, or died too often.
        """
        signal.signal(signal.SIGTERM, self._ask_to_stop)
        signal.signal(signal.SIGINT, self._ask_to_stop)
        with FileLock(self._home.clients_lock) as clients:
            try:
                self._start()
                on_ready()
                while not self._stop_asked and (self._home.is_kept() or not clients.try_exclusive()):
                    if self._server.pid is None:
                        self._revive()
                    self._server.bound_log()
                    time.sleep(POLL_S)
            finally:
                self._home.serving_file.unlink(missing_ok=True)
                self._server.stop()
        logger.info("Stopped", extra={"action": "postgres_stopped"})

    def _start(self) -> None:
        """Start the server and tell the clients where it is."""
        began = time.monotonic()
        self._server.start()
        took_ms = round((time.monotonic() - began) * 1000)
        port, major = self._server.port, self._server.binaries.major
        serving = Serving(port=port, pid=os.getpid(), major=major, durable=self._server.durable)
        write_private(self._home.serving_file, serving.to_json())
        logger.info(
            "PostgreSQL %d answers on port %d after %d ms",
            major,
            port,
            took_ms,
            extra={"action": "postgres_started", "duration_ms": took_ms},
        )

    def _revive(self) -> None:
        """Start the server again after it died, unless that happens again and again or its data are gone."""
        self._home.serving_file.unlink(missing_ok=True)
        logger.error("PostgreSQL is gone, starting it again", extra={"action": "postgres_died"})
        now = time.monotonic()
        self._deaths = [*(death for death in self._deaths if now - death < _DEATHS_WINDOW_S), now]
        if len(self._deaths) > _MAX_DEATHS:
            raise Unreachable(
                f"PostgreSQL died {len(self._deaths)} times within {_DEATHS_WINDOW_S:.0f} s: "
                f"{self._home.server_log} says why"
            )
        if existing_major(self._home) is None:
            raise Unreachable(f"The data of {self._home.root} were removed while PostgreSQL served them")
        self._start()

    def _ask_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        """Note the signal; the loop looks at it at its next turn."""
        self._stop_asked = True


def main(arguments: Sequence[str]) -> int:
    """Supervise one home; return the exit code, after the end or (detached) once the server answers."""
    parser = argparse.ArgumentParser(prog="localcloud.supervisor", description="Run a home's PostgreSQL.")
    parser.add_argument("home", type=Path)
    parser.add_argument("--fast", action="store_true", help="unsafe at a power cut: for tests")
    parser.add_argument("--major", type=int, help="the version of PostgreSQL for a new cluster")
    parser.add_argument("--detach", action="store_true", help="serve in the background, return when ready")
    wish = parser.parse_args(arguments)
    home = Home.at(wish.home)
    with FileLock(home.supervisor_lock) as lock:
        if not lock.take():
            return 0
        home.serving_file.unlink(missing_ok=True)  # of one that was killed
        serve = partial(_serve, home, durable=not wish.fast, major=wish.major)
        return _detach(home, serve) if wish.detach else serve(lambda _: None)


def _serve(home: Home, say: Callable[[str], None], *, durable: bool, major: int | None) -> int:
    """Run the supervisor in this process; ``say`` hears that it is ready, or why it ended."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        Supervisor(home, durable=durable, major=major).run(on_ready=lambda: say(READY))
    except EtlError as error:
        logger.error("%s", error, extra={"action": "supervisor_failed"})  # noqa: TRY400 - the message says it all
        say(str(error))
        return EXIT_REFUSED if isinstance(error, Refused) else EXIT_UNREACHABLE
    return 0


def _detach(home: Home, serve: Callable[[Callable[[str], None]], int]) -> int:
    """Serve in a child; return when it is ready (0), or when it failed, with its words on stderr.

    The child shares our handle on the supervisor's lock, so the lock stays taken when we leave.
    """
    hear, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(hear)
        _leave_terminal(home)
        return serve(_say_once(tell))
    os.close(tell)
    with os.fdopen(hear, encoding="utf-8") as pipe:
        words = pipe.read()
    if words == READY:
        return 0
    sys.stderr.write(words)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return max(code, 0)  # killed by a signal (below 0): who waits for us looks again and starts another


def _leave_terminal(home: Home) -> None:
    """Become a session of our own, with the supervisor's log for output."""
    os.setsid()
    bound_log(home.supervisor_log, _LOG_LIMIT_BYTES)
    log, nothing = open_log(home.supervisor_log), os.open(os.devnull, os.O_RDONLY)
    for handle, standard in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(handle, standard)
    os.close(log)
    os.close(nothing)


def _say_once(handle: int) -> Callable[[str], None]:
    """Return what sends one text to the process that waits for us, which may be gone, and then hangs up."""
    pipe = os.fdopen(handle, "w", encoding="utf-8")

    def say(text: str) -> None:
        with suppress(OSError, ValueError), pipe:  # ValueError: we have hung up
            pipe.write(text)

    return say


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
