"""Connections of one's own, lent out one at a time: for commands that block or change a connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from ha_manager.transport.connection import Connection, ConnectionState
from ha_manager.transport.faults import LossCause


class Leases:
    """A bounded pool; callers beyond the bound wait in turn.

    Args:
        open_one: opens a connection.
        limit: connections lent out at a time.
    """

    def __init__(self, open_one: Callable[[], Awaitable[Connection]], limit: int) -> None:
        self._open_one = open_one
        self._slots = asyncio.Semaphore(limit)
        self._idle: list[Connection] = []
        self._out: set[Connection] = set()
        self._closed = False

    @property
    def out(self) -> int:
        """Connections lent out now."""
        return len(self._out)

    @property
    def pending(self) -> int:
        """Replies that borrowers wait for."""
        return sum(connection.pending for connection in self._out)

    @asynccontextmanager
    async def borrow(self) -> AsyncIterator[Connection]:
        """Lend a connection for the length of the block; one that is left in use is closed."""
        async with self._slots:
            connection = self._take_idle() or await self._open_one()
            self._out.add(connection)
            try:
                yield connection
            finally:
                self._out.discard(connection)
                self._give_back(connection)

    def _take_idle(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.state is ConnectionState.READY:
                return connection
        return None

    def _give_back(self, connection: Connection) -> None:
        usable = connection.state is ConnectionState.READY and not connection.pending
        if usable and not self._closed:
            self._idle.append(connection)
        else:
            # A reply is still owed, for instance after a cancelled BLPOP: nobody may get it.
            connection.close("the leased connection was left in use")

    def drop_all(self, reason: str, cause: LossCause) -> list[Connection]:
        """Close every connection at once; borrowers learn what became of their commands."""
        dropped = [*self._idle, *self._out]
        self._idle = []
        for connection in dropped:
            connection.close(reason, cause)
        return dropped

    def close(self, reason: str, cause: LossCause) -> list[Connection]:
        """As :meth:`drop_all`, for good: what is given back from now on is closed."""
        self._closed = True
        return self.drop_all(reason, cause)
