"""What resolutions and nodes say, and what is published and set in motion by it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from arrangement_rig import HIGH, LOW, cluster, shard
from arrangement_rig import Rig as Arranged
from unit_support import A, B, C, D, E

from ha_manager.config import Endpoint
from ha_manager.delivery import Lane, Steward, Troubles
from ha_manager.delivery.steward import TOO_LONG
from ha_manager.observe import (
    NodeDown,
    NodeUp,
    PrimarySwitched,
    SentinelsLost,
    SentinelsRestored,
    TopologyChanged,
)
from ha_manager.topology import Cause, Deployment, Resolution, Topology
from ha_manager.topology.model import one_shard
from ha_manager.transport import LossCause

ONE = one_shard(Deployment.SENTINEL, A, (B,), epoch=3)
TWO = cluster(shard(A, B, slots=LOW), shard(C, D, slots=HIGH), epoch=3)


class Rig(Arranged):
    """A steward, its arrangement, and everything that it sets in motion."""

    def __init__(self, *, reads: bool = False, apart: bool = True) -> None:
        super().__init__(reads=reads, apart=apart)
        self.triggers: list[Cause] = []
        self.rescued: list[Lane] = []
        self.steward = Steward(self.lanes)
        self.steward.arrangement = self.arrangement
        self.steward.trigger = self.triggers.append
        self.steward.rescue = self.rescued.append
        self.steward.troubles = Troubles(
            self.lanes,
            address_map=lambda endpoint: endpoint,
            is_known=self.steward.knows,
            hint=lambda _endpoint: None,
            trigger=self.triggers.append,
            rescue=self.rescued.append,
        )

    def publish(self, topology: Topology | None, *, confirmed: bool = True, **more: bool) -> None:
        resolution = Resolution(topology, confirmed=confirmed, **more)  # type: ignore[arg-type]
        self.steward.publish(resolution, Cause.EVENTS)

    def settled(self, topology: Topology) -> tuple[Lane, ...]:
        """Publish, have every shard confirmed, and forget what happened on the way."""
        self.publish(topology)
        for lane in self.lanes.all:
            lane.confirm()
        self.forget()
        return self.lanes.all

    def forget(self) -> None:
        self.events.clear()
        self.triggers.clear()
        self.rescued.clear()

    @property
    def generation(self) -> int:
        return self.steward.topology.generation if self.steward.topology else 0

    @property
    def switches(self) -> list[tuple[Endpoint | None, Endpoint]]:
        return [(event.old, event.new) for event in self.events if isinstance(event, PrimarySwitched)]


# What resolutions say


def test_the_first_snapshot_is_news_and_no_switch() -> None:
    rig = Rig()
    rig.publish(ONE)
    assert rig.lanes.default.confirmed
    assert rig.steward.topology == replace(ONE, generation=1)
    (event,) = rig.events
    assert isinstance(event, TopologyChanged)
    assert (event.cause, event.generation, event.epoch) == ("events", 1, 3)
    assert (event.primaries, event.replicas, event.added, event.removed) == ((A,), (B,), (A, B), ())
    assert (rig.counters.switches, rig.rescued) == (0, [])


def test_the_same_again_is_no_news() -> None:
    rig = Rig()
    rig.settled(ONE)
    rig.publish(ONE)
    assert (rig.events, rig.generation) == ([], 1)


def test_a_new_epoch_is_a_new_generation() -> None:
    rig = Rig()
    rig.settled(ONE)
    rig.publish(replace(ONE, epoch=4))
    assert (rig.generation, rig.switches) == (2, [])
    rig.publish(replace(ONE, epoch=3))
    assert rig.steward.topology == replace(ONE, epoch=4, generation=2)


def test_a_switch_is_told_before_the_snapshot() -> None:
    rig = Rig()
    rig.settled(ONE)
    rig.publish(one_shard(Deployment.SENTINEL, B, epoch=4))
    switch, change = rig.events
    assert isinstance(switch, PrimarySwitched)
    assert (switch.old, switch.new, switch.cause, switch.epoch, switch.slots) == (A, B, "events", 4, ())
    assert isinstance(change, TopologyChanged)
    assert (change.removed, rig.counters.switches) == ((A,), 1)


@pytest.mark.parametrize("topology", [None, ONE, one_shard(Deployment.SENTINEL, B, epoch=4)])
def test_what_is_not_confirmed_changes_nothing(topology: Topology | None) -> None:
    rig = Rig()
    rig.settled(ONE)
    rig.publish(topology, confirmed=False)
    assert (rig.events, rig.generation, rig.lanes.default.confirmed) == ([], 1, True)
    rig.publish(topology, confirmed=False, superseded=True)
    assert (rig.events, rig.generation, rig.lanes.default.confirmed) == ([], 1, False)


def test_an_older_epoch_is_taken_only_as_a_reset() -> None:
    rig = Rig()
    rig.settled(ONE)
    older = one_shard(Deployment.SENTINEL, C, epoch=1)
    rig.publish(older)
    assert rig.generation == 1
    rig.publish(older, reset=True)
    assert rig.steward.topology == replace(older, generation=2)


def test_sentinels_that_are_lost_and_come_back_are_told_once() -> None:
    rig = Rig()
    rig.settled(ONE)
    for detached in (True, True, False, False):
        rig.publish(ONE, detached=detached)
    lost, restored = rig.events
    assert isinstance(lost, SentinelsLost)
    assert lost.primary == A
    assert isinstance(restored, SentinelsRestored)


# A cluster


def test_a_cluster_confirms_no_primary_each_is_asked() -> None:
    rig = Rig()
    rig.publish(TWO)
    assert [lane.confirmed for lane in rig.lanes.all] == [False, False]
    assert rig.rescued == list(rig.lanes.all)


def test_each_shard_that_switched_is_told_with_its_slots() -> None:
    rig = Rig()
    rig.settled(TWO)
    rig.publish(cluster(shard(B, slots=LOW), shard(C, D, slots=HIGH), epoch=4))
    (switch,) = [event for event in rig.events if isinstance(event, PrimarySwitched)]
    assert (switch.old, switch.new, switch.slots) == (A, B, LOW)
    assert rig.counters.switches == 1


def test_slots_that_move_are_news_and_no_switch() -> None:
    rig = Rig()
    low, high = rig.settled(TWO)
    rig.publish(cluster(shard(A, B, slots=()), shard(C, D, slots=(*LOW, *HIGH)), epoch=3))
    assert [type(event) for event in rig.events] == [TopologyChanged]
    assert (low.confirmed, high.confirmed, rig.lanes.of(0)) == (True, True, high)


# A promotion that a replica itself told


def test_a_promoted_replica_is_primary_at_once_and_the_rest_is_asked() -> None:
    rig = Rig()
    low, _ = rig.settled(TWO)
    low.doubt()
    rig.steward.promoted(low, B, 4)
    assert (low.confirmed, rig.primaries) == (True, [B, C])
    assert rig.switches == [(A, B)]
    assert rig.steward.topology is not None
    assert (rig.steward.topology.epoch, rig.generation) == (4, 2)
    assert rig.triggers == [Cause.PROMOTION]
    rig.publish(TWO)
    assert rig.primaries == [B, C], "the servers' older answers are refused from now on"


def test_a_promotion_under_an_older_epoch_is_ignored() -> None:
    rig = Rig()
    low, _ = rig.settled(TWO)
    low.doubt()
    rig.steward.promoted(low, B, 2)
    assert (low.confirmed, rig.primaries, rig.events, rig.triggers) == (False, [A, C], [], [])


def test_a_promotion_under_the_same_epoch_counts() -> None:
    """A user without the right to ask for epochs is always told 0."""
    rig = Rig()
    low, _ = rig.settled(TWO)
    low.doubt()
    rig.steward.promoted(low, B, 3)
    assert rig.primaries == [B, C]


def test_a_promotion_in_a_shard_that_left_is_ignored() -> None:
    rig = Rig()
    low, high = rig.settled(TWO)
    rig.publish(cluster(shard(C, D, slots=(*LOW, *HIGH)), epoch=4))
    rig.forget()
    rig.steward.promoted(low, B, 9)
    assert (rig.lanes.all, rig.events, rig.triggers) == ((high,), [], [])


def test_who_left_the_shard_before_it_was_heard_confirms_nobody() -> None:
    """Its word that it is primary says nothing of the primary that the shard has."""
    rig = Rig()
    low, _ = rig.settled(TWO)
    rig.publish(cluster(shard(A, slots=LOW), shard(C, D, slots=HIGH), epoch=4))
    low.doubt()
    rig.steward.promoted(low, B, 4)
    assert (low.confirmed, rig.primaries) == (False, [A, C])


def test_before_the_first_snapshot_nobody_is_promoted() -> None:
    rig = Rig()
    rig.steward.promoted(rig.lanes.default, B, 4)
    assert (rig.steward.topology, rig.events) == (None, [])


# What nodes say


def test_a_node_that_comes_up_is_told() -> None:
    rig = Rig()
    rig.settled(ONE)
    rig.steward.node_up(rig.fleet.node(E))
    (event,) = rig.events
    assert isinstance(event, NodeUp)
    assert (event.endpoint, rig.triggers) == (E, [])


def test_a_primary_that_comes_back_is_asked_before_it_is_used() -> None:
    rig = Rig()
    (lane,) = rig.settled(ONE)
    rig.steward.node_up(rig.node(A).as_node)
    assert rig.triggers == [], "a further connection of one that is confirmed proves nothing new"
    lane.doubt()
    rig.steward.node_up(rig.node(A).as_node)
    assert (rig.triggers, rig.rescued, lane.confirmed) == ([Cause.RECONNECTED], [], False)


def test_a_primary_of_a_cluster_that_comes_back_is_asked_by_itself() -> None:
    rig = Rig()
    _, high = rig.settled(TWO)
    high.doubt()
    rig.steward.node_up(rig.node(C).as_node)
    assert (rig.triggers, rig.rescued) == ([], [high])


def test_a_replica_that_comes_up_lets_reads_look_again() -> None:
    rig = Rig(reads=True)
    low, high = rig.settled(TWO)
    opened: list[Lane] = []
    for lane in (low, high):
        lane.gate.open = lambda lane=lane: opened.append(lane)  # type: ignore[method-assign,misc]
    rig.steward.node_up(rig.node(D, rig.readers).as_node)
    assert (opened, rig.rescued) == ([high], [])


def test_a_primary_that_goes_down_is_doubted_and_looked_for() -> None:
    rig = Rig()
    (lane,) = rig.settled(ONE)
    rig.steward.node_down(rig.node(A).as_node, "it broke", LossCause.PEER)
    (event,) = rig.events
    assert isinstance(event, NodeDown)
    assert (event.endpoint, event.reason) == (A, "it broke")
    assert (lane.confirmed, rig.triggers, rig.rescued) == (False, [Cause.CONNECTION_LOST], [])


def test_a_primary_that_died_of_silence_is_looked_for_under_that_cause() -> None:
    rig = Rig()
    rig.settled(ONE)
    rig.steward.node_down(rig.node(A).as_node, "silent", LossCause.SILENCE)
    assert rig.triggers == [Cause.HEARTBEAT]


def test_a_primary_of_a_cluster_that_goes_down_concerns_its_shard_alone() -> None:
    rig = Rig()
    low, high = rig.settled(TWO)
    rig.steward.node_down(rig.node(C).as_node, "it broke", LossCause.PEER)
    assert (low.confirmed, high.confirmed) == (True, False)
    assert (rig.triggers, rig.rescued) == ([Cause.CONNECTION_LOST], [high])


def test_a_replica_that_goes_down_is_looked_at_again_and_nothing_else() -> None:
    rig = Rig(reads=True)
    low, high = rig.settled(TWO)
    rig.steward.node_down(rig.node(D, rig.readers).as_node, "it broke", LossCause.PEER)
    assert [watch.doubted for watch in rig.watches] == [[], [D]]
    assert (low.confirmed, high.confirmed, rig.triggers, rig.rescued) == (True, True, [], [])


def test_a_primary_of_a_cluster_that_falls_silent_is_looked_for_before_it_is_lost() -> None:
    rig = Rig()
    low, high = rig.settled(TWO)
    rig.node(C).silence = TOO_LONG
    rig.steward.node_silent(rig.node(C).as_node)
    assert (low.confirmed, high.confirmed) == (True, True), "commands may still be given to it"
    rig.node(C).silence = TOO_LONG + 0.01
    rig.steward.node_silent(rig.node(C).as_node)
    assert (low.confirmed, high.confirmed) == (True, False)
    assert (rig.rescued, rig.triggers, rig.events) == ([high, high], [], [])


def test_silence_of_whoever_is_no_primary_means_nothing() -> None:
    rig = Rig(reads=True)
    rig.settled(TWO)
    rig.steward.node_silent(rig.node(D, rig.readers).as_node)
    rig.steward.node_silent(rig.fleet.node(E))
    assert (rig.rescued, [lane.confirmed for lane in rig.lanes.all]) == ([], [True, True])


def test_without_a_cluster_a_short_silence_means_nothing() -> None:
    """Nobody but the primary itself could be asked; the heartbeat decides."""
    rig = Rig()
    (lane,) = rig.settled(ONE)
    rig.steward.node_silent(rig.node(A).as_node)
    assert (lane.confirmed, rig.rescued, rig.triggers) == (True, [], [])


# Who is known


def test_the_nodes_of_the_snapshot_are_known() -> None:
    rig = Rig()
    assert not rig.steward.knows(A)
    rig.publish(TWO)
    assert [rig.steward.knows(endpoint) for endpoint in (A, B, C, D, E)] == [True] * 4 + [False]


def test_a_node_that_is_expected_is_kept() -> None:
    rig = Rig()
    rig.settled(ONE)
    rig.steward.expect(E)
    rig.fleet.node(E)
    rig.publish(ONE)
    assert E in rig.in_fleet
    rig.steward.expect(None)
    rig.publish(ONE)
    assert E not in rig.in_fleet
