"""A cluster whose nodes answer by a script, for what is decided about their answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from cluster_reply_forms import node, shard
from virtual_time import now

from ha_manager.config import Endpoint
from ha_manager.observe import Counters, Event, EventBus
from ha_manager.topology import ClusterDiscovery, Resolution, Topology

HOST = "10.0.0.1"


def at(port: int) -> Endpoint:
    return Endpoint(HOST, port)


def info(epoch: int, state: str = "ok") -> str:
    """CLUSTER INFO."""
    return (
        f"cluster_state:{state}\r\ncluster_slots_assigned:16384\r\ncluster_known_nodes:6\r\n"
        f"cluster_current_epoch:{epoch}\r\ncluster_my_epoch:1\r\n"
    )


def shards(*ports: int, covered: int = 16384) -> list[dict[str, Any]]:
    """CLUSTER SHARDS of primaries at these ports, which share the slots."""
    share = covered // len(ports)
    return [
        shard(node(port), slots=(share * number, share * (number + 1) - 1))
        for number, port in enumerate(ports)
    ]


class Node:
    """What one node answers, and after how many seconds; ``None`` for never."""

    def __init__(
        self, epoch: int = 1, ports: Sequence[int] = (1,), after: float | None = 0.0, **more: Any
    ) -> None:
        self.after = after
        self.replies: dict[str, Any] = {
            "CLUSTER INFO": info(epoch, more.pop("state", "ok")),
            "CLUSTER SHARDS": shards(*ports, **more),
        }

    def failing(self, error: Exception) -> Node:
        """The same node, which answers everything with this."""
        self.replies = dict.fromkeys(["CLUSTER INFO", "CLUSTER SHARDS", "CLUSTER SLOTS"], error)
        return self

    def but(self, **changes: Any) -> Node:
        """The same node with other answers to CLUSTER INFO, SHARDS or SLOTS."""
        self.replies |= {f"CLUSTER {name}": reply for name, reply in changes.items()}
        return self


class Script:
    """Asks by the script, and notes who was asked, when, and who was not waited for."""

    def __init__(self, nodes: dict[int, Node]) -> None:
        self.nodes = nodes
        self.asked: list[int] = []
        self.commands: list[tuple[int, str]] = []
        self.hosts: set[str] = set()
        self.asked_at: dict[int, float] = {}
        self.given_up: list[int] = []

    async def __call__(self, endpoint: Endpoint, *args: str) -> Any:
        port = endpoint.port
        if port not in self.asked:
            self.asked.append(port)
            self.asked_at[port] = now()
        self.commands.append((port, " ".join(args)))
        self.hosts.add(endpoint.host)
        node = self.nodes.get(port) or Node().failing(OSError("nobody is there"))
        try:
            await (asyncio.Event().wait() if node.after is None else asyncio.sleep(node.after))
        except asyncio.CancelledError:
            self.given_up.append(port)
            raise
        reply = node.replies[" ".join(args)]
        if isinstance(reply, BaseException):
            raise reply
        return reply


class Rig:
    """A discovery of the scripted cluster, with a clock that the test turns."""

    def __init__(
        self,
        nodes: dict[int, Node],
        seeds: Iterable[int] | None = None,
        *,
        address_map: Callable[[Endpoint], Endpoint] = lambda endpoint: endpoint,
        tls: bool = False,
    ) -> None:
        self.script = Script(nodes)
        self.seconds = 1000.0
        self.counters = Counters()
        self.events: list[Event] = []
        bus = EventBus()
        bus.add_listener(self.events.append)
        self.discovery = ClusterDiscovery(
            [at(port) for port in (nodes if seeds is None else seeds)],
            ask_node=self.script,
            address_map=address_map,
            tls=tls,
            bus=bus,
            counters=self.counters,
            clock=lambda: self.seconds,
        )

    async def resolve(self, current: Topology | None = None) -> Resolution:
        return await self.discovery.resolve(current)


def ports(resolution: Resolution) -> list[int]:
    """The ports of the primaries that were found."""
    assert resolution.topology is not None, resolution.reason
    return [shard.primary.port for shard in resolution.topology.shards if shard.primary]
