"""The one model of every deployment: an immutable snapshot of shards and the slots they own.

A Sentinel deployment is one shard that owns every slot; so is a single server.
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


class Role(Enum):
    """What a node is to its shard."""

    PRIMARY = "primary"
    REPLICA = "replica"


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """One data node: its address (already mapped by ``address_map``) and its role."""

    endpoint: Endpoint
    role: Role


@dataclass(frozen=True, slots=True)
class Shard:
    """One primary, which may be unknown, its usable replicas, and the slots they own."""

    primary: NodeInfo | None
    replicas: tuple[NodeInfo, ...] = ()
    slots: tuple[range, ...] = (range(SLOT_COUNT),)

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
        """The primary of the only shard, or ``None`` while it is unknown."""
        primary = self.shards[0].primary
        return primary.endpoint if primary else None

    @property
    def replicas(self) -> tuple[Endpoint, ...]:
        """The replicas of the only shard."""
        return tuple(node.endpoint for node in self.shards[0].replicas)

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


def promote(topology: Topology, chosen: Endpoint) -> Topology:
    """The snapshot after ``chosen`` was seen to be primary, before the Sentinels say so.

    The epoch grows by one, which every real failover does at least: the Sentinels' older answers
    are refused until they have caught up. The old primary is left out until it is listed again.
    """
    rest = tuple(endpoint for endpoint in topology.replicas if endpoint != chosen)
    promoted = one_shard(topology.deployment, chosen, rest, epoch=topology.epoch + 1)
    return replace(promoted, generation=topology.generation)


@dataclass(frozen=True, slots=True)
class TopologyDiff:
    """What changed between two snapshots, for a single shard's primary and for all nodes."""

    added: tuple[Endpoint, ...]
    removed: tuple[Endpoint, ...]
    old_primary: Endpoint | None
    new_primary: Endpoint | None

    @property
    def switched(self) -> bool:
        return self.new_primary is not None and self.new_primary != self.old_primary


def diff(old: Topology | None, new: Topology) -> TopologyDiff:
    """Compare two snapshots; ``old`` is ``None`` before the first."""
    before = {node.endpoint for node in old.nodes} if old else set()
    after = {node.endpoint for node in new.nodes}
    return TopologyDiff(
        added=tuple(sorted(after - before)),
        removed=tuple(sorted(before - after)),
        old_primary=old.primary if old else None,
        new_primary=new.primary,
    )
