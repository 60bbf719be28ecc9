"""What became of a command, and what follows: the whole table."""

from __future__ import annotations

from typing import Any

import pytest
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    MaxConnectionsError,
    NoPermissionError,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from ha_manager.delivery import Delivery, Verdict, judge, state_of
from ha_manager.delivery.verdict import ConnectFailedError
from ha_manager.transport import ConnectionLostError, LossCause, ReplyOverdueError
from ha_manager.transport.replies import error_reply

REFUSALS = [
    "READONLY You can't write against a read only replica.",
    "LOADING Redis is loading the dataset in memory",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "CLUSTERDOWN The cluster is down",
    "TRYAGAIN Multiple keys request during rehashing of slot",
    "MOVED 3999 10.0.0.1:6379",
    "ASK 3999 10.0.0.1:6379",
    "NOREPLICAS Not enough good replicas to write.",
    "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
    "READONLY You can't write against a read only replica. script: f00d, on @user_script:1.",
]
ANSWERS = [
    "ERR unknown command 'NOPE'",
    "WRONGTYPE Operation against a key holding the wrong kind of value",
    "NOPERM User x has no permissions to run the 'get' command",
    "NOSCRIPT No matching script.",
    "OOM command not allowed when used memory > 'maxmemory'.",
    "EXECABORT Transaction discarded because of previous errors.",
    "BUSYGROUP Consumer Group name already exists",
    "ERR the key is LOADING",
]


@pytest.mark.parametrize("cause", LossCause)
@pytest.mark.parametrize(("sent", "state"), [(True, Delivery.UNKNOWN), (False, Delivery.NOT_SENT)])
def test_a_lost_connection(cause: LossCause, sent: bool, state: Delivery) -> None:
    assert state_of(ConnectionLostError("x", sent=sent, cause=cause)) is state


def test_a_late_reply_is_unknown() -> None:
    assert state_of(ReplyOverdueError("x")) is Delivery.UNKNOWN


def test_a_connection_that_could_not_be_opened_sent_nothing() -> None:
    assert state_of(ConnectFailedError(RedisConnectionError("x"))) is Delivery.NOT_SENT


@pytest.mark.parametrize("message", REFUSALS)
def test_refusals(message: str) -> None:
    assert state_of(error_reply(message)) is Delivery.REFUSED


@pytest.mark.parametrize("message", ANSWERS)
def test_errors_that_are_answers(message: str) -> None:
    assert state_of(error_reply(message)) is Delivery.REPLIED


def test_a_call_that_a_user_unblocked_has_its_answer() -> None:
    """CLIENT UNBLOCK id ERROR: to block again would undo what somebody asked for."""
    assert state_of(error_reply("UNBLOCKED client unblocked via CLIENT UNBLOCK")) is Delivery.REPLIED


@pytest.mark.parametrize("value", [None, b"OK", 0, [], {}, [ResponseError("READONLY x")], "LOADING", False])
def test_values_are_answers(value: Any) -> None:
    assert state_of(value) is Delivery.REPLIED


@pytest.mark.parametrize("repeatable", [False, True])
@pytest.mark.parametrize(
    ("state", "is_error", "harmless", "harmful"),
    [
        (Delivery.NOT_SENT, True, Verdict.AGAIN, Verdict.AGAIN),
        (Delivery.REFUSED, True, Verdict.AGAIN, Verdict.AGAIN),
        (Delivery.UNKNOWN, True, Verdict.AGAIN, Verdict.IN_DOUBT),
        (Delivery.REPLIED, True, Verdict.RAISE, Verdict.RAISE),
        (Delivery.REPLIED, False, Verdict.RETURN, Verdict.RETURN),
    ],
)
def test_verdicts(
    state: Delivery, is_error: bool, harmless: Verdict, harmful: Verdict, repeatable: bool
) -> None:
    assert judge(state, is_error=is_error, repeatable=repeatable) is (harmless if repeatable else harmful)


@pytest.mark.parametrize(
    ("error", "final"),
    [
        (RedisConnectionError("refused"), False),
        (RedisTimeoutError("no answer"), False),
        (BusyLoadingError("loading"), False),
        (MaxConnectionsError("too many"), False),
        (AuthenticationError("wrong password"), True),
        (NoPermissionError("not allowed"), True),
        (ResponseError("odd"), True),
    ],
    ids=lambda value: type(value).__name__,
)
def test_whether_waiting_could_help_a_connection(error: RedisError, final: bool) -> None:
    failed = ConnectFailedError(error)
    assert (failed.is_final, failed.error, str(failed)) == (final, error, str(error))
