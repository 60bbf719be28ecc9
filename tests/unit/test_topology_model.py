"""The snapshot: immutable, replaced as a whole."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit_support import A, B, C

from ha_manager.config import Endpoint
from ha_manager.topology import Deployment, NodeInfo, Role, Shard, Topology, diff
from ha_manager.topology.model import SLOT_COUNT, one_shard, promote

nodes = st.sampled_from([A, B, C])
primaries = st.none() | nodes
topologies = st.builds(
    lambda primary, replicas, epoch: one_shard(Deployment.SENTINEL, primary, tuple(replicas), epoch=epoch),
    primaries,
    st.lists(nodes),
    st.integers(0, 5),
)


@given(primaries, st.lists(nodes))
def test_one_shard_owns_every_slot_and_lists_each_node_once(
    primary: Endpoint | None, replicas: list[Endpoint]
) -> None:
    topology = one_shard(Deployment.SENTINEL, primary, tuple(replicas))
    (shard,) = topology.shards
    assert shard.slots == (range(SLOT_COUNT),)
    assert topology.primary == primary
    assert topology.replicas == tuple(sorted(set(replicas) - {primary}))
    roles = [node.role for node in topology.nodes]
    assert roles == ([Role.PRIMARY] if primary else []) + [Role.REPLICA] * len(topology.replicas)


TOPOLOGY = one_shard(Deployment.SENTINEL, A, (B,))


@pytest.mark.parametrize(
    "part", [TOPOLOGY, TOPOLOGY.shards[0], TOPOLOGY.nodes[0]], ids=["all", "shard", "node"]
)
def test_a_snapshot_is_never_edited(part: Topology | Shard | NodeInfo) -> None:
    for field in fields(part):
        with pytest.raises(FrozenInstanceError):
            setattr(part, field.name, None)
    assert isinstance(hash(part), int)


def test_same_nodes_ignores_numbers_and_the_order_of_replicas() -> None:
    one = one_shard(Deployment.SENTINEL, A, (B, C), epoch=1)
    assert one.same_nodes(replace(one_shard(Deployment.SENTINEL, A, (C, B)), epoch=9, generation=9))
    assert not one.same_nodes(one_shard(Deployment.SENTINEL, B, (A, C), epoch=1))
    assert not one.same_nodes(one_shard(Deployment.SENTINEL, A, (B,), epoch=1))
    assert not one.same_nodes(one_shard(Deployment.STANDALONE, A, (B, C), epoch=1))


@given(topologies, nodes)
def test_promotion_wins_against_the_epoch_before(topology: Topology, chosen: Endpoint) -> None:
    before = replace(topology, generation=4)
    promoted = promote(before, chosen)
    assert promoted.primary == chosen
    assert promoted.replicas == tuple(node for node in topology.replicas if node != chosen)
    assert (promoted.epoch, promoted.generation) == (topology.epoch + 1, 4)
    assert promoted.deployment is topology.deployment


@given(st.none() | topologies, topologies)
def test_diff_leads_from_the_old_nodes_to_the_new(old: Topology | None, new: Topology) -> None:
    change = diff(old, new)
    before = {node.endpoint for node in old.nodes} if old else set()
    assert (before | set(change.added)) - set(change.removed) == {node.endpoint for node in new.nodes}
    assert not set(change.added) & before
    assert set(change.removed) <= before
    assert change.switched == (new.primary is not None and new.primary != (old.primary if old else None))


def test_losing_the_primary_is_no_switch() -> None:
    change = diff(one_shard(Deployment.SENTINEL, A), one_shard(Deployment.SENTINEL, None))
    assert (change.switched, change.removed) == (False, (A,))
