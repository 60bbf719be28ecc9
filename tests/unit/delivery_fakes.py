"""A node and a connection without a server, for what is decided between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from redis.exceptions import RedisError

from ha_manager.config import Endpoint
from ha_manager.transport import (
    Connection,
    ConnectionLostError,
    LossCause,
    Node,
    NodeState,
    ReplyOverdueError,
)

LOST = ConnectionLostError("it broke", sent=True, cause=LossCause.PEER)
UNSENT = ConnectionLostError("it broke", sent=False, cause=LossCause.PEER)
OVERDUE = ReplyOverdueError("it is late")


class FakeConnection:
    """Answers with its node's script: faults of the transport are raised, the rest are replies."""

    def __init__(self, node: FakeNode) -> None:
        self.endpoint = node.endpoint
        self._node = node
        self.patient: list[asyncio.Future[Any]] = []
        self.undecoded: list[asyncio.Future[Any]] = []

    def send(self, packed: bytes) -> asyncio.Future[Any]:
        if self._node.broken:
            raise UNSENT
        self._node.sent.append(packed)
        reply = asyncio.get_running_loop().create_future()
        self._node.replies.append(reply)
        if self._node.script:
            outcome = self._node.script.pop(0)
            if isinstance(outcome, ConnectionLostError | ReplyOverdueError):
                reply.set_exception(outcome)
            else:
                reply.set_result(outcome)
        return reply

    def send_asking(self, packed: bytes) -> asyncio.Future[Any]:
        self._node.asking.append(len(self._node.sent))
        return self.send(packed)

    def be_patient(self, reply: asyncio.Future[Any]) -> None:
        self.patient.append(reply)

    def leave_undecoded(self, reply: asyncio.Future[Any]) -> None:
        self.undecoded.append(reply)


class FakeNode:
    """A node whose replies are scripted; past the script they stay out.

    Attributes:
        asking: which of ``sent``, counted from 0, came right behind ASKING.
        broken: its connection is closed, and takes nothing.
        farewell: how it was left: ``"retired"``, or the seconds that it has to answer.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *script: Any,
        up: bool = True,
        latency: float | None = None,
        zone: str = "",
    ) -> None:
        self.endpoint = endpoint
        self.script = list(script)
        self.state = NodeState.UP if up else NodeState.DOWN
        self.latency = latency
        self.zone = zone
        self.reason = "it fell"
        self.session = 1
        self.silence = 0.0
        self.late = False
        self.broken = False
        self.kept_open = False
        self.farewell: str | float | None = None
        self.sent: list[bytes] = []
        self.asking: list[int] = []
        self.replies: list[asyncio.Future[Any]] = []
        self.refusing: list[RedisError] = []
        self.leased = 0
        self.leases = 0
        self.connection = FakeConnection(self)

    @property
    def as_node(self) -> Node:
        return cast("Node", self)

    @property
    def as_connection(self) -> Connection:
        return cast("Connection", self.connection)

    def take(self) -> FakeConnection | None:
        return self.connection if self.state is NodeState.UP else None

    async def ready(self) -> FakeConnection:
        await asyncio.sleep(0)
        if self.refusing:
            raise self.refusing.pop(0)
        return self.connection

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[FakeConnection]:
        connection = await self.ready()
        self.leased += 1
        self.leases += 1
        try:
            yield connection
        finally:
            self.leased -= 1

    def keep_open(self) -> None:
        self.kept_open = True

    def leave(self, _reason: str, patience: float) -> None:
        self.state = NodeState.LEAVING
        self.farewell = patience

    def retire(self, _reason: str) -> None:
        self.state = NodeState.RETIRED
        self.farewell = "retired"
