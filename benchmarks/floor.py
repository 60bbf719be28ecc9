"""The floor: the least code that lets many tasks each await one Redis command on one socket, or one of
several sockets where the server is a cluster.

It has no reconnecting, no deadlines, no error handling and no routing. It exists to say how much of
the machine's speed a full client gives away, so keep it as fast as it can honestly be: one future for
one command, one write for everything that one loop turn produced.
"""

import asyncio
from binascii import crc_hqx
from collections import deque
from collections.abc import Callable
from typing import Any, cast

import hiredis

_INCOMPLETE = object()


class Floor(asyncio.Protocol):
    """A bare hiredis protocol whose `get` and `set` return the future of the reply."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._reader = hiredis.Reader(notEnoughData=_INCOMPLETE)
        self._pending: deque[asyncio.Future[Any]] = deque()
        self._outgoing: list[bytes] = []
        self._flush_is_due = False
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def connect(cls, host: str, port: int) -> "Floor":
        """Open one connection; OSError if the server does not listen."""
        loop = asyncio.get_running_loop()
        _, protocol = await loop.create_connection(lambda: cls(loop), host, port)
        return protocol

    def get(self, key: bytes | str) -> "asyncio.Future[Any]":
        """Send GET and return the future of its reply."""
        return self.send(("GET", key))

    def set(self, key: bytes | str, value: bytes) -> "asyncio.Future[Any]":
        """Send SET and return the future of its reply, which is ``b"OK"``."""
        return self.send(("SET", key, value))

    def close(self) -> None:
        """Close the socket; a command still waiting would wait for ever, so call it last."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not derive from asyncio.Transport, so isinstance cannot be asked.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        gets = self._reader.gets
        next_pending = self._pending.popleft
        while (reply := gets()) is not _INCOMPLETE:
            next_pending().set_result(reply)
        # The flush queues up behind the tasks just woken, so it carries away, in the same loop turn,
        # the commands that they are about to send. Waiting for the first command to schedule it
        # would cost one more turn, that is one more poll of the socket, for every batch.
        self._schedule_flush()

    def send(self, command: tuple[Any, ...]) -> "asyncio.Future[Any]":
        """Queue a command and return the future of its reply."""
        future: asyncio.Future[Any] = asyncio.Future(loop=self._loop)
        self._outgoing.append(hiredis.pack_command(command))
        self._pending.append(future)
        if not self._flush_is_due:
            self._schedule_flush()
        return future

    def _schedule_flush(self) -> None:
        if not self._flush_is_due:
            self._flush_is_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_is_due = False
        if self._outgoing and self._transport is not None:
            self._transport.write(b"".join(self._outgoing))
            self._outgoing.clear()


Send = Callable[[tuple[Any, ...]], "asyncio.Future[Any]"]


class ClusterFloor:
    """The same for a cluster: a bare protocol for each primary, and a list that says whose a slot is."""

    def __init__(self, floors: list[Floor], by_slot: list[Send]) -> None:
        self._floors = floors
        self._by_slot = by_slot

    @classmethod
    async def connect(cls, host: str, port: int) -> "ClusterFloor":
        """Ask one node for the slots and open one connection to each primary."""
        first = await Floor.connect(host, port)
        floors: dict[tuple[str, int], Floor] = {(host, port): first}
        by_slot: list[Send] = [first.send] * 16384
        for start, end, (node_host, node_port, *_), *_ in await first.send(("CLUSTER", "SLOTS")):
            node = (node_host.decode(), node_port)
            if node not in floors:
                floors[node] = await Floor.connect(*node)
            by_slot[start : end + 1] = [floors[node].send] * (end + 1 - start)
        return cls(list(floors.values()), by_slot)

    def get(self, key: bytes) -> "asyncio.Future[Any]":
        """Send GET to the owner of the key, which must have no hash tag."""
        return self._by_slot[crc_hqx(key, 0) & 16383](("GET", key))

    def set(self, key: bytes, value: bytes) -> "asyncio.Future[Any]":
        """Send SET likewise."""
        return self._by_slot[crc_hqx(key, 0) & 16383](("SET", key, value))

    def close(self) -> None:
        """Close all sockets."""
        for floor in self._floors:
            floor.close()
