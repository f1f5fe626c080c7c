"""A proxy before PostgreSQL that a test closes and opens again: a database that is away for a while."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from chalicelib.postgres.connection import Dsn


class Door:
    """The way to the database: one port, which refuses connections while it is shut."""

    def __init__(self, dsn: Dsn) -> None:
        self._dsn = dsn
        self._sides: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._begin(self._serve, self._listener)

    def shut(self) -> None:
        """Cut every connection, and let none in."""
        for side in (self._listener, *self._sides):
            with suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
            side.close()
        self._sides.clear()

    def open(self) -> None:
        """Let them in again."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._begin(self._serve, self._listener)

    def _serve(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection((self._dsn.host, self._dsn.port))
                self._sides += [client, server]
                self._begin(self._carry, client, server)
                self._begin(self._carry, server, client)

    @staticmethod
    def _carry(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 20):
                sink.sendall(data)
        for side in (source, sink):
            with suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
            side.close()

    @staticmethod
    def _begin(work, *arguments: socket.socket) -> None:
        threading.Thread(target=work, args=arguments, daemon=True).start()


@contextmanager
def door_to(dsn: Dsn) -> Iterator[tuple[Dsn, Door]]:
    """The address of a door to the database, and the door; it is shut after the block."""
    door = Door(dsn)
    try:
        yield replace(dsn, host="127.0.0.1", port=door.port), door
    finally:
        door.shut()
