"""A proxy before PostgreSQL that cuts a connection once, at the COMMIT of a publish."""

import queue
import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import replace

_PUBLISHING = b"UPDATE etl_target.ledger\n"  # what a publish says last, before COMMIT


@contextmanager
def cutting_proxy(dsn, *, deliver):
    """Yield the DSN of the proxy, and the event that says that it has cut.

    With ``deliver`` the COMMIT goes through and its reply is lost; without, the server never hears of it.
    """
    proxy = _Proxy(dsn, deliver=deliver)
    try:
        yield replace(dsn, port=proxy.port), proxy.cut
    finally:
        proxy.close()


class _Proxy:
    def __init__(self, dsn, *, deliver):
        self.cut = threading.Event()
        self._dsn, self._deliver = dsn, deliver
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._threads = []
        self._start(self._serve)

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)

    def _start(self, work, *arguments):
        self._threads.append(threading.Thread(target=work, args=arguments))
        self._threads[-1].start()

    def _serve(self):
        with suppress(OSError):  # the listener was closed
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection((self._dsn.host, self._dsn.port))
                lost = queue.Queue()
                self._start(self._up, client, server, lost)
                self._start(self._down, server, client, lost)

    def _up(self, client, server, lost):
        publishing = False
        with suppress(OSError):
            while data := client.recv(1 << 20):
                publishing = publishing or _PUBLISHING in data
                if publishing and b"COMMIT\0" in data and not self.cut.is_set():
                    self._lose(server, data, lost)
                    break
                server.sendall(data)
        _end(client)
        _end(server)

    def _lose(self, server, data, lost):
        self.cut.set()
        if self._deliver:
            lost.expected = True
            server.sendall(data)
            assert b"COMMIT" in lost.get(timeout=10)

    def _down(self, server, client, lost):
        with suppress(OSError):
            while data := server.recv(1 << 20):
                if getattr(lost, "expected", False):
                    lost.put(data)
                else:
                    client.sendall(data)
        _end(client)


def _end(side):
    with suppress(OSError):
        side.shutdown(socket.SHUT_RDWR)
    side.close()
