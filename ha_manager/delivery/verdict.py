"""What became of a command, and what to do about it: pure functions.

The four states and their consequences:

========  ==========================================  =====================================
state     meaning                                     consequence
========  ==========================================  =====================================
NOT_SENT  no byte of it left                          sent again
REFUSED   the server answered that it did not run it  sent again
UNKNOWN   bytes left, no answer came                  sent again only if repeating is
                                                      harmless; else the caller is told
REPLIED   the server answered                         the answer goes to the caller
========  ==========================================  =====================================
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Any

from redis.exceptions import (
    AskError,
    AuthenticationError,
    BusyLoadingError,
    ClusterDownError,
    MasterDownError,
    MovedError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from ha_manager.transport import ConnectionLostError, ReplyOverdueError

_REFUSALS = (
    ReadOnlyError,
    BusyLoadingError,
    MasterDownError,
    ClusterDownError,
    TryAgainError,
    MovedError,
    AskError,
)
_REFUSAL_CODES = ("NOREPLICAS", "UNBLOCKED force", "READONLY", "LOADING", "MASTERDOWN", "NOMASTERLINK")
"""By their beginning: replies that redis-py has no class for, and those that scripts pass on.
``UNBLOCKED client`` is no refusal: somebody asked for it by CLIENT UNBLOCK."""


class Delivery(Enum):
    """What is known of one attempt to run a command."""

    NOT_SENT = auto()
    REFUSED = auto()
    UNKNOWN = auto()
    REPLIED = auto()


class Verdict(Enum):
    """What to do after an attempt."""

    RETURN = auto()
    RAISE = auto()
    AGAIN = auto()
    IN_DOUBT = auto()


def state_of(outcome: Any) -> Delivery:
    """Classify the outcome of an attempt: a reply, an error reply, or a fault of the transport."""
    if isinstance(outcome, ConnectionLostError):
        return Delivery.UNKNOWN if outcome.sent else Delivery.NOT_SENT
    if isinstance(outcome, ReplyOverdueError):
        return Delivery.UNKNOWN
    if isinstance(outcome, ConnectFailedError):
        return Delivery.NOT_SENT
    if isinstance(outcome, RedisError) and is_refusal(outcome):
        return Delivery.REFUSED
    return Delivery.REPLIED


def is_refusal(error: RedisError) -> bool:
    """Whether the server says by this error that it did not run the command, for now or here."""
    if isinstance(error, _REFUSALS):
        return True
    return isinstance(error, ResponseError) and str(error).startswith(_REFUSAL_CODES)


def judge(state: Delivery, *, is_error: bool, repeatable: bool) -> Verdict:
    """Decide.

    Args:
        state: what is known of the attempt.
        is_error: the outcome is an error, not a value.
        repeatable: running the command twice is harmless, by its nature or by the caller's word.
    """
    if state is Delivery.REPLIED:
        return Verdict.RAISE if is_error else Verdict.RETURN
    if state is Delivery.UNKNOWN and not repeatable:
        return Verdict.IN_DOUBT
    return Verdict.AGAIN


class ConnectFailedError(Exception):
    """A connection for this command could not be opened; nothing of it was sent.

    Attributes:
        error: the redis-py error that says why.
    """

    def __init__(self, error: RedisError) -> None:
        super().__init__(str(error))
        self.error = error

    @property
    def is_final(self) -> bool:
        """Whether waiting would not help: the login was refused."""
        if isinstance(self.error, AuthenticationError):
            return True
        return not isinstance(self.error, RedisConnectionError | RedisTimeoutError)
