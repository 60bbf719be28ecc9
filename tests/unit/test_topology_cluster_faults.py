"""Discovery of a cluster whose nodes are old, refuse questions, talk nonsense, or are none."""

from __future__ import annotations

from typing import Any

import pytest
from cluster_script import Node, Rig, at, ports
from redis.exceptions import AuthenticationError, NoPermissionError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from virtual_time import in_virtual_time

from ha_manager.errors import ClusterUnreachableError, WrongDeploymentError

DENIED = NoPermissionError("User x has no permissions to run this command")
UNKNOWN = ResponseError("unknown subcommand 'SHARDS'. Try CLUSTER HELP.")
NO_CLUSTER = ResponseError("This instance has cluster support disabled")
SLOTS = [[0, 16383, ["10.0.0.1", 5, "id5"], ["10.0.0.1", 6, "id6"]]]


# Old servers, and users with few rights


@pytest.mark.parametrize("why", [UNKNOWN, DENIED], ids=["an old server", "a user without the right"])
@in_virtual_time
async def test_without_cluster_shards_the_slots_are_asked_for(why: Exception) -> None:
    rig = Rig({1: Node(3).but(SHARDS=why, SLOTS=SLOTS)})
    resolution = await rig.resolve()
    assert ports(resolution) == [5]
    assert resolution.topology is not None
    assert (resolution.topology.replicas, resolution.topology.epoch) == ((at(6),), 3)


@in_virtual_time
async def test_who_may_ask_for_neither_is_told_so() -> None:
    rig = Rig({1: Node().but(SHARDS=DENIED, SLOTS=NoPermissionError("nor this"))})
    resolution = await rig.resolve()
    assert (resolution.fault, resolution.confirmed) == (DENIED, False)
    assert str(DENIED) in resolution.reason


@in_virtual_time
async def test_who_may_not_ask_for_the_epoch_believes_whoever_answers() -> None:
    rig = Rig({1: Node(9, [5]).but(INFO=DENIED)})
    first = await rig.resolve()
    assert (ports(first), first.topology and first.topology.epoch) == ([5], 0)
    again = await rig.resolve(first.topology)
    assert (again.confirmed, rig.counters.stale_answers) == (True, 0)


# Not a cluster, nobody there, nonsense


@in_virtual_time
async def test_a_single_server_is_no_node_of_a_cluster() -> None:
    rig = Rig({1: Node().failing(NO_CLUSTER)})
    resolution = await rig.resolve()
    assert isinstance(resolution.fault, WrongDeploymentError)
    assert all(part in str(resolution.fault) for part in (str(at(1)), "create(host=..., port=...)"))
    assert (1, "CLUSTER SLOTS") not in rig.script.commands


@pytest.mark.parametrize(
    "refusal", [AuthenticationError("invalid username-password pair"), NoPermissionError("not you")]
)
@in_virtual_time
async def test_a_refused_login_is_the_fault_to_raise(refusal: Exception) -> None:
    rig = Rig({1: Node().failing(RedisConnectionError("refused")), 2: Node().failing(refusal)})
    resolution = await rig.resolve()
    assert (resolution.fault, resolution.confirmed, resolution.topology) == (refusal, False, None)


@in_virtual_time
async def test_when_nobody_answers_each_is_named_with_its_reason() -> None:
    faults: dict[int, Exception] = {
        1: RedisConnectionError("refused"),
        2: OSError("no route"),
        3: RedisTimeoutError("no answer"),
        4: ResponseError("LOADING"),
    }
    rig = Rig({port: Node().failing(fault) for port, fault in faults.items()})
    resolution = await rig.resolve()
    assert isinstance(resolution.fault, ClusterUnreachableError)
    assert (resolution.confirmed, resolution.topology, resolution.superseded) == (False, None, False)
    for port, fault in faults.items():
        assert f"{at(port)}: {fault}" in resolution.reason
        assert f"{at(port)}: {fault}" in str(resolution.fault)


@in_virtual_time
async def test_without_any_address_it_says_so() -> None:
    resolution = await Rig({}).resolve()
    assert "no node is known" in resolution.reason
    assert isinstance(resolution.fault, ClusterUnreachableError)


NONSENSE: list[dict[str, Any]] = [
    {"SHARDS": "garbage"},
    {"SHARDS": []},
    {"SHARDS": [["slots"]]},
    {"SHARDS": None},
    {"INFO": "garbage"},
    {"INFO": 7},
    {"SHARDS": UNKNOWN, "SLOTS": [[0]]},
    {"SHARDS": UNKNOWN, "SLOTS": []},
]


@pytest.mark.parametrize("nonsense", NONSENSE, ids=str)
@in_virtual_time
async def test_who_talks_nonsense_is_not_believed(nonsense: dict[str, Any]) -> None:
    alone = await Rig({1: Node(9).but(**nonsense)}).resolve()
    assert isinstance(alone.fault, ClusterUnreachableError)
    beside_another = await Rig({1: Node(9).but(**nonsense), 2: Node(1, [2])}).resolve()
    assert ports(beside_another) == [2]


@in_virtual_time
async def test_in_trouble_the_known_snapshot_stays() -> None:
    rig = Rig({1: Node(4, [1])})
    first = await rig.resolve()
    rig.script.nodes[1] = Node().failing(RedisConnectionError("refused"))
    second = await rig.resolve(first.topology)
    assert (second.topology, second.confirmed, second.detached) == (None, False, False)
    assert (rig.events, rig.counters.stale_answers) == ([], 0)
