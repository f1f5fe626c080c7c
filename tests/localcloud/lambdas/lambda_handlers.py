"""Small functions that real environments run: each does one thing that a handler may do, or should not."""

import ctypes
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from decimal import Decimal
from pathlib import Path

import psutil


class TooManyRejectsError(Exception):
    pass


def echo(event, _context):
    return event


def who(_event, _context):
    return os.getpid()


def scene(_event, context):
    return {
        "environ": dict(os.environ),
        "seen_by_c": subprocess.run(["/usr/bin/env"], check=True, capture_output=True, text=True).stdout.splitlines(),
        "zone": time.tzname[0],
        "stdin": sys.stdin.read() if sys.stdin else "",
        "interrupt": signal.getsignal(signal.SIGINT) == signal.SIG_IGN,
        "cwd": str(Path.cwd()),
        "left_ms": context.get_remaining_time_in_millis(),
    }


def context(_event, context):
    return {name: getattr(context, name) for name in context.__slots__ if name != "deadline"}


def fail(event, _context):
    if "say" not in event:
        return os.getpid()
    raise TooManyRejectsError(event["say"])


def not_json(_event, _context):
    return {"price": Decimal("1.5")}


def not_a_number(_event, _context):
    return float("nan")


def large(event, _context):
    return "x" * event["bytes"]


def hang(event, _context):
    """Tell who hangs, and hang in C without giving way to other threads, in a child of the shell, too."""
    print("about to hang")  # noqa: T201
    child = subprocess.Popen(["/bin/sleep", "600"])
    Path(event["note"]).with_suffix(".new").write_text(json.dumps([os.getpid(), child.pid]), "utf-8")
    Path(event["note"]).with_suffix(".new").rename(event["note"])
    ctypes.PyDLL(None).sleep(600)


def scribble(event, _context):
    """Tell where a temporary file lies, which nobody removes; with ``note`` write it there and die."""
    with tempfile.NamedTemporaryFile(delete=False) as file:
        file.write(b"x" * 1000)
    if "note" in event:
        Path(event["note"]).write_text(json.dumps([file.name]), "utf-8")
        os.kill(os.getpid(), signal.SIGKILL)
    return file.name


def leave(event, _context):
    sys.exit(event["code"])


def vanish(event, _context):
    os._exit(event["code"])


def crash(_event, _context):
    os.kill(os.getpid(), signal.SIGSEGV)
    time.sleep(600)


def grow(event, _context):
    held = bytearray(event["mb"] << 20)
    for at in range(0, len(held), 4096):
        held[at] = 1
    if event["hold"]:
        threading.Event().wait()
    return len(held) >> 20


def linger(event, _context):
    """Be there for some looks of the one who watches memory."""
    time.sleep(event["s"])
    return psutil.Process().memory_info().rss >> 20


def talk(event, _context):
    print(event["say"] + "\ud800")  # noqa: T201
    ctypes.CDLL(None).puts(b"puts: " + event["say"].encode())
    ctypes.CDLL(None).fflush(None)
    subprocess.run(["/bin/echo", "echo: " + event["say"]], check=True)
    logging.getLogger("talk").warning("logged: %s", event["say"])


def leave_thread(event, _context):
    """Return while a thread goes on; it is not a daemon."""

    def go_on():
        gate = Path(event["gate"])
        while not gate.exists():
            time.sleep(0.005)
        gate.with_suffix(".seen").touch()
        if event.get("then_exit"):
            os._exit(1)

    threading.Thread(target=go_on).start()
    return os.getpid()


def meet(event, _context):
    """Return when so many invocations are in here at once."""
    folder = Path(event["folder"])
    (folder / str(os.getpid())).touch()
    while len(list(folder.iterdir())) < event["many"]:
        time.sleep(0.005)
    return os.getpid()


if "FOLDER" in os.environ:
    (Path(os.environ["FOLDER"]) / str(os.getpid())).touch()  # a birth, seen from outside


def note_birth(_event, _context):
    return os.getpid()


def libraries(_event, _context):
    """Use what has threads of its own: a fork must not have hurt it."""
    born_with = [name for name in ("duckdb", "pyarrow") if name in sys.modules]
    import duckdb  # noqa: PLC0415 - the other handlers do without
    import pyarrow.compute  # noqa: PLC0415

    with duckdb.connect() as connection:
        total = connection.execute("SELECT sum(range) FROM range(1000000)").fetchone()[0]
    return [born_with, int(total), pyarrow.compute.sum(pyarrow.array(range(1000))).as_py()]
