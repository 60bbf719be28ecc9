"""Keeps lanes, nodes and the published topology in step.

Takes the outcomes of resolutions and the ups and downs of nodes; decides what that means for the
lane. It never asks a server itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ha_manager.config import Endpoint
from ha_manager.delivery.lane import Lane
from ha_manager.delivery.replica_watch import ReplicaWatch
from ha_manager.observe import (
    Counters,
    EventBus,
    NodeDown,
    NodeUp,
    PrimarySwitched,
    SentinelsLost,
    SentinelsRestored,
    TopologyChanged,
)
from ha_manager.topology import Cause, Deployment, Resolution, Topology, diff
from ha_manager.transport import Fleet, LossCause, Node

_CAUSE_OF_LOSS = {LossCause.SILENCE: Cause.HEARTBEAT}


class Steward:
    """The keeper of one deployment.

    Args:
        lane: where commands go.
        reads_from_replicas: whether connections to replicas are wanted.
        bus, counters: where changes are reported.

    Attributes:
        topology: the snapshot in force, ``None`` before the first.
        fleet: the data nodes; set once by the manager, because nodes report back here.
        replica_watch: decides which replicas may be read from; set once by the manager.
        trigger: asks for a refresh; set once by the manager.
    """

    fleet: Fleet
    replica_watch: ReplicaWatch
    trigger: Callable[[Cause], None]

    def __init__(self, lane: Lane, *, reads_from_replicas: bool, bus: EventBus, counters: Counters) -> None:
        self._lane = lane
        self._reads_from_replicas = reads_from_replicas
        self._bus = bus
        self._counters = counters
        self._detached = False
        self._wanted_extra: Endpoint | None = None
        self.topology: Topology | None = None

    # What resolutions say

    def publish(self, resolution: Resolution, cause: Cause) -> None:
        """Take the outcome of a resolution in."""
        self._note_detached(resolution.detached)
        topology = resolution.topology
        if topology is None or (self._is_older(topology) and not resolution.reset):
            if resolution.superseded:
                self._lane.doubt()
            return
        if not resolution.confirmed:
            if resolution.superseded:
                self._lane.doubt()
            return
        self._adopt(topology, cause)
        self._lane.confirm()

    def expect(self, chosen: Endpoint | None) -> None:
        """Keep this node although no snapshot lists it, or no longer (``None``)."""
        self._wanted_extra = chosen

    def _is_older(self, topology: Topology) -> bool:
        """A resolution that began before an announced switch may end after it: it must not undo it."""
        return self.topology is not None and topology.epoch < self.topology.epoch

    def _adopt(self, topology: Topology, cause: Cause) -> None:
        old = self.topology
        if old is not None and old.same_nodes(topology) and old.epoch == topology.epoch:
            self._arrange(old)
            return
        generation = old.generation + 1 if old else 1
        self.topology = new = replace(topology, generation=generation)
        self._arrange(new)
        self._announce(old, new, cause)

    def _arrange(self, topology: Topology) -> None:
        """Nodes first, then the lane, then leave what is no longer needed."""
        node = self.fleet.node
        primary = node(topology.primary) if topology.primary else None
        read_only = primary is None and topology.deployment is Deployment.STANDALONE
        wanted = topology.replicas if self._reads_from_replicas or read_only else ()
        replicas = [node(endpoint) for endpoint in wanted]
        for member in (primary, *replicas):
            if member is not None:
                member.keep_open()
        old = self._lane.primary
        self._lane.assign(primary, read_only=read_only)
        if topology.primary is not None:
            self.replica_watch.follow(topology.primary, replicas)
        else:
            self._lane.admit(*replicas)
        if old is not None and old is not primary:
            self.fleet.retire(old.endpoint, f"{old.endpoint} is no longer the primary")
        keep = [n.endpoint for n in (primary, *replicas) if n is not None]
        if self._wanted_extra is not None:
            keep.append(self._wanted_extra)
        self.fleet.keep_only(keep, "it left the topology")

    def _announce(self, old: Topology | None, new: Topology, cause: Cause) -> None:
        change = diff(old, new)
        if change.switched and change.new_primary is not None and old is not None:
            self._counters.switches += 1
            self._bus.publish(
                PrimarySwitched(
                    old=change.old_primary, new=change.new_primary, cause=cause.value, epoch=new.epoch
                )
            )
        self._bus.publish(
            TopologyChanged(
                cause=cause.value,
                generation=new.generation,
                epoch=new.epoch,
                primary=new.primary,
                replicas=new.replicas,
                added=change.added,
                removed=change.removed,
            )
        )

    def _note_detached(self, detached: bool) -> None:
        if detached and not self._detached:
            self._bus.publish(SentinelsLost(primary=self.topology.primary if self.topology else None))
        elif self._detached and not detached:
            self._bus.publish(SentinelsRestored())
        self._detached = detached

    # What nodes say

    def node_up(self, node: Node) -> None:
        """A node has its first working connection."""
        self._bus.publish(NodeUp(endpoint=node.endpoint))
        if node in self._lane.replicas:
            self._lane.changed()
        elif node is self._lane.primary and not self._lane.confirmed:
            # It may have been demoted, or replaced, while it was away: ask before anything is sent.
            self.trigger(Cause.RECONNECTED)

    def node_down(self, node: Node, reason: str, cause: LossCause) -> None:
        """A node lost its last connection, or could not be connected to."""
        self._bus.publish(NodeDown(endpoint=node.endpoint, reason=reason))
        if node is self._lane.primary:
            self._lane.doubt()
            self.trigger(_CAUSE_OF_LOSS.get(cause, Cause.CONNECTION_LOST))
        else:
            self.replica_watch.doubt(node)
