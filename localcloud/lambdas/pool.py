"""The pool: invoke a Lambda function on this machine."""

import logging
import shutil
import sys
import threading
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

from chalicelib.core.errors import Unreachable
from localcloud.home import bound_log
from localcloud.lambdas.environment import Environment
from localcloud.lambdas.fleet import Fleet
from localcloud.lambdas.function import REQUEST_LIMIT_BYTES, Answer, Ended, Failure, Lambda
from localcloud.lambdas.nursery import Nursery
from localcloud.lambdas.scratch import remove_left

IDLE_S = 600.0
LIMIT = 32  #: processes
LOG_LIMIT_BYTES = 16_000_000
_TIDY_S = 5.0
_CLOSE_S = 5.0

logger = logging.getLogger(__name__)


class LambdaPool:
    """Functions in processes of their own; what they print goes to ``log``, their temporary files into ``scratch``.

    ``preload`` names modules that every process shall have imported at birth. It pays once for what is heavy, but
    such a module sees no function's environment while it is imported: name libraries, not code that reads settings.
    ``fork`` says whether processes may be forked from one that imported them; elsewhere than on Linux they may not.
    """

    def __init__(
        self,
        *,
        log: Path,
        scratch: Path,
        preload: Sequence[str] = (),
        fork: bool = sys.platform == "linux",
        limit: int = LIMIT,
        idle_s: float = IDLE_S,
    ) -> None:
        self._log, self._scratch = log, scratch
        shutil.rmtree(scratch, ignore_errors=True)  # of a cloud that was killed; none of its processes is alive
        self._idle_s = idle_s
        self._nursery = Nursery(log=log, scratch=scratch, preload=preload, fork=fork)
        self._fleet = Fleet(lambda function: Environment(function, self._nursery), limit=limit)
        self._closed = threading.Event()
        self._tidying = threading.Thread(target=self._tidy, name="lambda-pool", daemon=True)
        self._tidying.start()

    def begin(self) -> None:
        """Import what is heavy, in the background, before the first function is known.

        Raises:
            OSError: this machine cannot start a process.
        """
        self._nursery.wake()

    def invoke(self, function: Lambda, payload: bytes) -> Answer:
        """Call the function and wait for its answer, in whatever thread; every failure of it is an answer.

        Raises:
            Unreachable: this machine cannot start a process.
        """
        request_id = str(uuid.uuid4())
        if len(payload) > REQUEST_LIMIT_BYTES:
            text = f"The payload has {len(payload)} bytes, the limit is {REQUEST_LIMIT_BYTES} bytes"
            return Answer.of(Failure("RequestTooLarge", text, request_id))
        try:
            environment = self._fleet.take(function)
            try:
                environment.begin()
                return environment.invoke(request_id, payload)
            finally:
                self._fleet.put(environment)
        except Ended as end:
            return end.answer(request_id)

    def warm(self, function: Lambda, environments: int = 1) -> None:
        """Have so many environments of the function, in the background; at most as many as are kept idle."""
        for environment in self._fleet.take_missing(function, environments):
            threading.Thread(target=self._begin, args=(environment,), name="lambda-warm", daemon=True).start()

    def close(self) -> None:
        """End every process; invocations that run answer that theirs was killed, and so do later ones."""
        self._closed.set()
        self._fleet.close()
        self._nursery.close()
        self._fleet.wait_empty(_CLOSE_S)
        self._tidying.join()
        remove_left(self._scratch)

    def _begin(self, environment: Environment) -> None:
        try:
            environment.begin()
        except (Ended, Unreachable) as error:
            name = environment.function.name
            logger.warning("%s is not warm: %s", name, error, extra={"action": "warm_failed"})
        finally:
            self._fleet.put(environment)

    def _tidy(self) -> None:
        while not self._closed.wait(min(_TIDY_S, self._idle_s)):
            self._fleet.end_idle(time.monotonic() - self._idle_s)
            bound_log(self._log, LOG_LIMIT_BYTES)
            remove_left(self._scratch)
