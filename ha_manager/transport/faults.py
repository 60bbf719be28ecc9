"""How the transport reports that a reply will not come. Judged by delivery, never seen by users."""

from __future__ import annotations

from enum import Enum, auto


class LossCause(Enum):
    """Why a connection ended."""

    PEER = auto()
    SILENCE = auto()
    RETIRED = auto()
    PROTOCOL = auto()
    CLOSED = auto()


class ConnectionLostError(Exception):
    """The connection ended before the reply.

    Attributes:
        sent: whether any byte of the command may have left this process.
        cause: why the connection ended.
    """

    def __init__(self, reason: str, *, sent: bool, cause: LossCause) -> None:
        super().__init__(reason)
        self.sent = sent
        self.cause = cause


class ReplyOverdueError(Exception):
    """No reply within ``command_timeout``; the connection lives on and skips the late reply."""
