"""Which lane or node a command is for: slots without an owner, shards that left, nodes by name."""

from __future__ import annotations

import asyncio

import pytest
from delivery_fakes import FakeNode
from executor_rig import HIGH, LOW, SECRET, ClusterRig, Rig, call
from redis.exceptions import ConnectionError as RedisConnectionError
from unit_support import A, B, C, soon, turns, until

from ha_manager.errors import ManagerClosedError, NoSuchNodeError, UncoveredSlotError
from ha_manager.transport import NodeState
from ha_manager.transport.replies import error_reply

SLOT = 5


# Slots without an owner


async def test_a_slot_without_an_owner_is_an_error_after_one_look_at_a_new_map() -> None:
    rig = ClusterRig()
    rig.arrange([LOW[6:]], [HIGH])
    with pytest.raises(UncoveredSlotError, match=r"SET was not sent.* slot 5"):
        await rig.run("SET k v", slot=SLOT)
    assert (rig.refetches, rig.node.sent, rig.upper.sent) == (1, [], [])
    assert rig.backlog.waiting == 0


async def test_a_new_map_may_know_the_owner() -> None:
    rig = ClusterRig(b"OK")
    rig.arrange([LOW[6:]], [HIGH])

    async def refetch() -> None:
        rig.refetches += 1
        rig.arrange([LOW], [HIGH])

    rig.executor._refetch = refetch
    assert await rig.run("SET k v", slot=SLOT) == b"OK"
    assert (rig.refetches, rig.node.sent) == (1, [SECRET])


async def test_the_other_slots_work() -> None:
    rig = ClusterRig(b"OK")
    rig.arrange([LOW[6:]], [HIGH])
    assert await rig.run("SET k v", slot=6) == b"OK"
    assert rig.refetches == 0


async def test_a_slot_that_loses_its_owner_while_a_command_waits() -> None:
    rig = ClusterRig()
    rig.lane.doubt()
    task = rig.start("SET k v", slot=SLOT)
    await until(lambda: rig.backlog.waiting == 1)
    rig.arrange([LOW[6:]], [HIGH])
    rig.lane.changed()
    with pytest.raises(UncoveredSlotError):
        await soon(task)
    assert rig.refetches == 1


# Shards that left


async def test_a_command_for_a_shard_that_left_is_not_sent() -> None:
    rig = ClusterRig()
    rig.lanes.arrange([rig.upper_lane], [[LOW, HIGH]])
    with pytest.raises(NoSuchNodeError, match="SET was not sent"):
        await rig.run("SET k v", lane=rig.lane)
    assert (rig.node.sent, rig.upper.sent) == ([], [])


async def test_a_command_that_waits_for_a_shard_by_itself_is_told_when_it_leaves() -> None:
    rig = ClusterRig()
    rig.lane.doubt()
    task = rig.start("DBSIZE", lane=rig.lane)
    await until(lambda: rig.backlog.waiting == 1)
    rig.lanes.arrange([rig.upper_lane], [[LOW, HIGH]])
    with pytest.raises(NoSuchNodeError, match="DBSIZE"):
        await soon(task)


async def test_a_command_that_waits_for_its_slot_goes_to_the_heir_of_a_shard_that_leaves() -> None:
    rig = ClusterRig()
    rig.upper.script = [b"OK"]
    rig.lane.doubt()
    task = rig.start("SET k v", slot=SLOT)
    await until(lambda: rig.backlog.waiting == 1)
    rig.lanes.arrange([rig.upper_lane], [[LOW, HIGH]])
    assert await soon(task) == b"OK"
    assert rig.upper.sent == [SECRET]


async def test_a_command_for_a_lane_goes_there_whatever_its_slot() -> None:
    rig = ClusterRig(b"no")
    rig.upper.script = [b"yes"]
    assert await rig.run("GET k", lane=rig.upper_lane, slot=SLOT) == b"yes"


async def test_without_a_slot_a_lane_that_can_be_used_is_good_enough() -> None:
    rig = ClusterRig(b"default")
    rig.upper.script = [b"other"]
    assert await rig.run("TIME") == b"default"
    rig.lane.doubt()
    assert await rig.run("TIME") == b"other"


# A node by name


async def test_a_command_for_one_node_goes_to_it_whoever_owns_its_slot() -> None:
    rig = ClusterRig()
    rig.stranger.script = [b"OK"]
    assert await rig.run("CONFIG GET x", node=C) == b"OK"
    assert rig.looked_up == [(C, True)], "for reading, if it is a replica"
    assert (rig.node.sent, rig.upper.sent) == ([], [])


async def test_a_command_for_one_node_does_not_wait_for_its_lane() -> None:
    rig = ClusterRig(b"OK")
    rig.lane.doubt()
    assert await rig.run("CLUSTER INFO", node=A) == b"OK"


async def test_a_node_that_is_down_is_connected_first() -> None:
    rig = ClusterRig()
    rig.stranger.state = NodeState.DOWN
    rig.stranger.refusing = [RedisConnectionError("refused")] * 2
    rig.stranger.script = [b"OK"]
    assert await rig.run("CLUSTER INFO", node=C) == b"OK"
    assert rig.stranger.refusing == []


# Who answered


async def test_who_answered_is_told_with_its_session() -> None:
    rig = ClusterRig(error_reply(f"MOVED 5 {B}"))
    rig.upper.script = [b"OK"]
    rig.upper.session = 7
    sent = call("SET k v", slot=SLOT)
    await soon(rig.executor.run(sent))
    assert sent.answered_by == (B, 7)
    by_name = call("CLUSTER INFO", node=C)
    rig.stranger.script = [b"OK"]
    await soon(rig.executor.run(by_name))
    assert by_name.answered_by == (C, 1)


# The end


@pytest.mark.parametrize("slot", [SLOT, HIGH[0], None])
async def test_after_the_end_nothing_is_sent(slot: int | None) -> None:
    rig = ClusterRig(b"OK")
    rig.lanes.close()
    with pytest.raises(ManagerClosedError):
        await rig.run("SET k v", slot=slot)
    with pytest.raises(ManagerClosedError):
        await rig.run("SET k v", node=A)


async def test_the_end_finds_commands_at_every_gate() -> None:
    rig = ClusterRig()
    rig.lane.doubt()
    rig.upper_lane.doubt()
    tasks = [rig.start("SET k v", slot=slot) for slot in (LOW[0], HIGH[0])]
    await until(lambda: rig.backlog.waiting == 2)
    rig.lanes.close()
    for outcome in await soon(asyncio.gather(*tasks, return_exceptions=True)):
        assert isinstance(outcome, ManagerClosedError)
    assert rig.backlog.waiting == 0


# From one server to a cluster


async def test_a_command_that_waits_when_the_server_turns_out_to_be_a_cluster_goes_on() -> None:
    """It was made when nobody counted slots: any node redirects it."""
    rig = Rig(b"OK", confirmed=False)
    task = rig.start("SET k v")
    await until(lambda: rig.backlog.waiting == 1)
    other = rig.lanes.make()
    node = FakeNode(B, b"OK")
    other.assign(node.as_node)
    other.confirm()
    rig.lanes.arrange([rig.lane, other], [[LOW], [HIGH]])
    await turns()
    rig.lane.confirm()
    assert await soon(task) == b"OK"
