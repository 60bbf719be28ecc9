"""Makes lanes and nodes what a snapshot says, and leaves the nodes that are not needed any more.

In a cluster, a node that lost its role and does not hang still answers what it was sent, if only by
redirects, so it is left when it has answered. Elsewhere nothing stops a deposed primary from
acknowledging writes that will be discarded, so it is left at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ha_manager.config import Endpoint
from ha_manager.delivery.lane import Lane
from ha_manager.delivery.lanes import Lanes
from ha_manager.delivery.replica_watch import ReplicaWatch
from ha_manager.topology import Deployment, NodeInfo, Shard, Topology
from ha_manager.topology.change import predecessors
from ha_manager.transport import Fleet, Node, NodeState

HANGS = 0.4
"""Seconds of silence after which a node that lost its role is taken to hang. A shorter silence is that of
a primary handing over in good order: it will answer what it was sent by a redirect. One that hung would
acknowledge, on waking up, writes that are lost already."""

_LEFT = "it left the topology, or is not needed any more"


class Arrangement:
    """The lanes and nodes of one deployment.

    Args:
        lanes: what is arranged.
        fleet: the nodes that commands go to.
        readers: the nodes that reads from replicas go to; the same fleet where servers do not ask for
            ``READONLY`` on such connections.
        make_watch: makes what decides which of a lane's replicas may be read from.
        reads_from_replicas: whether connections to replicas are wanted.
        patience: seconds that a node of a cluster has to answer what it was sent when it is left.
        withdraw: takes back what a node that is being left has put off.

    Attributes:
        extra: a node to keep although no snapshot lists it.
        known: every node that the snapshot in force lists.
        replicas: those of them that are replicas.
    """

    def __init__(
        self,
        lanes: Lanes,
        *,
        fleet: Fleet,
        readers: Fleet,
        make_watch: Callable[[Lane], ReplicaWatch],
        reads_from_replicas: bool,
        patience: float,
        withdraw: Callable[[Node], None],
    ) -> None:
        self._lanes = lanes
        self._fleet = fleet
        self._readers = readers
        self._make_watch = make_watch
        self._reads_from_replicas = reads_from_replicas
        self._patience = patience
        self._withdraw = withdraw
        self._watches: dict[Lane, ReplicaWatch] = {}
        self._shards: dict[Lane, Shard] = {}
        self._homes: dict[Node, Lane] = {}
        self.extra: Endpoint | None = None
        self.known: frozenset[Endpoint] = frozenset()
        self.replicas: frozenset[Endpoint] = frozenset()

    # What others ask

    def shard_of(self, lane: Lane) -> Shard | None:
        """What the snapshot in force says of a lane."""
        return self._shards.get(lane)

    def lane_of(self, node: Node) -> Lane | None:
        """The lane that a node belongs to, as primary or as replica to read from."""
        return self._homes.get(node)

    def doubt_replica(self, node: Node) -> None:
        """The connection to this node was lost: if it is a replica, look again before it is read."""
        lane = self._homes.get(node)
        if lane is not None and lane in self._watches:
            self._watches[lane].doubt(node)

    # Arranging

    def follow(self, old: Topology | None, new: Topology) -> None:
        """Make everything what ``new`` says; ``old`` is the snapshot that it replaces."""
        lanes = self._lanes_of(old, new)
        for lane, shard in zip(lanes, new.shards, strict=True):
            self._leave_former(lane, shard)
        homes: dict[Node, Lane] = {}
        for lane, shard in zip(lanes, new.shards, strict=True):
            for node in self._assign(lane, shard, new):
                homes[node] = lane
        self._homes = homes
        self.replicas = frozenset(new.replicas)
        self.known = frozenset(node.endpoint for node in new.nodes)
        self._shards = dict(zip(lanes, new.shards, strict=True))
        if new.deployment is Deployment.CLUSTER:
            self._lanes.arrange(lanes, [shard.slots for shard in new.shards])
        self._drop_watches()
        self._leave_others(new)

    def _lanes_of(self, old: Topology | None, new: Topology) -> list[Lane]:
        if old is None:
            return [self._lanes.all[0], *(self._lanes.make() for _ in new.shards[1:])]
        present = self._lanes.all
        return [
            self._lanes.make() if before is None else present[before] for before in predecessors(old, new)
        ]

    def _assign(self, lane: Lane, shard: Shard, topology: Topology) -> Sequence[Node]:
        node = self._fleet.node
        primary = node(shard.primary.endpoint) if shard.primary else None
        read_only = primary is None and topology.deployment is Deployment.STANDALONE
        wanted = shard.replicas if self._reads_from_replicas or read_only else ()
        replicas = [self._reader(replica) for replica in wanted]
        members = [member for member in (primary, *replicas) if member is not None]
        for member in members:
            member.keep_open()
        lane.assign(primary, read_only=read_only)
        if read_only:
            lane.admit(*replicas)
        elif shard.primary is None:
            # Nobody is there to compare them with.
            lane.expel(*lane.replicas)
        elif replicas or lane in self._watches:
            if lane not in self._watches:
                self._watches[lane] = self._make_watch(lane)
            self._watches[lane].follow(shard.primary.endpoint, replicas)
        return members

    def _reader(self, replica: NodeInfo) -> Node:
        node = self._readers.node(replica.endpoint)
        node.zone = node.zone or replica.zone
        return node

    # Leaving

    def _leave_former(self, lane: Lane, shard: Shard) -> None:
        """Leave the primary that is none any more, before its address may be met again as a replica's."""
        node = lane.primary
        if node is None or (shard.primary is not None and shard.primary.endpoint == node.endpoint):
            return
        reason = f"{node.endpoint} is no longer the primary"
        hangs = node.state is not NodeState.UP or node.silence > HANGS
        if self._lanes.clustered and not hangs:
            self._fleet.leave(node.endpoint, reason, self._patience)
            self._withdraw(node)
        else:
            self._fleet.retire(node.endpoint, reason)

    def _leave_others(self, topology: Topology) -> None:
        keep = {shard.primary.endpoint for shard in topology.shards if shard.primary}
        if self.extra is not None:
            keep.add(self.extra)
        if self._readers is self._fleet:
            keep |= {node.endpoint for node in self._homes}
            self._fleet.keep_only(keep, _LEFT)
            return
        for lane, shard in self._shards.items():
            if not lane.confirmed:
                # Its replicas are being asked whether one of them was promoted.
                keep |= {node.endpoint for node in shard.nodes}
        self._fleet.keep_only(keep, _LEFT, self._patience)
        self._readers.keep_only(topology.replicas, _LEFT, self._patience)

    def _drop_watches(self) -> None:
        for lane in set(self._watches) - set(self._shards):
            self._watches.pop(lane).stop()

    async def close(self) -> None:
        """Stop watching replicas."""
        for watch in self._watches.values():
            await watch.close()
