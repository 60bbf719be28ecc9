"""From flags, nodes and addresses to places in the present topology."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from arrangement_rig import HIGH, LOW, cluster, shard
from executor_rig import ClusterRig
from unit_support import A, B, C, D, E

from ha_manager.commands.targets import Place, Targets
from ha_manager.errors import ConfigurationError, NoSuchNodeError
from ha_manager.topology import Role

TOPOLOGY = cluster(shard(A, C, slots=LOW), shard(B, D, slots=HIGH))


class Rig(ClusterRig):
    """Two shards, ``A`` with its replica ``C``, and ``B`` with ``D``."""

    def __init__(self) -> None:
        super().__init__()
        self.topology = TOPOLOGY
        self.targets = Targets(self.lanes, lambda: self.topology)
        self.primaries = [Place(lane=self.lane), Place(lane=self.upper_lane)]
        self.replicas = [Place(node=C), Place(node=D)]


# Flags


@pytest.mark.parametrize("spelling", [str.lower, str.upper, str.title])
async def test_flags_in_any_spelling(spelling: Any) -> None:
    rig = Rig()
    for flag, wanted in {
        "primaries": rig.primaries,
        "replicas": rig.replicas,
        "all": [*rig.primaries, *rig.replicas],
        "default-node": rig.primaries[:1],
    }.items():
        assert rig.targets.resolve(spelling(flag)) == wanted


async def test_random_is_one_of_the_primaries_and_not_always_the_same() -> None:
    rig = Rig()
    found = [rig.targets.resolve("random") for _ in range(60)]
    assert all(len(places) == 1 for places in found)
    assert {places[0] for places in found} == set(rig.primaries)


async def test_the_default_node_is_one_that_can_be_used() -> None:
    rig = Rig()
    rig.lane.doubt()
    assert rig.targets.resolve("default-node") == rig.primaries[1:]


async def test_without_replicas_there_is_no_such_node() -> None:
    rig = Rig()
    rig.topology = cluster(shard(A, slots=LOW))
    with pytest.raises(NoSuchNodeError, match="replicas"):
        rig.targets.resolve("replicas")


# Nodes


@pytest.mark.parametrize(
    "wanted",
    [
        TOPOLOGY.nodes[1],
        SimpleNamespace(host=C.host, port=C.port),
        C,
        (C.host, C.port),
        str(C),
        C.host,
    ],
    ids=["ours", "redis-py's", "an address", "a pair", "its name", "its host, at the usual port"],
)
async def test_one_node(wanted: Any) -> None:
    assert Rig().targets.resolve(wanted) == [Place(node=C)]


@pytest.mark.parametrize(
    "wanted",
    [
        [A, str(D)],
        (A, D),
        {"one": A, "other": D},
        [[A], [D, A]],
    ],
    ids=["list", "tuple", "dictionary", "nested, with one twice"],
)
async def test_several_nodes(wanted: Any) -> None:
    assert Rig().targets.resolve(wanted) == [Place(node=A), Place(node=D)]


async def test_a_set_of_nodes() -> None:
    assert set(Rig().targets.resolve({A, D})) == {Place(node=A), Place(node=D)}


async def test_flags_in_a_list() -> None:
    rig = Rig()
    assert rig.targets.resolve(["replicas", A]) == [*rig.replicas, Place(node=A)]


@pytest.mark.parametrize("wanted", [E, str(E), ("nowhere", 1), [A, E], "primary"], ids=str)
async def test_an_unknown_node_is_named_beside_the_known_ones(wanted: Any) -> None:
    with pytest.raises(NoSuchNodeError) as caught:
        Rig().targets.resolve(wanted)
    assert all(str(endpoint) in str(caught.value) for endpoint in (A, B, C, D))


@pytest.mark.parametrize("wanted", [[], {}, (), [[]]], ids=repr)
async def test_nobody_is_no_node(wanted: Any) -> None:
    with pytest.raises(NoSuchNodeError, match="nothing was sent"):
        Rig().targets.resolve(wanted)


@pytest.mark.parametrize("wanted", [7, b"10.0.0.1:6379", object(), SimpleNamespace(host=1, port=2)])
async def test_what_is_no_node_at_all_is_told_what_may_be_given(wanted: Any) -> None:
    with pytest.raises(NoSuchNodeError, match="primaries, replicas, all, random, default-node"):
        Rig().targets.resolve(wanted)


@pytest.mark.parametrize("wanted", ["host:port", "a b", ""])
async def test_a_malformed_address_is_told_so(wanted: str) -> None:
    with pytest.raises((ConfigurationError, NoSuchNodeError)):
        Rig().targets.resolve(wanted)


# Places have names


async def test_a_place_is_named_like_its_node() -> None:
    rig = Rig()
    assert [place.name for place in rig.targets.everywhere()] == [str(A), str(B), str(C), str(D)]
    rig.lane.assign(None)
    assert Place(lane=rig.lane).name == "unknown"


# Nodes of the topology


async def test_nodes_by_their_role() -> None:
    targets = Rig().targets
    assert [node.endpoint for node in targets.nodes()] == [A, C, B, D]
    assert [node.endpoint for node in targets.nodes(Role.PRIMARY)] == [A, B]
    assert [node.endpoint for node in targets.nodes(Role.REPLICA)] == [C, D]


async def test_the_shard_of_a_slot() -> None:
    targets = Rig().targets
    assert targets.shard_of(0) is TOPOLOGY.shards[0]
    assert targets.shard_of(16383) is TOPOLOGY.shards[1]


async def test_another_default_node() -> None:
    rig = Rig()
    default = rig.targets.default()
    assert default is not None
    assert default.endpoint == A
    rig.targets.set_default(B)
    assert rig.lanes.default is rig.upper_lane
    assert rig.targets.default() is TOPOLOGY.shards[1].primary


@pytest.mark.parametrize("wanted", [C, E])
async def test_the_default_node_must_be_a_primary(wanted: Any) -> None:
    rig = Rig()
    with pytest.raises(NoSuchNodeError):
        rig.targets.set_default(wanted)
    assert rig.lanes.default is rig.lane


async def test_without_a_primary_there_is_no_default_node() -> None:
    rig = Rig()
    rig.lane.assign(None)
    rig.upper_lane.assign(None)
    assert rig.targets.default() is None
