"""A long-lived subscription to one server: health-checked, re-established with back-off.

The server may be silent for days between two events, so a PING is sent at each heartbeat; a
subscription whose PING is not answered by the next one is dead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Protocol

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from ha_manager.backoff import Backoff
from ha_manager.config import Endpoint, NodeOptions
from ha_manager.transport.connection import Connection, open_connection
from ha_manager.transport.faults import LossCause
from ha_manager.transport.packing import make_packer

RESUBSCRIBE = Backoff(first=0.1, limit=2.0)


class SubscriptionListener(Protocol):
    """Is told what comes, and when the subscription stands or breaks."""

    def subscribed(self, endpoint: Endpoint) -> None: ...

    def message(self, endpoint: Endpoint, channel: str, payload: str) -> None: ...

    def unsubscribed(self, endpoint: Endpoint, reason: str) -> None: ...


class Subscription:
    """Keeps ``channels`` of one server subscribed until ``close``.

    Args:
        endpoint, options: the server and how to speak to it.
        channels: the exact channel names.
        listener: told about everything.
        heartbeat: seconds between health checks.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        options: NodeOptions,
        channels: Iterable[str],
        listener: SubscriptionListener,
        *,
        heartbeat: float,
    ) -> None:
        self.endpoint = endpoint
        self._options = options
        self._channels = tuple(channels)
        self._listener = listener
        self._heartbeat = heartbeat
        self._pack = make_packer("utf-8", "strict")
        self._confirmed = 0
        self._alive = False
        self._refusal = ""
        self._standing = False
        self._down_told = False
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"subscription {endpoint}")

    async def close(self) -> None:
        """End the subscription and wait until its connection is released."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        attempt = 0
        while True:
            attempt += 1
            try:
                await self._hold()
            except RedisError as fault:
                attempt = 1 if self._standing else attempt
                self._broken(str(fault))
            await asyncio.sleep(RESUBSCRIBE.delay(attempt))

    async def _hold(self) -> None:
        """Subscribe, then watch until the connection breaks, which raises."""
        lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def on_lost(_connection: Connection, reason: str, _cause: LossCause) -> None:
            if not lost.done():
                lost.set_result(reason)

        connection = await open_connection(
            self.endpoint, self._options, liveness=None, on_lost=on_lost, on_push=self._take
        )
        try:
            self._confirmed, self._alive, self._refusal = 0, True, ""
            connection.subscribed = True
            connection.send(self._pack(("SUBSCRIBE", *self._channels))).cancel()
            await self._watch(connection, lost)
        finally:
            connection.close("the subscription ended")
            await connection.wait_closed()

    async def _watch(self, connection: Connection, lost: asyncio.Future[str]) -> None:
        while True:
            done, _ = await asyncio.wait({lost}, timeout=self._heartbeat)
            if done:
                raise RedisConnectionError(lost.result())
            if self._refusal:
                raise RedisConnectionError(self._refusal)
            if not self._alive:
                raise RedisConnectionError(f"{self.endpoint} did not answer for {self._heartbeat:g} s")
            self._alive = False
            connection.ping()

    def _take(self, frame: Any) -> None:
        """Take one frame: a message, a confirmation, the answer to a PING, or a refusal."""
        self._alive = True
        if isinstance(frame, RedisError):
            # Without the right to subscribe, the other triggers must do; it is tried again, slowly.
            self._refusal = f"SUBSCRIBE was refused: {frame}"
            return
        if not isinstance(frame, list) or len(frame) < 3:
            return
        kind = _text(frame[0])
        if kind == "message":
            self._listener.message(self.endpoint, _text(frame[1]), _text(frame[2]))
        elif kind == "subscribe":
            self._confirmed += 1
            if self._confirmed == len(self._channels):
                self._standing, self._down_told = True, False
                self._listener.subscribed(self.endpoint)

    def _broken(self, reason: str) -> None:
        self._standing = False
        if not self._down_told:
            self._down_told = True
            self._listener.unsubscribed(self.endpoint, reason)


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
