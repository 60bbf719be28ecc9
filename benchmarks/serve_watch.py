"""Watches whether nodes of a cluster serve a key, and prints a line when one changes its mind.

A process of its own with the standard library alone: a busy event loop must not delay the clock that it
is measured against. The first line of standard input is the order, as JSON::

    {"nodes": [["127.0.0.1", 7001, "key"], ...], "interval": 0.002}

Each line of output is JSON too: the port, whether it serves (any error reply, and no answer, is a no),
the moment of the first such answer, and of the last one before it that differed, in seconds of
CLOCK_MONOTONIC, which all processes of a machine share. The end of standard input ends the process.
"""

import json
import os
import signal
import socket
import sys
import threading
import time

PATIENCE = 0.2
PAUSE = 0.02


class Node(threading.Thread):
    """Asks one node whether a key exists, over and over."""

    def __init__(self, host: str, port: int, key: str, interval: float) -> None:
        super().__init__(daemon=True)
        self._address = (host, port)
        self._question = f"EXISTS {key}\r\n".encode()
        self._interval = interval
        self._socket: socket.socket | None = None

    def run(self) -> None:
        serves: bool | None = None
        asked_before = time.monotonic()
        while True:
            answer = self._ask()
            now = time.monotonic()
            if answer != serves:
                line = {"port": self._address[1], "serves": answer, "at": now, "not_before": asked_before}
                # One write for one line: the threads share the output.
                os.write(1, json.dumps(line).encode() + b"\n")
            serves, asked_before = answer, now
            time.sleep(self._interval if self._socket else PAUSE)

    def _ask(self) -> bool:
        try:
            if self._socket is None:
                self._socket = socket.create_connection(self._address, PATIENCE)
            self._socket.sendall(self._question)
            answer = b""
            while not answer.endswith(b"\r\n"):
                data = self._socket.recv(4096)
                if not data:
                    raise ConnectionError("closed")
                answer += data
            return answer.startswith(b":")
        except OSError:
            if self._socket is not None:
                self._socket.close()
            self._socket = None
            return False


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    order = json.loads(sys.stdin.readline())
    for host, port, key in order["nodes"]:
        Node(host, port, key, order["interval"]).start()
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
