"""Discovery of a cluster: whom to ask, how long to wait, and whom to believe."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

import pytest
from cluster_reply_forms import node, shard
from cluster_script import Node, Rig, at, ports
from hypothesis import given
from hypothesis import strategies as st
from virtual_time import in_virtual_time, now

from ha_manager.config import Endpoint
from ha_manager.observe import StaleViewRefused
from ha_manager.topology import Deployment, NodeInfo, Resolution, Role, Shard, Topology
from ha_manager.topology.cluster import HEDGE, RESET_GRACE, STRAGGLER_GRACE, WAVE, uncovered


def known(epoch: int, *primaries: int) -> Topology:
    """A snapshot in force."""
    found = tuple(Shard(NodeInfo(at(port), Role.PRIMARY), slots=()) for port in primaries)
    return Topology(Deployment.CLUSTER, found, epoch)


# Whom to believe


@given(st.lists(st.integers(0, 5), min_size=1, max_size=WAVE))
def test_of_all_who_answer_in_time_the_highest_epoch_wins(epochs: list[int]) -> None:
    nodes = {port: Node(epoch, [port]) for port, epoch in enumerate(epochs, start=1)}

    @in_virtual_time
    async def scenario() -> None:
        resolution = await Rig(nodes).resolve()
        assert resolution.confirmed
        assert resolution.topology is not None
        assert resolution.topology.epoch == max(epochs)
        assert epochs[ports(resolution)[0] - 1] == max(epochs)

    scenario()


@pytest.mark.parametrize(
    ("worse", "better"),
    [
        (Node(3, [1], covered=100), Node(3, [2], covered=200)),
        (Node(3, [1], state="fail"), Node(3, [2])),
        (Node(3, [1]), Node(4, [2], covered=100, state="fail")),
    ],
    ids=["it shows more of the cluster", "it works", "its epoch counts most"],
)
@pytest.mark.parametrize("first", ["worse", "better"])
@in_virtual_time
async def test_within_one_epoch_the_better_view_wins(worse: Node, better: Node, first: str) -> None:
    worse.after, better.after = (0.0, 0.01) if first == "worse" else (0.01, 0.0)
    assert ports(await Rig({1: worse, 2: better}).resolve()) == [2]


@in_virtual_time
async def test_an_older_epoch_than_the_known_one_is_refused() -> None:
    rig = Rig({1: Node(4, [1]), 2: Node(3, [2])})
    resolution = await rig.resolve(known(5, 1, 2))
    assert (resolution.topology, resolution.confirmed, resolution.reset) == (None, False, False)
    assert all(part in resolution.reason for part in (str(at(1)), "epoch 4", "epoch 5"))
    (event,) = rig.events
    assert isinstance(event, StaleViewRefused)
    assert (event.node, event.claimed_epoch, event.known_epoch) == (at(1), 4, 5)
    assert rig.counters.stale_answers == 1


@in_virtual_time
async def test_who_lags_behind_is_passed_over_for_whoever_is_up_to_date() -> None:
    rig = Rig({1: Node(4, [1]), 2: Node(4, [1]), 3: Node(4, [1]), 4: Node(5, [4])}, seeds=[4])
    resolution = await rig.resolve(known(5, 1, 2, 3))
    assert ports(resolution) == [4]
    assert (rig.events, rig.counters.stale_answers) == ([], 0)


# A cluster that was set up anew


@in_virtual_time
async def test_an_older_epoch_that_lasts_is_a_new_cluster() -> None:
    rig = Rig({1: Node(2, [7])})
    current = known(5, 1)
    for seconds in (0.0, RESET_GRACE / 2, RESET_GRACE * 0.99):
        rig.seconds = 1000.0 + seconds
        assert not (await rig.resolve(current)).confirmed
    rig.seconds = 1000.0 + RESET_GRACE
    resolution = await rig.resolve(current)
    assert (resolution.confirmed, resolution.reset, ports(resolution)) == (True, True, [7])
    assert resolution.topology is not None
    assert resolution.topology.epoch == 2
    assert not (await rig.resolve(current)).confirmed, "the next time, the grace begins anew"


@in_virtual_time
async def test_one_answer_that_is_up_to_date_begins_the_grace_anew() -> None:
    rig = Rig({1: Node(2, [7])})
    current = known(5, 1)
    await rig.resolve(current)
    rig.seconds += RESET_GRACE / 2
    rig.script.nodes[1] = Node(5, [1])
    assert (await rig.resolve(current)).confirmed
    rig.script.nodes[1] = Node(2, [7])
    rig.seconds += RESET_GRACE / 2
    assert not (await rig.resolve(current)).confirmed
    rig.seconds += RESET_GRACE / 2
    assert not (await rig.resolve(current)).confirmed
    rig.seconds += RESET_GRACE / 2
    assert (await rig.resolve(current)).reset


# Whom to ask, and how long to wait


@in_virtual_time
async def test_nodes_that_hang_are_overtaken_and_given_up() -> None:
    hung = {port: Node(after=None) for port in range(1, WAVE + 1)}
    rig = Rig({**hung, 9: Node(1, [9])}, seeds=[9])
    began = now()
    assert ports(await rig.resolve(known(1, *hung))) == [9]
    assert rig.script.asked_at[9] - began == pytest.approx(HEDGE)
    assert now() - began == pytest.approx(HEDGE + STRAGGLER_GRACE)
    assert sorted(set(rig.script.given_up)) == sorted(hung)


@in_virtual_time
async def test_a_slow_node_gets_only_a_moment_once_another_has_answered() -> None:
    rig = Rig({1: Node(1, [1]), 2: Node(9, [2], after=STRAGGLER_GRACE * 2)})
    began = now()
    assert ports(await rig.resolve()) == [1]
    assert now() - began == pytest.approx(STRAGGLER_GRACE)
    rig.script.nodes[2].after = STRAGGLER_GRACE / 2
    assert ports(await rig.resolve()) == [2]


@in_virtual_time
async def test_nodes_that_fail_are_passed_over_at_once() -> None:
    down = {port: Node().failing(OSError("refused")) for port in range(1, WAVE * 3)}
    rig = Rig({**down, 99: Node(1, [99])}, seeds=[99])
    began = now()
    assert ports(await rig.resolve(known(1, *down))) == [99]
    assert now() == began


@in_virtual_time
async def test_as_long_as_they_answer_no_more_nodes_are_asked_than_needed() -> None:
    rig = Rig({port: Node(1, range(1, 31)) for port in range(1, 31)})
    await rig.resolve()
    assert len(rig.script.asked) == WAVE


@in_virtual_time
async def test_hints_are_asked_first_and_only_once() -> None:
    rig = Rig({port: Node(1, [1]) for port in range(1, 31)})
    rig.discovery.hint(at(29))
    rig.discovery.hint(at(17))
    rig.discovery.hint(at(29))
    await rig.resolve(known(1, *range(1, 31)))
    assert rig.script.asked[:2] == [29, 17]
    rig.script.nodes = {port: Node(1, [1]) for port in range(1, 17)}
    rig.script.asked.clear()
    await rig.resolve(known(1, *range(1, 17)))
    assert not {29, 17} & set(rig.script.asked)


@in_virtual_time
async def test_a_hint_may_name_a_node_that_nobody_knew() -> None:
    rig = Rig({1: Node(1, [1]), 8: Node(7, [8])}, seeds=[1])
    rig.discovery.hint(at(8))
    assert ports(await rig.resolve(known(1, 1))) == [8]


@in_virtual_time
async def test_primaries_are_asked_before_replicas_and_those_before_the_seeds() -> None:
    down = {port: Node().failing(OSError("refused")) for port in range(1, 10)}
    rig = Rig(down, seeds=[7, 8, 9])
    primaries, replicas = (1, 2, 3), (4, 5, 6)
    found = tuple(
        Shard(NodeInfo(at(port), Role.PRIMARY), (NodeInfo(at(port + 3), Role.REPLICA),), ())
        for port in primaries
    )
    await rig.resolve(Topology(Deployment.CLUSTER, found, 1))
    asked = rig.script.asked
    assert [set(asked[i : i + 3]) for i in (0, 3, 6)] == [set(primaries), set(replicas), {7, 8, 9}]


def test_not_every_client_asks_the_same_nodes_first() -> None:
    firsts = set()

    @in_virtual_time
    async def scenario() -> None:
        rig = Rig({port: Node(1, [1]) for port in range(1, 31)})
        await rig.resolve()
        firsts.add(rig.script.asked[0])

    random.seed(7)
    for _ in range(30):
        scenario()
    assert len(firsts) > 5


@in_virtual_time
async def test_the_epoch_is_asked_for_no_later_than_the_map() -> None:
    """An epoch that is newer than the map would have later, better maps refused."""
    rig = Rig({1: Node()})
    await rig.resolve()
    assert rig.script.commands == [(1, "CLUSTER INFO"), (1, "CLUSTER SHARDS")]


# What is made of it


def mapped(endpoint: Endpoint) -> Endpoint:
    return Endpoint("mapped", endpoint.port)


@in_virtual_time
async def test_every_address_is_mapped() -> None:
    replies = [shard(node(1), node(2, "replica"), slots=(0, 5))]
    rig = Rig({1: Node().but(SHARDS=replies)}, address_map=mapped)
    resolution = await rig.resolve()
    assert resolution.topology is not None
    assert [info.endpoint for info in resolution.topology.nodes] == [
        Endpoint("mapped", 1),
        Endpoint("mapped", 2),
    ]
    assert rig.script.hosts == {"mapped"}, "seeds as well, and no address twice"


@in_virtual_time
async def test_with_tls_nodes_are_reached_at_their_tls_ports() -> None:
    replies = [shard(node(1, tls_port=1001), slots=(0, 5))]
    assert ports(await Rig({1: Node().but(SHARDS=replies)}, tls=True).resolve()) == [1001]


@in_virtual_time
async def test_the_snapshot_tells_what_it_is() -> None:
    resolution = await Rig({1: Node(6, [1, 2])}).resolve()
    topology = resolution.topology
    assert topology is not None
    assert (topology.deployment, topology.epoch, topology.generation) == (Deployment.CLUSTER, 6, 0)
    assert (topology.covered, uncovered(topology)) == (16384, "")
    assert resolution == Resolution(topology, confirmed=True)


def test_what_is_said_of_slots_without_an_owner() -> None:
    topology = replace(known(1, 1), shards=(Shard(None, slots=(range(16000),)),))
    assert uncovered(topology) == "384 of 16384 slots have no owner"


# The ends


@in_virtual_time
async def test_a_fault_of_ours_is_raised_and_nobody_is_left_waiting() -> None:
    rig = Rig({1: Node(after=None), 2: Node(after=0.1).failing(RuntimeError("a bug"))})
    with pytest.raises(RuntimeError, match="a bug"):
        await rig.resolve()
    assert set(rig.script.given_up) == {1}
    assert len(asyncio.all_tasks()) == 1


@in_virtual_time
async def test_cancelling_a_resolution_leaves_no_question_behind() -> None:
    rig = Rig({port: Node(after=None) for port in range(1, 10)})
    task = asyncio.ensure_future(rig.resolve())
    await asyncio.sleep(HEDGE * 1.5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert set(rig.script.given_up) == set(rig.script.asked)
    assert len(asyncio.all_tasks()) == 1


async def test_it_has_no_sentinels() -> None:
    assert Rig({1: Node()}).discovery.sentinels == ()
