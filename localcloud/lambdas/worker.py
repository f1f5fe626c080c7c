"""What runs in the process of an execution environment: set the scene, import the handler, answer until hung up on.

The pipe carries whole messages. In: the function, then request id and payload by turns. Out: one message when the
handler is imported, then one for each invocation; the first byte says whether it went well.
"""

import logging
import os
import signal
import sys
import tempfile
import time
import uuid
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NoReturn

from localcloud.lambdas.context import Context
from localcloud.lambdas.function import Answer, Failure, Lambda
from localcloud.lambdas.runtime import call, find_handler, refuse
from localcloud.lambdas.scratch import own_folder

WELL, FAILED = b"+", b"-"


def live(handle: int) -> NoReturn:
    """Serve the pipe with this handle to its end, then end the process at once.

    At once: a thread that a handler left behind must not keep it, nor may what ``atexit`` holds. The pipe ends with
    the process and not before, because who sees it end kills us, which must not become the exit code.
    """
    pipe = Connection(handle)
    os._exit(_end_of(pipe))


def _end_of(pipe: "Connection[bytes, bytes]") -> int:
    """Serve, and return the exit code."""
    try:
        _serve(pipe)
    except (EOFError, ConnectionError):
        return 0  # the pool is gone
    except SystemExit as end:
        return _code_of(end)
    except BaseException:  # nobody is above us; the process must still end here
        logging.exception("The runtime ended")
        return 1
    finally:
        _flush()


def _serve(pipe: "Connection[bytes, bytes]") -> NoReturn:
    function = Lambda.from_json(pipe.recv_bytes())
    log_stream = f"{time.strftime('%Y/%m/%d', time.gmtime())}/[$LATEST]{uuid.uuid4().hex}"
    _set_scene(function)
    handler = find_handler(function.handler)
    pipe.send_bytes(FAILED if isinstance(handler, Failure) else WELL)
    while True:
        request_id, payload = pipe.recv_bytes().decode(), pipe.recv_bytes()
        context = Context.of(function, request_id, log_stream)
        answer = refuse(handler, context) if isinstance(handler, Failure) else call(handler, payload, context)
        _flush()
        _tell(pipe, answer)


def _tell(pipe: "Connection[bytes, bytes]", answer: Answer) -> None:
    pipe.send_bytes((FAILED if answer.failed else WELL) + answer.payload)


def _set_scene(function: Lambda) -> None:
    """Make os.environ exactly what a function may see; what AWS reserves wins over the function's own."""
    path, scratch = os.environ.get("PATH", os.defpath), own_folder(Path(os.environ["TMPDIR"]))
    os.environ.clear()
    os.environ.update({"PATH": path, "LANG": "C.UTF-8", "TZ": "UTC", "TMPDIR": str(scratch)})
    tempfile.tempdir = None  # the zygote may have asked for the folder already
    os.environ.update(function.environment)
    os.environ.update(
        AWS_LAMBDA_FUNCTION_NAME=function.name,
        AWS_LAMBDA_FUNCTION_VERSION="$LATEST",
        AWS_LAMBDA_FUNCTION_MEMORY_SIZE=str(function.memory_mb),
        _HANDLER=function.handler,
        LAMBDA_TASK_ROOT=os.getcwd(),  # noqa: PTH109 - AWS starts a function in its task root
    )
    time.tzset()
    sys.stdout = os.fdopen(1, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)  # line by line
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole terminal; the cloud decides
    logging.basicConfig(stream=sys.stdout, format="[%(levelname)s]\t%(asctime)s\t%(message)s")


def _code_of(end: SystemExit) -> int:
    """Return the exit code that Python itself would take."""
    if end.code is None or isinstance(end.code, int):
        return (end.code or 0) & 0xFF
    sys.stderr.write(f"{end.code}\n")
    return 1


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()


if __name__ == "__main__":
    live(int(sys.argv[1]))
