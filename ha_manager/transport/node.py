"""One server: its shared connections, which keep themselves open, and its leased ones.

A node that is wanted reconnects in the background, with back-off, until it is retired; callers
take a ready connection or learn that there is none. Opening is single flight: one task does it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from enum import Enum, auto
from typing import Any, Protocol

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from ha_manager.backoff import Backoff
from ha_manager.config import Endpoint
from ha_manager.transport.connection import Connection, ConnectionState, OnLost
from ha_manager.transport.faults import ConnectionLostError, LossCause, ReplyOverdueError
from ha_manager.transport.leases import Leases

RECONNECT = Backoff(first=0.02, limit=1.0)


class NodeState(Enum):
    """IDLE: nobody asked for it yet. LEAVING: it only answers what it was sent. RETIRED is final."""

    IDLE = auto()
    CONNECTING = auto()
    UP = auto()
    DOWN = auto()
    LEAVING = auto()
    RETIRED = auto()


class Opener(Protocol):
    """Opens one connection; ``leased`` ones are not watched for silence."""

    def __call__(self, endpoint: Endpoint, *, leased: bool, on_lost: OnLost) -> Awaitable[Connection]: ...


class NodeListener(Protocol):
    """Is told when a node comes up, is suspiciously silent, or goes down."""

    def node_up(self, node: Node) -> None: ...

    def node_silent(self, node: Node) -> None: ...

    def node_down(self, node: Node, reason: str, cause: LossCause) -> None: ...


class Node:
    """A pool of connections to one server.

    Args:
        endpoint: its address.
        opener: opens connections.
        listener: told about ups and downs.
        poolsize: shared connections.
        max_leases: leased connections at most; further callers wait in turn.
        pulse: seconds between signs of life that are asked for while leases are out.

    Attributes:
        latency: measured round trip in seconds, ``None`` until it was measured.
        zone: the availability zone that it tells; empty if it tells none.
        reason: why it went down last.
        session: how often it came up: another one may be another process with another hash seed.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        opener: Opener,
        listener: NodeListener,
        *,
        poolsize: int,
        max_leases: int,
        pulse: float,
    ) -> None:
        self.endpoint = endpoint
        self.state = NodeState.IDLE
        self.latency: float | None = None
        self.zone = ""
        self.reason = ""
        self.session = 0
        self._opener = opener
        self._listener = listener
        self._poolsize = poolsize
        self._ready: list[Connection] = []
        self._turn = 0
        self._keeper: asyncio.Task[None] | None = None
        self._missing = asyncio.Event()
        self._waiters: list[asyncio.Future[Connection]] = []
        self._leases = Leases(self._open_lease, max_leases)
        self._pulse_seconds = pulse
        self._pulse: asyncio.TimerHandle | None = None
        self._replies_of_closed = 0
        self._closing: list[Connection] = []
        self._leaving: list[Connection] = []
        self._farewell: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Node {self.endpoint} {self.state.name} connections={len(self._ready)}>"

    # What callers use

    def take(self) -> Connection | None:
        """A ready shared connection, or ``None``."""
        ready = self._ready
        if len(ready) == 1:
            return ready[0]
        if not ready:
            return None
        self._turn = turn = (self._turn + 1) % len(ready)
        return ready[turn]

    def keep_open(self) -> None:
        """From now on, keep the shared connections open in the background."""
        if self._keeper is None and not self._is_left():
            self._keeper = asyncio.get_running_loop().create_task(self._keep(), name=f"{self!r} keeper")

    async def ready(self) -> Connection:
        """A ready connection; if there is none, the outcome of the next attempt to open one.

        Raises:
            redis.RedisError: the attempt failed.
        """
        connection = self.take()
        if connection is not None:
            return connection
        if self._is_left():
            raise RedisConnectionError(f"{self.endpoint} was left")
        waiter: asyncio.Future[Connection] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self.keep_open()
        self._missing.set()
        return await waiter

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[Connection]:
        """Borrow a connection of one's own, opening one if need be.

        Raises:
            redis.RedisError: none could be opened.
        """
        async with self._leases.borrow() as connection:
            if self._is_left():
                raise RedisConnectionError(f"{self.endpoint} was left")
            self._start_pulse()
            yield connection

    def leave(self, reason: str, patience: float) -> None:
        """Send nothing more, and retire when all replies have come, or after ``patience`` seconds.

        What was not sent yet, its callers may send elsewhere.

        For a node that is alive: what it was sent, it answers, if only by a redirect.
        """
        if self._is_left():
            return
        if self.state is not NodeState.UP or not (self.pending or self._leases.pending):
            self.retire(reason)
            return
        self.state = NodeState.LEAVING
        if self._keeper is not None:
            self._keeper.cancel()
        self._leaving, self._ready = self._ready, []
        for connection in self._leaving:
            connection.recall(reason, LossCause.RETIRED)
        self._settle(RedisConnectionError(f"{self.endpoint} was left: {reason}"))
        self._farewell = asyncio.get_running_loop().create_task(self._part(reason, patience))

    async def _part(self, reason: str, patience: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self.drain()
        self.retire(reason)

    def retire(self, reason: str) -> None:
        """Leave the node for good, at once: every command under way is failed to its caller."""
        if self.state is NodeState.RETIRED:
            return
        self.state = NodeState.RETIRED
        self._ready += self._leaving
        self._leaving = []
        if self._keeper is not None:
            self._keeper.cancel()
        if self._pulse is not None:
            self._pulse.cancel()
        self._closing += self._leases.close(reason, LossCause.RETIRED)
        self._closing += self._drop_shared(reason, LossCause.RETIRED)
        self._settle(RedisConnectionError(f"{self.endpoint} was retired: {reason}"))

    async def drain(self) -> None:
        """Wait until every command under way has its reply, as long as connections last."""
        while self.pending or self._leases.pending:
            await asyncio.sleep(0.005)

    async def wait_closed(self) -> None:
        """After :meth:`retire`: wait until the background task and every socket have ended."""
        background = [task for task in (self._keeper, self._farewell) if task is not None]
        await asyncio.gather(*background, return_exceptions=True)
        await asyncio.gather(*(connection.wait_closed() for connection in self._closing))

    # Figures

    @property
    def silence(self) -> float:
        """Seconds for which it has owed replies and said nothing."""
        return max((connection.silence for connection in self._ready), default=0.0)

    @property
    def late(self) -> bool:
        """Whether it has owed replies for longer than it used to."""
        return any(connection.late for connection in self._ready)

    @property
    def leaving(self) -> tuple[Connection, ...]:
        """Shared connections that only answer what they were sent."""
        return tuple(self._leaving)

    @property
    def connections(self) -> int:
        return len(self._ready)

    @property
    def leased(self) -> int:
        return self._leases.out

    @property
    def pending(self) -> int:
        return sum(connection.pending for connection in (*self._ready, *self._leaving))

    @property
    def replies(self) -> int:
        return self._replies_of_closed + sum(connection.replies for connection in self._ready)

    # Keeping the shared connections open

    async def _keep(self) -> None:
        attempt = 0
        while True:
            self._missing.clear()
            error = await self._fill()
            if error is None:
                attempt = 0
                await self._missing.wait()
                continue
            attempt += 1
            self._down(str(error), LossCause.PEER)
            self._settle(error)
            await self._rest(RECONNECT.delay(attempt))

    async def _rest(self, seconds: float) -> None:
        """Wait before the next attempt; somebody who waits for its outcome cuts this short."""
        try:
            async with asyncio.timeout(seconds):
                await self._missing.wait()
        except TimeoutError:
            return

    async def _fill(self) -> RedisError | None:
        """Open the missing connections one after the other; the first error, if any, ends it."""
        while len(self._ready) < self._poolsize:
            if not self._ready:
                self.state = NodeState.CONNECTING if self.state is NodeState.IDLE else self.state
            try:
                connection = await self._opener(self.endpoint, leased=False, on_lost=self._lost)
            except RedisError as error:
                return error
            if connection.state is not ConnectionState.READY:
                return RedisConnectionError(f"{self.endpoint} closed the connection at once")
            self._add(connection)
        return None

    def _add(self, connection: Connection) -> None:
        connection.on_silent = self._silent
        self._ready.append(connection)
        self._settle(connection)
        if self.state is not NodeState.UP:
            self.state = NodeState.UP
            self.session += 1
            self._listener.node_up(self)

    def _silent(self) -> None:
        if self.state is NodeState.UP:
            self._listener.node_silent(self)

    def _lost(self, connection: Connection, reason: str, cause: LossCause) -> None:
        self._replies_of_closed += connection.replies
        if connection in self._ready:
            self._ready.remove(connection)
        if connection in self._leaving:
            self._leaving.remove(connection)
        self._missing.set()
        if cause is LossCause.SILENCE:
            # The process behind every other socket to it is as silent as behind this one.
            self._leases.drop_all(reason, cause)
            self._drop_shared(reason, cause)
        if not self._ready:
            self._down(reason, cause)

    def _drop_shared(self, reason: str, cause: LossCause) -> list[Connection]:
        dropped, self._ready = self._ready, []
        for connection in dropped:
            self._replies_of_closed += connection.replies
            connection.close(reason, cause)
        return dropped

    def _down(self, reason: str, cause: LossCause) -> None:
        self.reason = reason
        if self.state not in (NodeState.DOWN, NodeState.LEAVING, NodeState.RETIRED) and not self._ready:
            self.state = NodeState.DOWN
            self._listener.node_down(self, reason, cause)

    def _settle(self, outcome: Connection | RedisError) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if waiter.done():
                continue
            if isinstance(outcome, Connection):
                waiter.set_result(outcome)
            else:
                waiter.set_exception(outcome)

    # Leases

    async def _open_lease(self) -> Connection:
        if not self._is_left():
            connection = await self._opener(self.endpoint, leased=True, on_lost=_ignore_loss)
            if not self._is_left():
                return connection
            connection.close("the node was left", LossCause.RETIRED)
        raise RedisConnectionError(f"{self.endpoint} was left")

    def _is_left(self) -> bool:
        return self.state in (NodeState.LEAVING, NodeState.RETIRED)

    def _start_pulse(self) -> None:
        if self._pulse is None and not self._is_left():
            self._pulse = asyncio.get_running_loop().call_later(self._pulse_seconds, self._beat)

    def _beat(self) -> None:
        """A leased connection may be silent for long: a PING on a shared one watches the node for it."""
        self._pulse = None
        if not self._leases.out:
            return
        self._start_pulse()
        connection = self.take()
        if connection is not None and not connection.pending:
            try:
                connection.ping()
            except ConnectionLostError:
                return


def _ignore_loss(_connection: Connection, _reason: str, _cause: LossCause) -> None:
    """A leased connection's borrower learns of its loss from its own command."""


async def ask(node: Node, packed: bytes, timeout: float) -> Any:
    """Send one command over a shared connection, opening one if need be; error replies are raised.

    Raises:
        redis.RedisError: an error reply, a connection that could not be opened, or was lost, or no
            reply within ``timeout`` seconds.
    """
    connection = await node.ready()
    try:
        async with asyncio.timeout(timeout):
            reply = await connection.send(packed)
    except (ConnectionLostError, ReplyOverdueError) as lost:
        raise RedisConnectionError(str(lost)) from lost
    except TimeoutError:
        raise RedisTimeoutError(f"{node.endpoint} did not answer within {timeout:g} s") from None
    if isinstance(reply, RedisError):
        raise reply
    return reply
