"""What is said on a new connection, as data: the steps, and the judgement of their replies.

All steps leave in one write.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError

from ha_manager.config import Endpoint, NodeOptions


@dataclass(frozen=True, slots=True)
class Step:
    """One command of the handshake.

    Attributes:
        args: the command.
        required: whether its refusal makes the connection useless.
    """

    args: tuple[str | int | bytes, ...]
    required: bool = True

    def __repr__(self) -> str:
        # The arguments of AUTH and HELLO hold the password.
        return f"Step({self.args[0]!r})"


_CLIENT_ID = Step(("CLIENT", "ID"), required=False)


def steps(options: NodeOptions, login: tuple[str, ...]) -> tuple[Step, ...]:
    """The handshake for a server.

    Args:
        options: how to speak to it.
        login: ``()``, ``(password,)`` or ``(username, password)``.
    """
    found = list(_greeting(options, login))
    if options.client_name:
        found.append(Step(("CLIENT", "SETNAME", options.client_name)))
    for name, value in (("LIB-NAME", options.lib_name), ("LIB-VER", options.lib_version)):
        if value:
            found.append(Step(("CLIENT", "SETINFO", name, value), required=False))
    if options.db:
        found.append(Step(("SELECT", options.db)))
    if options.readonly:
        found.append(Step(("READONLY",), required=False))
    found.append(_CLIENT_ID)
    # A round trip proves that the process behind the socket is running, not just its kernel.
    found.append(Step(("PING",), required=False))
    return tuple(found)


def _greeting(options: NodeOptions, login: tuple[str, ...]) -> tuple[Step, ...]:
    if options.protocol == 3:
        name_and_password = login if len(login) == 2 else ("default", *login)
        return (Step(("HELLO", 3, "AUTH", *name_and_password) if login else ("HELLO", 3)),)
    return (Step(("AUTH", *login)),) if login else ()


def check(endpoint: Endpoint, asked: Sequence[Step], replies: Sequence[Any]) -> None:
    """Raise for the first required step that was refused.

    Raises:
        AuthenticationError: wrong or missing credentials.
        redis.ConnectionError: anything else, such as ``LOADING`` or too many clients.
    """
    for step, reply in zip(asked, replies, strict=True):
        if isinstance(reply, RedisError) and (step.required or _closes(reply)):
            raise _translate(endpoint, step, reply)


def client_id(asked: Sequence[Step], replies: Sequence[Any]) -> int | None:
    """The server's number for this connection, where it tells."""
    number = replies[asked.index(_CLIENT_ID)]
    return number if type(number) is int else None


def _closes(reply: RedisError) -> bool:
    """Refusals of any step, even an optional one, after which no command would work."""
    return isinstance(reply, AuthenticationError) or "NOAUTH" in str(reply)


def _translate(endpoint: Endpoint, step: Step, reply: RedisError) -> RedisError:
    name = str(step.args[0])
    if name == "HELLO" and "unknown command" in str(reply).lower():
        return RedisConnectionError(f"{endpoint} does not speak RESP3; use protocol=2")
    if isinstance(reply, NoPermissionError):
        return NoPermissionError(f"{endpoint} refused {name}: {reply}")
    if name in {"AUTH", "HELLO"} or _closes(reply):
        if isinstance(reply, AuthenticationError | ResponseError):
            return AuthenticationError(f"{endpoint} refused the login: {reply}")
        return RedisConnectionError(f"{endpoint}: {reply}")
    if isinstance(reply, RedisConnectionError):
        return reply
    return RedisConnectionError(f"{endpoint} refused {name}: {reply}")
