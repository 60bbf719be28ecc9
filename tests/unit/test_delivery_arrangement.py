"""Lanes and nodes follow the snapshot, and nodes that are not needed any more are left."""

from __future__ import annotations

import pytest
from arrangement_rig import HIGH, LOW, PATIENCE, Rig, cluster, shard
from unit_support import A, B, C, D, E

from ha_manager.delivery import arrangement
from ha_manager.topology import Deployment
from ha_manager.topology.model import one_shard
from ha_manager.transport import NodeState

TWO = cluster(shard(A, B, slots=LOW), shard(C, D, slots=HIGH))
RETIRED = "retired"


# One shard


def test_a_deployment_of_one_shard_keeps_its_lane() -> None:
    rig = Rig(apart=False)
    lane = rig.lanes.default
    for primary in (A, B, A):
        rig.follow(one_shard(Deployment.SENTINEL, primary, (A, B)))
        assert rig.lanes.all == (lane,)
        assert rig.primaries == [primary]
    assert (lane.gone, rig.lanes.clustered) == (False, False)


def test_a_deposed_primary_is_left_at_once_where_nothing_stops_it_from_taking_writes() -> None:
    rig = Rig(apart=False)
    rig.follow(one_shard(Deployment.SENTINEL, A, (B,)))
    rig.follow(one_shard(Deployment.SENTINEL, B, (A,)))
    assert rig.farewell(A) == [RETIRED, None], "it is met again as a replica, by new connections"
    assert rig.farewell(B) == [None]


@pytest.mark.parametrize("primary", [B, None])
def test_the_old_primary_is_left_whatever_comes_after_it(primary: object) -> None:
    rig = Rig(apart=False, reads=False)
    rig.follow(one_shard(Deployment.SENTINEL, A, (B,)))
    rig.follow(one_shard(Deployment.SENTINEL, B if primary else None, ()))
    assert rig.farewell(A) == [RETIRED]


def test_replicas_are_connected_only_if_they_are_read_from() -> None:
    reading, writing = Rig(apart=False), Rig(apart=False, reads=False)
    for rig in (reading, writing):
        rig.follow(one_shard(Deployment.SENTINEL, A, (B, C)))
    assert (reading.in_fleet, writing.in_fleet) == ({A, B, C}, {A})
    assert all(node.kept_open for node in [*reading.built, *writing.built])
    assert (reading.watches[0].followed, writing.watches) == ([(A, (B, C))], [])


def test_a_server_that_is_only_read_from_is_admitted_as_it_is() -> None:
    rig = Rig(apart=False, reads=False)
    rig.follow(one_shard(Deployment.STANDALONE, None, (A,)))
    lane = rig.lanes.default
    assert (lane.read_only, [node.endpoint for node in lane.replicas]) == (True, [A])
    assert rig.watches == [], "there is no primary that it could follow"


def test_a_primary_that_is_unknown_for_a_while_is_no_reason_to_only_read() -> None:
    rig = Rig(apart=False)
    rig.follow(one_shard(Deployment.SENTINEL, None, (A,)))
    assert not rig.lanes.default.read_only


def test_a_node_that_is_expected_is_kept_though_no_snapshot_lists_it() -> None:
    rig = Rig(apart=False, reads=False)
    rig.fleet.node(C)
    rig.arrangement.extra = C
    rig.follow(one_shard(Deployment.SENTINEL, A))
    assert rig.in_fleet == {A, C}
    rig.arrangement.extra = None
    rig.follow(one_shard(Deployment.SENTINEL, A))
    assert rig.in_fleet == {A}


# A cluster


def test_each_shard_gets_its_lane_and_its_slots() -> None:
    rig = Rig()
    first = rig.lanes.default
    rig.follow(TWO)
    low, high = rig.lanes.all
    assert low is first
    assert rig.primaries == [A, C]
    assert (rig.lanes.of(LOW[0][0]), rig.lanes.of(HIGH[0][0])) == (low, high)
    assert (rig.arrangement.shard_of(low), rig.arrangement.shard_of(high)) == TWO.shards


def test_replicas_of_a_cluster_are_read_over_connections_of_their_own() -> None:
    rig = Rig()
    rig.follow(TWO)
    assert rig.in_readers == {B, D}
    assert [watch.followed for watch in rig.watches] == [[(A, (B,))], [(C, (D,))]]


def test_lanes_stay_with_their_shards_whatever_the_order() -> None:
    rig = Rig()
    rig.follow(TWO)
    low, high = rig.lanes.all
    rig.follow(cluster(shard(E, slots=()), *reversed(TWO.shards)))
    new, *rest = rig.lanes.all
    assert (rest, new in (low, high)) == ([high, low], False)
    assert rig.lanes.of(0) is low
    assert rig.primaries == [E, C, A]


def test_slots_that_move_change_the_map_and_nothing_else() -> None:
    rig = Rig()
    rig.follow(TWO)
    low, high = rig.lanes.all
    low.confirm()
    rig.follow(cluster(shard(A, B, slots=(range(1, 8192),)), shard(C, D, slots=(range(1), *HIGH))))
    assert (rig.lanes.all, rig.lanes.of(0), rig.lanes.of(1)) == ((low, high), high, low)
    assert low.confirmed
    assert rig.farewell(A) == [None]


