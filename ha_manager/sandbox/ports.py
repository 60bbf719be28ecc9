"""Free TCP ports of the loopback interface, held for as long as a sandbox may need them."""

from __future__ import annotations

import socket
import sys

__all__ = ["LOOPBACK", "PortLease"]

LOOPBACK = "127.0.0.1"


class PortLease:
    """One port that the kernel said is free.

    On Linux a socket stays bound to it without listening. With SO_REUSEADDR on both sides the server
    can still bind and listen, and the kernel gives the port to nobody else: not to another sandbox, nor
    to an outgoing connection while the server is down (which could even connect to itself there).
    Elsewhere the port is only likely to stay free, and `Deployment` starts again when it does not.
    """

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind((LOOPBACK, 0))
            self.port: int = self._socket.getsockname()[1]
        except BaseException:
            self._socket.close()
            raise
        if sys.platform != "linux":
            self._socket.close()

    def release(self) -> None:
        """Gives the port back. Harmless when called again."""
        self._socket.close()
