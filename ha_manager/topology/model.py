"""The one model of every deployment: an immutable snapshot of shards and the slots they own.

A Sentinel deployment is one shard that owns every slot; so is a single server. A cluster has as many
shards as primaries; a slot may have no owner.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from ha_manager.config import Endpoint

SLOT_COUNT = 16384


class Deployment(Enum):
    """What kind of deployment a snapshot describes."""

    STANDALONE = "standalone"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


class Role(Enum):
    """What a node is to its shard."""

    PRIMARY = "primary"
    REPLICA = "replica"


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """One data node.

    Attributes:
        endpoint: its address, already mapped by ``address_map``.
        role: what it is to its shard.
        node_id: its name in the cluster; empty elsewhere.
        zone: the availability zone that it tells, or empty.
    """

    endpoint: Endpoint
    role: Role
    node_id: str = ""
    zone: str = ""

    @property
    def host(self) -> str:
        return self.endpoint.host

    @property
    def port(self) -> int:
        return self.endpoint.port

    @property
    def name(self) -> str:
        """``host:port``, as redis-py names a node."""
        return str(self.endpoint)

    @property
    def server_type(self) -> str:
        """``primary`` or ``replica``, as in redis-py."""
        return self.role.value


@dataclass(frozen=True, slots=True)
class Shard:
    """One primary, which may be unknown, its usable replicas, and the slots they own."""

    primary: NodeInfo | None
    replicas: tuple[NodeInfo, ...] = ()
    slots: tuple[range, ...] = (range(SLOT_COUNT),)
    shard_id: str = ""

    @property
    def nodes(self) -> tuple[NodeInfo, ...]:
        return (self.primary, *self.replicas) if self.primary else self.replicas


@dataclass(frozen=True, slots=True)
class Topology:
    """A snapshot, replaced as a whole and never edited.

    Attributes:
        deployment: how the snapshot was found.
        shards: at least one shard.
        epoch: the servers' configuration epoch; 0 where they have none.
        generation: our own number of the snapshot, raised by one at each publication.
    """

    deployment: Deployment
    shards: tuple[Shard, ...]
    epoch: int = 0
    generation: int = 0

    @property
    def nodes(self) -> tuple[NodeInfo, ...]:
        return tuple(node for shard in self.shards for node in shard.nodes)

    @property
    def primary(self) -> Endpoint | None:
        """The primary of the only shard; ``None`` while it is unknown, or if there are several shards."""
        primary = self.shards[0].primary if len(self.shards) == 1 else None
        return primary.endpoint if primary else None

    @property
    def replicas(self) -> tuple[Endpoint, ...]:
        """All replicas."""
        return tuple(node.endpoint for shard in self.shards for node in shard.replicas)

    @property
    def covered(self) -> int:
        """How many slots have an owner."""
        return sum(len(slots) for shard in self.shards for slots in shard.slots)

    def shard_of(self, slot: int) -> Shard | None:
        """The shard that owns a slot, or ``None``."""
        return next((shard for shard in self.shards if any(slot in slots for slots in shard.slots)), None)

    def same_nodes(self, other: Topology) -> bool:
        """Whether both snapshots say the same about the nodes, whatever their numbers."""
        return self.shards == other.shards and self.deployment is other.deployment


def one_shard(
    deployment: Deployment, primary: Endpoint | None, replicas: tuple[Endpoint, ...] = (), *, epoch: int = 0
) -> Topology:
    """Build the snapshot of a deployment in which one primary owns every slot."""
    shard = Shard(
        NodeInfo(primary, Role.PRIMARY) if primary else None,
        tuple(NodeInfo(endpoint, Role.REPLICA) for endpoint in sorted(set(replicas)) if endpoint != primary),
    )
    return Topology(deployment, (shard,), epoch)


def promote(topology: Topology, chosen: Endpoint, *, epoch: int) -> Topology:
    """The snapshot after ``chosen`` was seen to be primary, before the other servers say so.

    The old primary is left out until it is listed again.

    Args:
        topology: the snapshot in force.
        chosen: a replica in it; or, if there is only one shard, any node.
        epoch: the epoch of the new snapshot; older answers are refused from then on.
    """
    shards = tuple(
        _promote_in(shard, chosen) if _has(shard, chosen) or len(topology.shards) == 1 else shard
        for shard in topology.shards
    )
    return replace(topology, shards=shards, epoch=epoch)


def _has(shard: Shard, endpoint: Endpoint) -> bool:
    return any(node.endpoint == endpoint for node in shard.replicas)


def _promote_in(shard: Shard, chosen: Endpoint) -> Shard:
    known = next((node for node in shard.replicas if node.endpoint == chosen), None)
    promoted = replace(known or NodeInfo(chosen, Role.REPLICA), role=Role.PRIMARY)
    return replace(
        shard, primary=promoted, replicas=tuple(node for node in shard.replicas if node is not known)
    )
