"""The lanes and nodes of a deployment, without servers; and snapshots to arrange them by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from delivery_fakes import FakeNode

from ha_manager.config import Endpoint
from ha_manager.delivery import Arrangement, Backlog, Lane, Lanes, ReplicaWatch
from ha_manager.observe import Counters, Event, EventBus
from ha_manager.routing import SLOT_COUNT
from ha_manager.topology import Deployment, NodeInfo, Role, Shard, Topology
from ha_manager.transport import Fleet, Node

PATIENCE = 3.0

LOW = (range(SLOT_COUNT // 2),)
HIGH = (range(SLOT_COUNT // 2, SLOT_COUNT),)


def shard(
    primary: Endpoint | None, *replicas: Endpoint, slots: tuple[range, ...] = (), zone: str = ""
) -> Shard:
    return Shard(
        NodeInfo(primary, Role.PRIMARY) if primary else None,
        tuple(NodeInfo(replica, Role.REPLICA, zone=zone) for replica in replicas),
        slots,
    )


def cluster(*shards: Shard, epoch: int = 1) -> Topology:
    return Topology(Deployment.CLUSTER, shards, epoch)


class FakeWatch:
    """Notes what it is told of a lane's replicas."""

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.followed: list[tuple[Endpoint, tuple[Endpoint, ...]]] = []
        self.doubted: list[Endpoint] = []
        self.stopped = False

    def follow(self, primary: Endpoint, replicas: Sequence[Node]) -> None:
        self.followed.append((primary, tuple(node.endpoint for node in replicas)))

    def doubt(self, node: Node) -> None:
        self.doubted.append(node.endpoint)

    def stop(self) -> None:
        self.stopped = True

    async def close(self) -> None:
        self.stopped = True


class Rig:
    """An arrangement over fleets of nodes that are up at once.

    Args:
        apart: reads from replicas go over connections of their own, as in a cluster.
    """

    def __init__(self, *, reads: bool = True, apart: bool = True) -> None:
        self.counters = Counters()
        self.events: list[Event] = []
        self.bus = EventBus()
        self.bus.add_listener(self.events.append)
        self.lanes = Lanes(Backlog(10, self.bus, self.counters))
        self.built: list[FakeNode] = []
        self.watches: list[FakeWatch] = []
        self.withdrawn: list[Endpoint] = []
        self.fleet = Fleet(self.build)
        self.readers = Fleet(self.build) if apart else self.fleet
        self.arrangement = Arrangement(
            self.lanes,
            fleet=self.fleet,
            readers=self.readers,
            make_watch=self.watch,
            reads_from_replicas=reads,
            patience=PATIENCE,
            withdraw=lambda node: self.withdrawn.append(node.endpoint),
        )
        self.topology: Topology | None = None

    def build(self, endpoint: Endpoint) -> Node:
        self.built.append(FakeNode(endpoint))
        return self.built[-1].as_node

    def watch(self, lane: Lane) -> ReplicaWatch:
        self.watches.append(FakeWatch(lane))
        return cast("ReplicaWatch", self.watches[-1])

    def follow(self, topology: Topology) -> None:
        old, self.topology = self.topology, topology
        self.arrangement.follow(old, topology)

    def node(self, endpoint: Endpoint, fleet: Fleet | None = None) -> FakeNode:
        found = (fleet or self.fleet).find(endpoint)
        assert found is not None, f"{endpoint} is in no use"
        return cast("FakeNode", found)

    def farewell(self, endpoint: Endpoint) -> list[str | float | None]:
        """How each node that there was at this address was left; ``None`` where it was not."""
        return [node.farewell for node in self.built if node.endpoint == endpoint]

    @property
    def primaries(self) -> list[Endpoint | None]:
        return [lane.primary.endpoint if lane.primary else None for lane in self.lanes.all]

    @property
    def in_fleet(self) -> set[Endpoint]:
        return {node.endpoint for node in self.fleet}

    @property
    def in_readers(self) -> set[Endpoint]:
        return {node.endpoint for node in self.readers}
