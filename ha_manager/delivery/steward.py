"""Keeps the published topology in step with what resolutions and nodes say.

Takes the outcomes of resolutions and the ups and downs of nodes; decides what that means. It never
asks a server itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ha_manager.config import Endpoint
from ha_manager.delivery.arrangement import Arrangement
from ha_manager.delivery.lane import Lane
from ha_manager.delivery.lanes import Lanes
from ha_manager.delivery.troubles import Troubles
from ha_manager.observe import (
    NodeDown,
    NodeUp,
    PrimarySwitched,
    SentinelsLost,
    SentinelsRestored,
    TopologyChanged,
)
from ha_manager.topology import Cause, Deployment, Resolution, Topology, diff
from ha_manager.topology.model import promote
from ha_manager.transport import LossCause, Node

TOO_LONG = 0.05
"""Seconds of silence after which commands wait at the gate: by then it is no slow command any more."""

_CAUSE_OF_LOSS = {LossCause.SILENCE: Cause.HEARTBEAT}


class Steward:
    """The keeper of one deployment.

    Args:
        lanes: where commands go.

    Attributes:
        topology: the snapshot in force, ``None`` before the first.
        arrangement, troubles, rescue, trigger: what it sets in motion; set once by whoever assembles
            the deployment, because they report back here.
    """

    arrangement: Arrangement
    troubles: Troubles
    rescue: Callable[[Lane], None]
    trigger: Callable[[Cause], None]

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self._bus = lanes.backlog.bus
        self._counters = lanes.backlog.counters
        self._detached = False
        self.topology: Topology | None = None

    # What resolutions say

    def publish(self, resolution: Resolution, cause: Cause) -> None:
        """Take the outcome of a resolution in."""
        self._note_detached(resolution.detached)
        topology = resolution.topology
        outdated = topology is None or (self._is_older(topology) and not resolution.reset)
        if topology is None or outdated or not resolution.confirmed:
            if resolution.superseded:
                self._lanes.default.doubt()
            return
        self._adopt(topology, cause)
        if topology.deployment is not Deployment.CLUSTER:
            self._lanes.default.confirm()

    def promoted(self, lane: Lane, chosen: Endpoint, epoch: int) -> None:
        """A replica of a cluster's shard says, under this epoch, that it is primary now."""
        current = self.topology
        shard = self.arrangement.shard_of(lane)
        if current is None or shard is None or epoch < current.epoch:
            return
        if all(node.endpoint != chosen for node in shard.replicas):
            # It left the shard before it was heard: its word says nothing of the primary there.
            return
        self._adopt(promote(current, chosen, epoch=epoch), Cause.PROMOTION)
        lane.confirm()
        self.trigger(Cause.PROMOTION)

    def expect(self, chosen: Endpoint | None) -> None:
        """Keep this node although no snapshot lists it, or no longer (``None``)."""
        self.arrangement.extra = chosen

    def knows(self, endpoint: Endpoint) -> bool:
        """Whether the snapshot in force lists this node."""
        return endpoint in self.arrangement.known

    def _is_older(self, topology: Topology) -> bool:
        """A resolution that began before an announced switch may end after it: it must not undo it."""
        return self.topology is not None and topology.epoch < self.topology.epoch

    def _adopt(self, topology: Topology, cause: Cause) -> None:
        old = self.topology
        if old is not None and old.same_nodes(topology) and old.epoch == topology.epoch:
            self.arrangement.follow(old, old)
        else:
            generation = old.generation + 1 if old else 1
            self.topology = new = replace(topology, generation=generation)
            self.arrangement.follow(old, new)
            self._announce(old, new, cause)
        if self._lanes.clustered:
            for lane in self._lanes.all:
                self.rescue(lane)

    def _announce(self, old: Topology | None, new: Topology, cause: Cause) -> None:
        change = diff(old, new)
        for switch in change.switches:
            self._counters.switches += 1
            self._bus.publish(
                PrimarySwitched(
                    old=switch.old,
                    new=switch.new,
                    cause=cause.value,
                    epoch=new.epoch,
                    slots=switch.slots if self._lanes.clustered else (),
                )
            )
        self._bus.publish(
            TopologyChanged(
                cause=cause.value,
                generation=new.generation,
                epoch=new.epoch,
                primaries=tuple(shard.primary.endpoint for shard in new.shards if shard.primary),
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
        lane = self.arrangement.lane_of(node)
        if lane is None:
            return
        if node is not lane.primary:
            lane.changed()
        elif not lane.confirmed:
            # It may have been demoted, or replaced, while it was away: ask before anything is sent.
            if self._lanes.clustered:
                self.rescue(lane)
            else:
                self.trigger(Cause.RECONNECTED)

    def node_silent(self, node: Node) -> None:
        """A node owes replies and says nothing: it hangs, or hands over, and its replicas will know soon."""
        lane = self.arrangement.lane_of(node)
        if self._lanes.clustered and lane is not None and node is lane.primary:
            if node.silence > TOO_LONG:
                lane.doubt()
            self.rescue(lane)

    def node_down(self, node: Node, reason: str, cause: LossCause) -> None:
        """A node lost its last connection, or could not be connected to."""
        self._bus.publish(NodeDown(endpoint=node.endpoint, reason=reason))
        lane = self.arrangement.lane_of(node)
        if lane is not None and node is lane.primary:
            self.troubles.doubt(lane, _CAUSE_OF_LOSS.get(cause, Cause.CONNECTION_LOST))
        else:
            self.arrangement.doubt_replica(node)
