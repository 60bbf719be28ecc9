"""A cluster of any size that exists in replies only, and the client's picture of it."""

from itertools import pairwise
from types import TracebackType
from typing import Any, NoReturn, Self

from ha_manager.config import Endpoint, NodeOptions
from ha_manager.delivery import Arrangement, Backlog, Lane, Lanes, Taker
from ha_manager.observe import Counters, EventBus
from ha_manager.routing import SLOT_COUNT, describe
from ha_manager.transport import Connection, ConnectionState, Fleet, Node

REPLICAS = 2


def _nodes(shard: int) -> list[tuple[bytes, int, bytes]]:
    """Host, port and id of a shard's primary and replicas."""
    return [
        (f"10.{place}.{shard >> 8}.{shard & 255}".encode(), 6379, f"{place:08x}{shard:032x}".encode())
        for place in range(1 + REPLICAS)
    ]


def _slots(shards: int) -> list[tuple[int, int]]:
    """The first and the last slot of each shard."""
    edges = [number * SLOT_COUNT // shards for number in range(shards + 1)]
    return [(start, end - 1) for start, end in pairwise(edges)]


def make_shards_reply(shards: int) -> list[Any]:
    """CLUSTER SHARDS as a RESP2 client gets it."""
    return [
        [b"slots", list(slots), b"nodes", [_shard_entry(n, *node) for n, node in enumerate(_nodes(number))]]
        for number, slots in enumerate(_slots(shards))
    ]


def _shard_entry(place: int, host: bytes, port: int, name: bytes) -> list[Any]:
    role = b"replica" if place else b"master"
    where = [b"id", name, b"port", port, b"ip", host, b"endpoint", host, b"hostname", b""]
    return [*where, b"role", role, b"replication-offset", 14, b"health", b"online"]


def make_slots_reply(shards: int) -> list[Any]:
    """CLUSTER SLOTS as a RESP2 client gets it."""
    return [
        [*slots, *([host, port, name, []] for host, port, name in _nodes(number))]
        for number, slots in enumerate(_slots(shards))
    ]


class _Unheard:
    """Nobody needs to know of the nodes' ups and downs here."""

    def node_up(self, node: Node) -> None: ...

    def node_silent(self, node: Node) -> None: ...

    def node_down(self, node: Node, reason: str, cause: object) -> None: ...


class World:
    """Lanes, nodes and connections as a manager has them, but that the connections have no sockets.

    Attributes:
        arrangement: makes all of it follow a snapshot.
    """

    def __init__(self) -> None:
        self._lanes = Lanes(Backlog(1000, EventBus(), Counters()))
        self._fleet = Fleet(self._build)
        self.arrangement = Arrangement(
            self._lanes,
            fleet=self._fleet,
            readers=Fleet(self._build),
            make_watch=_no_watch,
            reads_from_replicas=False,
            patience=1.0,
            withdraw=lambda _node: None,
        )

    async def settle(self) -> Taker:
        """Let every node connect and every lane be confirmed; returns the fast path's way for a SET."""
        for node in self._fleet:
            await node.ready()
        for lane in self._lanes.all:
            lane.confirm()
        take = self._lanes.taker(describe(("SET", "key", "value")))
        assert take is not None
        return take

    def _build(self, endpoint: Endpoint) -> Node:
        return Node(endpoint, _connect, _Unheard(), poolsize=1, max_leases=1, pulse=60.0)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lanes.close()
        for node in self._fleet:
            node.retire("the end")
        for node in self._fleet.everything:
            await node.wait_closed()


async def _connect(endpoint: Endpoint, *, leased: bool, on_lost: Any) -> Connection:
    del leased, on_lost
    connection = Connection(endpoint, NodeOptions(), liveness=None)
    connection.state = ConnectionState.READY
    return connection


def _no_watch(lane: Lane) -> NoReturn:
    raise AssertionError("nothing is read from replicas here")
