"""Sockets: connect, TLS, keepalive, and errors in the words of redis-py."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import TypeVar

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from ha_manager.config import Endpoint, NodeOptions

ProtocolT = TypeVar("ProtocolT", bound=asyncio.Protocol)


async def connect_socket(
    endpoint: Endpoint, options: NodeOptions, factory: Callable[[], ProtocolT]
) -> ProtocolT:
    """Open a TCP, TLS or Unix connection and attach a protocol to it. No time limit of its own."""
    loop = asyncio.get_running_loop()
    if endpoint.is_unix:
        _, protocol = await loop.create_unix_connection(factory, endpoint.host)
        return protocol
    context = options.tls.context() if options.tls else None
    transport, protocol = await loop.create_connection(factory, endpoint.host, endpoint.port, ssl=context)
    tune(transport.get_extra_info("socket"), options)
    return protocol


def tune(sock: socket.socket | None, options: NodeOptions) -> None:
    """Set keepalive, and have the kernel give up on unacknowledged data when keepalive would."""
    if sock is None or not options.keepalive:
        return
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in options.keepalive_options.items():
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, option, value)


def limit_unacknowledged(sock: socket.socket | None, seconds: float) -> None:
    """Set TCP_USER_TIMEOUT where the platform has it: sent data unacknowledged for so long is a loss."""
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    if sock is None or option is None:
        return
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.IPPROTO_TCP, option, max(int(seconds * 1000), 1))


def translate(endpoint: Endpoint, fault: BaseException, timeout: float) -> RedisError:
    """A redis-py error that says what happened at which address."""
    if isinstance(fault, RedisError):
        return fault
    if isinstance(fault, ssl.SSLError):
        return RedisConnectionError(f"{endpoint}: TLS failed: {fault}")
    if isinstance(fault, TimeoutError):
        return RedisTimeoutError(f"{endpoint} did not answer within {timeout:g} s")
    return RedisConnectionError(f"cannot connect to {endpoint}: {fault}")
