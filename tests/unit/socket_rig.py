"""A real connection over a transport that only notes what is written to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from unit_support import A

from ha_manager.config import Endpoint, NodeOptions
from ha_manager.transport import Connection, ConnectionState
from ha_manager.transport.connection import OnLost
from ha_manager.transport.liveness import Liveness

HEARTBEAT = 1.0
OK = b"+OK\r\n"


class NotedTransport:
    """What was written, write by write."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        self._protocol = protocol
        self.writes: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.writes.append(data)

    def abort(self) -> None:
        self.closed = True
        asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)


class Wired(Connection):
    """A connection that is ready at once, and its transport."""

    def __init__(
        self,
        endpoint: Endpoint = A,
        *,
        liveness: Liveness | None = None,
        on_lost: OnLost | None = None,
    ) -> None:
        super().__init__(endpoint, NodeOptions(), liveness=liveness, on_lost=on_lost)
        self.noted = NotedTransport(self)
        self.connection_made(cast("asyncio.Transport", self.noted))
        self.state = ConnectionState.READY

    @property
    def writes(self) -> list[bytes]:
        return self.noted.writes


def watched(**more: Any) -> Wired:
    """A connection whose silence is watched."""
    return Wired(liveness=Liveness(HEARTBEAT, None), **more)


class Opened:
    """Opens such connections for a node, and notes each; ``failing`` is raised instead, once each."""

    def __init__(self) -> None:
        self.shared: list[Wired] = []
        self.leased: list[Wired] = []
        self.failing: list[Exception] = []
        self.before: Callable[[], None] = lambda: None

    async def __call__(self, endpoint: Endpoint, *, leased: bool, on_lost: OnLost) -> Connection:
        await asyncio.sleep(0)
        self.before()
        if self.failing:
            raise self.failing.pop(0)
        liveness = None if leased else Liveness(HEARTBEAT, None)
        connection = Wired(endpoint, liveness=liveness, on_lost=on_lost)
        (self.leased if leased else self.shared).append(connection)
        return connection
