"""A minimal RESP2 client for administration: one short connection for each call.

Deliberately not ha_manager's own client, so that a test of that client never measures it with itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

__all__ = ["Access", "Argument", "Credentials", "Reply", "ask"]

Argument = str | bytes | int | float
Reply = str | int | None | ResponseError | list["Reply"]


@dataclass(frozen=True, slots=True)
class Credentials:
    """An ACL user and its password; a password alone belongs to the user ``default``."""

    username: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach one server."""

    host: str
    port: int
    credentials: Credentials = field(default=Credentials())
    tls: ssl.SSLContext | None = field(default=None, repr=False)


async def ask(access: Access, *commands: Sequence[Argument], timeout: float) -> list[Reply]:
    """Sends the commands on a fresh connection and returns a reply for each, as text.

    Args:
        access: the server.
        commands: each a sequence of arguments.
        timeout: seconds for all of it.

    Returns:
        The replies; an error reply is a `ResponseError` in the list, it is not raised.

    Raises:
        redis.exceptions.ConnectionError: the server cannot be reached, or closed the connection.
        redis.exceptions.TimeoutError: it did not answer in time.
        redis.exceptions.ResponseError: it refused the credentials.
    """
    where = f"{access.host}:{access.port}"
    try:
        async with asyncio.timeout(timeout):
            return await _converse(access, commands)
    except TimeoutError as error:
        raise RedisTimeoutError(f"{where} did not answer within {timeout} s") from error
    except (OSError, EOFError) as error:
        raise RedisConnectionError(f"{where}: {error}") from error


async def _converse(access: Access, commands: Sequence[Sequence[Argument]]) -> list[Reply]:
    reader, writer = await asyncio.open_connection(access.host, access.port, ssl=access.tls)
    try:
        login = _login(access.credentials)
        writer.write(b"".join(_pack(command) for command in (*login, *commands)))
        for _ in login:
            if isinstance(refusal := await _read(reader), ResponseError):
                raise refusal
        return [await _read(reader) for _ in commands]
    finally:
        # Not close(): the farewell of TLS would wait for a server that may be stopped.
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _login(credentials: Credentials) -> list[tuple[Argument, ...]]:
    if credentials.password is None:
        return []
    if credentials.username is None:
        return [("AUTH", credentials.password)]
    return [("AUTH", credentials.username, credentials.password)]


def _pack(command: Sequence[Argument]) -> bytes:
    parts = [argument if isinstance(argument, bytes) else str(argument).encode() for argument in command]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


async def _read(reader: asyncio.StreamReader) -> Reply:
    line = await reader.readuntil(b"\r\n")
    kind, rest = line[:1], line[1:-2]
    if kind == b"+":
        return _text(rest)
    if kind == b"-":
        return ResponseError(_text(rest))
    if kind == b":":
        return int(rest)
    if kind == b"$":
        size = int(rest)
        return None if size < 0 else _text((await reader.readexactly(size + 2))[:-2])
    if kind == b"*":
        count = int(rest)
        return None if count < 0 else [await _read(reader) for _ in range(count)]
    raise ConnectionError(f"not a RESP2 reply: {line[:20]!r}")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
