"""The laptop's AWS: moto's server on loopback, mended, with S3's objects on disk."""

import logging
import os
import threading
from pathlib import Path

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import BaseWSGIServer, make_server

from localcloud.aws.announcer import Announcer
from localcloud.aws.changes import Ledger
from localcloud.aws.disk import Disk
from localcloud.aws.mends import Invoke, mend
from localcloud.aws.mends.restore import restore
from localcloud.aws.uploads import Uploads
from localcloud.ports import HOST, listener

ACCOUNT = "123456789012"
_STOP_POLL_S = 0.05

logger = logging.getLogger(__name__)


class AwsServer:
    """One server a process, for its whole life: the mends cannot be taken back.

    ``port`` is a wish: None, or one that is taken, finds another. ``invoke`` answers Lambda invocations: it gets a
    function's name and a payload, and returns the answer's payload and whether the function failed. What lies on
    ``disk`` is there again, and is not announced again.

    Raises:
        Refused: moto has another version than the one that is mended, or this process has a server already.
    """

    def __init__(self, *, port: int | None, disk: Path, invoke: Invoke) -> None:
        self._wish, self._disk, self._announcer = port, Disk(disk), Announcer()
        mend(invoke=invoke, ledger=Ledger(self._disk, self._announcer), disk=self._disk)
        self.endpoint = ""  #: http://127.0.0.1:PORT, once it is started
        self._server: BaseWSGIServer | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Bring back what is on disk, then serve."""
        restore(self._disk, account=ACCOUNT)
        application = Uploads(DomainDispatcherApplication(create_backend_app), self._disk)
        with listener(self._wish) as found:
            port = found.getsockname()[1]
            self._server = make_server(
                HOST, port, application, threaded=True, request_handler=_Handler, fd=found.fileno()
            )
        os.environ["MOTO_PORT"] = str(port)  # how moto's interpreter learns where its own Lambda and S3 are
        self.endpoint = f"http://{HOST}:{port}"
        self._announcer.start()
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_STOP_POLL_S,), name="aws", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Serve no more; what was answered is on disk, what was announced has been handed on."""
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._announcer.stop()
        self._server = None


class _Handler(MotoRequestHandler):  # type: ignore[misc] # moto carries no types
    """Keeps connections open, answers without waiting for more to send, and writes no line a request."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - werkzeug's name
        """Tell errors only."""
        if type == "error":
            logger.warning(message, *args, extra={"action": "aws_request_failed"})
