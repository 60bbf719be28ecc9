"""The snapshot: immutable, replaced as a whole."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit_support import A, B, C, D, E

from ha_manager.config import Endpoint
from ha_manager.topology import Deployment, NodeInfo, Role, Shard, Topology
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


@given(topologies, nodes, st.integers(0, 9))
def test_promotion_takes_one_node_up_and_leaves_the_old_primary_out(
    topology: Topology, chosen: Endpoint, epoch: int
) -> None:
    before = replace(topology, generation=4)
    promoted = promote(before, chosen, epoch=epoch)
    assert promoted.primary == chosen
    assert promoted.replicas == tuple(node for node in topology.replicas if node != chosen)
    assert (promoted.epoch, promoted.generation) == (epoch, 4)
    assert promoted.deployment is topology.deployment


# A cluster


def node(endpoint: Endpoint, role: Role = Role.REPLICA) -> NodeInfo:
    return NodeInfo(endpoint, role, node_id=f"id of {endpoint}", zone="west")


CLUSTER = Topology(
    Deployment.CLUSTER,
    (
        Shard(node(A, Role.PRIMARY), (node(B),), (range(100), range(200, 300)), "one"),
        Shard(node(C, Role.PRIMARY), (node(D),), (range(100, 150),), "two"),
    ),
    epoch=3,
    generation=7,
)


def test_a_slot_belongs_to_one_shard_or_to_none() -> None:
    one, two = CLUSTER.shards
    wanted = {0: one, 99: one, 100: two, 149: two, 150: None, 199: None, 200: one, 299: one, 300: None}
    assert {slot: CLUSTER.shard_of(slot) for slot in wanted} == wanted
    assert CLUSTER.covered == 250


def test_several_shards_have_no_one_primary() -> None:
    assert CLUSTER.primary is None
    assert CLUSTER.replicas == (B, D)
    assert [info.endpoint for info in CLUSTER.nodes] == [A, B, C, D]


def test_promotion_in_a_cluster_concerns_one_shard() -> None:
    promoted = promote(CLUSTER, D, epoch=8)
    one, two = promoted.shards
    assert one is CLUSTER.shards[0]
    assert two == Shard(node(D, Role.PRIMARY), (), (range(100, 150),), "two"), "it keeps its name and zone"
    assert (promoted.epoch, promoted.generation) == (8, 7)


def test_a_stranger_is_promoted_in_no_shard_of_several() -> None:
    assert promote(CLUSTER, E, epoch=8).shards == CLUSTER.shards


def test_a_node_is_named_as_in_redis_py() -> None:
    info = node(A, Role.PRIMARY)
    assert (info.host, info.port, info.name, info.server_type) == (A.host, A.port, str(A), "primary")
