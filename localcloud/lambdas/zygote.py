"""The zygote: a process that imports what is heavy once, then forks a worker whenever it is asked to.

``python -P -m localcloud.lambdas.zygote CONTROL fork|exec [MODULE ...]``; CONTROL is the handle of a socket.

Each message on the control socket is one byte with two handles: the worker's pipe, and the *bond*. On the bond the
zygote tells the worker's process id, and its exit code once it ended. When the other side hangs up a bond, the
zygote kills that worker's process group; when it hangs up the control socket, all of them, and ends. The kernel
hangs up both for a process that was killed, so the cloud's death needs no care of its own. The zygote's own death
reaches the workers as a signal (Linux; elsewhere they see their pipe end).

Why not multiprocessing's forkserver: its workers hold the writing end of the pipe whose end tells the server that
its client died, so a client killed in mid-invocation leaves both running for as long as the handler likes; it
imports the client's ``__main__`` again in every worker; and it is one for the whole process, without a way to end it.

Where fork is not safe (macOS) ``exec`` starts a fresh interpreter for each worker and imports nothing ahead.
"""

import gc
import importlib
import logging
import os
import selectors
import signal
import socket
import struct
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

from localcloud.children import die_with_parent
from localcloud.lambdas.worker import live

NUMBER = struct.Struct("q")
Begin = Callable[[int], int]  #: the handle of a pipe -> the process id of the worker that serves it
logger = logging.getLogger(__name__)


class Zygote:
    """The loop of the process: births, deaths, and bonds that are hung up."""

    def __init__(self, control: socket.socket, *, fork: bool) -> None:
        self._control = control
        self._begin: Begin = self._fork if fork else _exec
        self._die_with_us = die_with_parent(signal.SIGKILL)
        self._bonds: dict[int, socket.socket] = {}
        self._deaths, self._wake = socket.socketpair()
        self._selector = selectors.DefaultSelector()

    def run(self) -> None:
        """Serve until the control socket is hung up; then every worker is killed."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # a handler, or the wake-up is not sent
        for end in (self._deaths, self._wake):
            end.settimeout(0)
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        for source in (self._control, self._deaths):
            self._selector.register(source, selectors.EVENT_READ)
        try:
            while self._step():
                pass
        finally:
            for pid in self._bonds:
                _kill(pid)

    def _step(self) -> bool:
        ready = {key.fileobj for key, _ in self._selector.select()}
        if self._deaths in ready:
            self._deaths.recv(4096)
            self._reap()
        for pid, bond in self._bonds.items():
            if bond in ready:
                self._selector.unregister(bond)
                _kill(pid)
        return self._control not in ready or self._bear()

    def _bear(self) -> bool:
        """Make the worker that the next message asks for; False when there is no message to come."""
        asked, handles, _, _ = socket.recv_fds(self._control, 1, 2)
        if not asked:
            return False
        for handle in handles:
            os.set_inheritable(handle, False)  # noqa: FBT003 - it takes no names
        pipe, bond = handles[0], socket.socket(fileno=handles[1])
        try:
            pid = self._begin(pipe)
        except OSError as error:
            logger.error("No worker: %s", error, extra={"action": "birth_failed"})  # noqa: TRY400 - the bond tells, too
            bond.close()
            return True
        finally:
            os.close(pipe)
        with suppress(ProcessLookupError, PermissionError):  # it was faster, or it is gone
            os.setpgid(pid, pid)
        self._bonds[pid] = bond
        self._selector.register(bond, selectors.EVENT_READ)
        _tell(bond, pid)
        return True

    def _reap(self) -> None:
        """Tell each bond the exit code of its worker; whatever that one started ends, too, as a sandbox does."""
        while self._bonds:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            _kill(pid)
            bond = self._bonds.pop(pid)
            with suppress(KeyError):  # it was hung up
                self._selector.unregister(bond)
            _tell(bond, os.waitstatus_to_exitcode(status))
            bond.close()

    def _fork(self, pipe: int) -> int:
        pid = os.fork()
        if pid == 0:
            try:
                self._become_worker()
                live(pipe)
            finally:
                os._exit(1)  # a worker must never run on in the zygote's loop
        return pid

    def _become_worker(self) -> None:
        """Let go of all that is the zygote's: a worker that held a bond would hide that it was hung up."""
        os.setpgid(0, 0)
        if self._die_with_us:
            self._die_with_us()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._selector.close()
        for held in (self._control, self._deaths, self._wake, *self._bonds.values()):
            held.close()


def _exec(pipe: int) -> int:
    os.set_inheritable(pipe, True)  # noqa: FBT003
    program = [sys.executable, "-P", "-m", "localcloud.lambdas.worker", str(pipe)]
    return os.posix_spawn(sys.executable, program, os.environ, setpgroup=0, setsigdef=[signal.SIGCHLD])


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # PermissionError: macOS, of a group of zombies
        os.killpg(pid, signal.SIGKILL)


def _tell(bond: socket.socket, number: int) -> None:
    with suppress(OSError):  # it was hung up
        bond.sendall(NUMBER.pack(number))


def _preload(modules: Sequence[str]) -> None:
    """Import what the workers will want; a module that is missing costs them time, nothing else."""
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError as error:
            logger.warning("Not imported ahead: %s", error, extra={"action": "preload_missed"})
    gc.collect()
    gc.freeze()  # the collector would write to what workers share with us, and so copy it


def main(arguments: Sequence[str]) -> None:
    """Run the zygote."""
    handle, mode, *modules = arguments
    control = socket.socket(fileno=int(handle))
    control.set_inheritable(False)
    _preload(modules)
    Zygote(control, fork=mode == "fork").run()
    os._exit(0)  # libraries have much to tidy up and to say at an exit, all of it in vain


if __name__ == "__main__":
    main(sys.argv[1:])