def test_after_a_failover_the_lane_waits_for_its_new_primary_and_the_old_one_may_answer() -> None:
    rig = Rig()
    rig.follow(TWO)
    low, high = rig.lanes.all
    low.confirm()
    high.confirm()
    rig.follow(cluster(shard(B, A, slots=LOW), shard(C, D, slots=HIGH), epoch=2))
    assert (rig.lanes.all, rig.primaries) == ((low, high), [B, C])
    assert (low.confirmed, high.confirmed) == (False, True)
    writer, *_ = rig.farewell(A)
    assert writer == PATIENCE, "what it was sent, it answers by a redirect"
    assert rig.in_readers == {A, D}


@pytest.mark.parametrize("trouble", ["hangs", "down"])
def test_a_node_that_cannot_answer_is_left_at_once(trouble: str) -> None:
    """One that wakes up might acknowledge writes that are lost already."""
    rig = Rig(reads=False)
    rig.follow(TWO)
    if trouble == "down":
        rig.node(A).state = NodeState.DOWN
    else:
        rig.node(A).silence = arrangement.HANGS * 1.01
    rig.follow(cluster(shard(B, slots=LOW), shard(C, slots=HIGH), epoch=2))
    assert rig.farewell(A) == [RETIRED]


def test_a_short_silence_is_that_of_a_primary_handing_over() -> None:
    rig = Rig(reads=False)
    rig.follow(TWO)
    rig.node(A).silence = arrangement.HANGS * 0.99
    rig.follow(cluster(shard(B, slots=LOW), shard(C, slots=HIGH), epoch=2))
    assert rig.farewell(A) == [PATIENCE]


def test_a_shard_that_leaves_takes_its_lane_and_its_nodes_along() -> None:
    rig = Rig()
    rig.follow(TWO)
    low, high = rig.lanes.all
    rig.follow(cluster(shard(C, D, slots=(*LOW, *HIGH))))
    assert (rig.lanes.all, low.gone, rig.lanes.default) == ((high,), True, high)
    assert (rig.farewell(A)[0], rig.in_readers) == (PATIENCE, {D})
    assert rig.arrangement.shard_of(low) is None
    assert (rig.watches[0].stopped, rig.watches[1].stopped) == (True, False)


def test_the_nodes_of_a_doubted_shard_are_kept_while_they_are_asked() -> None:
    rig = Rig(reads=False)
    rig.follow(TWO)
    low, high = rig.lanes.all
    high.confirm()
    for endpoint in (A, B, C, D):
        rig.fleet.node(endpoint)
    rig.follow(TWO)
    assert rig.in_fleet == {A, B, C}
    low.confirm()
    rig.follow(TWO)
    assert rig.in_fleet == {A, C}


def test_a_replica_gets_the_zone_that_the_snapshot_tells_and_keeps_its_own() -> None:
    rig = Rig()
    rig.follow(cluster(shard(A, B, slots=LOW, zone="west"), shard(C, slots=HIGH)))
    assert rig.node(B, rig.readers).zone == "west"
    rig.follow(cluster(shard(A, B, slots=LOW, zone="east"), shard(C, slots=HIGH)))
    assert rig.node(B, rig.readers).zone == "west"


def test_a_server_that_turns_out_to_be_a_cluster_goes_on_in_its_shard() -> None:
    rig = Rig()
    rig.follow(one_shard(Deployment.STANDALONE, C))
    lane, node = rig.lanes.default, rig.node(C)
    rig.follow(TWO)
    assert rig.lanes.all[1] is lane
    assert rig.node(C) is node
    assert rig.lanes.clustered


# Who belongs where


def test_each_node_belongs_to_a_lane() -> None:
    rig = Rig()
    rig.follow(TWO)
    low, high = rig.lanes.all
    found = {
        node.endpoint: rig.arrangement.lane_of(node.as_node)
        for node in (rig.node(A), rig.node(C), rig.node(B, rig.readers), rig.node(D, rig.readers))
    }
    assert found == {A: low, B: low, C: high, D: high}
    assert rig.arrangement.lane_of(rig.fleet.node(E)) is None


def test_a_replica_whose_connection_was_lost_is_looked_at_again_by_its_own_shard() -> None:
    rig = Rig()
    rig.follow(TWO)
    rig.arrangement.doubt_replica(rig.node(D, rig.readers).as_node)
    rig.arrangement.doubt_replica(rig.fleet.node(E))
    assert [watch.doubted for watch in rig.watches] == [[], [D]]


def test_without_replicas_there_is_nothing_to_doubt() -> None:
    rig = Rig(reads=False)
    rig.follow(TWO)
    rig.arrangement.doubt_replica(rig.node(A).as_node)
    assert rig.watches == []


def test_a_shard_that_loses_its_last_replica_tells_its_watch() -> None:
    rig = Rig()
    rig.follow(TWO)
    rig.follow(cluster(shard(A, slots=LOW), shard(C, D, slots=HIGH)))
    assert rig.watches[0].followed[-1] == (A, ())
    assert len(rig.watches) == 2, "one for each lane, as long as it lasts"


async def test_the_end_stops_every_watch() -> None:
    rig = Rig()
    rig.follow(TWO)
    await rig.arrangement.close()
    assert all(watch.stopped for watch in rig.watches)
