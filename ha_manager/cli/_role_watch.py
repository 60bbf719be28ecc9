"""Watches what data servers say of their role, and prints a line when one changes its answer.

Runs as a process of its own, started by `promotion.PromotionProbe` from this file's path and with the
standard library alone: a busy event loop must not delay the clock that it is measured against, and no
code of the client must take part. The first line of standard input is the order, as JSON::

    {"nodes": [["127.0.0.1", 7001], ...], "username": null, "password": null, "interval": 0.002}

Each line of output is JSON too: the port, the role (``null`` while there is no answer), the moment of
the first answer with that role, and of the last answer with another one, in seconds of
CLOCK_MONOTONIC, which all processes of a machine share. The end of standard input ends the process.
"""

from __future__ import annotations

import contextlib
import json
import selectors
import signal
import socket
import sys
import time
from typing import Any

_END = b"~end-of-answer~"
_QUESTION = b"ROLE\r\nECHO " + _END + b"\r\n"
_CONNECT_SECONDS = 0.2
_RETRY_SECONDS = 0.02
_ROLES = (b"master", b"slave")


class Node:
    """One server, with at most one question under way."""

    def __init__(self, selector: selectors.BaseSelector, host: str, port: int, login: bytes) -> None:
        self._selector = selector
        self._address = (host, port)
        self._login = login
        self._socket: socket.socket | None = None
        self._answer = b""
        self._asking = False
        self._try_again_at = 0.0
        self._role: str | None = None
        self._said_at = time.monotonic()

    def ask(self) -> None:
        """Send the question, unless one is still unanswered; a paused server is simply waited for."""
        if self._asking or time.monotonic() < self._try_again_at:
            return
        try:
            if self._socket is None:
                self._connect()
            assert self._socket is not None
            self._socket.sendall(_QUESTION)
            self._asking = True
        except OSError:
            self._lost(wait=_RETRY_SECONDS)

    def read(self) -> None:
        """Take what arrived; the caller knows that something did."""
        assert self._socket is not None
        try:
            data = self._socket.recv(65536)
        except OSError:
            data = b""
        now = time.monotonic()
        if not data:
            # A promotion closes all connections: the very next moment is the one to be seen.
            self._lost(wait=0.0)
            self.ask()
            return
        self._answer += data
        if self._answer.endswith(_END + b"\r\n"):
            self._said(next((role.decode() for role in _ROLES if role in self._answer[:64]), None), now)
            self._answer, self._asking = b"", False

    def _connect(self) -> None:
        self._socket = socket.create_connection(self._address, _CONNECT_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(self._socket, selectors.EVENT_READ, self.read)
        if self._login:
            self._socket.sendall(self._login)
            self._socket.recv(64)

    def _lost(self, wait: float) -> None:
        if self._socket is not None:
            self._selector.unregister(self._socket)
            self._socket.close()
        self._socket, self._answer, self._asking = None, b"", False
        self._try_again_at = time.monotonic() + wait

    def _said(self, role: str | None, now: float) -> None:
        if role != self._role:
            line = {"port": self._address[1], "role": role, "at": now, "not_before": self._said_at}
            print(json.dumps(line), flush=True)
        self._role, self._said_at = role, now


def _login_bytes(order: dict[str, Any]) -> bytes:
    if order["password"] is None:
        return b""
    words = [word for word in ("AUTH", order["username"], order["password"]) if word is not None]
    parts = b"".join(b"$%d\r\n%s\r\n" % (len(word.encode()), word.encode()) for word in words)
    return b"*%d\r\n" % len(words) + parts


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    order = json.loads(sys.stdin.buffer.readline())
    interval = float(order["interval"])
    selector = selectors.DefaultSelector()
    selector.register(sys.stdin.buffer, selectors.EVENT_READ, None)
    nodes = [Node(selector, host, port, _login_bytes(order)) for host, port in order["nodes"]]
    due = time.monotonic()
    while True:
        if time.monotonic() >= due:
            for node in nodes:
                node.ask()
            due = time.monotonic() + interval
        for key, _ in selector.select(max(0.0, due - time.monotonic())):
            if key.data is None:
                return
            key.data()


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        main()
