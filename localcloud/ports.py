"""Ports of loopback: the wished one, or another when it is taken."""

import socket

HOST = "127.0.0.1"


def listener(wish: int | None) -> socket.socket:
    """A socket that listens on the wished port of loopback if it is free, else on one that the system finds."""
    for port in (wish or 0, 0):
        found = socket.socket()
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((HOST, port))
            found.listen()
        except OSError:
            found.close()
            if port == 0:
                raise
        else:
            return found
    raise AssertionError
