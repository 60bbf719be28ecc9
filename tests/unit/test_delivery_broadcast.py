"""Many calls at once: all leave together, and each ends by itself."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from complaints import no_complaints
from delivery_fakes import LOST, UNSENT
from executor_rig import HIGH, LOW, SECRET, ClusterRig, call
from unit_support import B, C, gone, soon, turns, until

from ha_manager.delivery import Call, Confirmation
from ha_manager.delivery.broadcast import run_all
from ha_manager.errors import FailoverTimeoutError, NoSuchNodeError, OutcomeUnknownError
from ha_manager.routing import make_preference
from ha_manager.transport import ConnectionLostError, LossCause
from ha_manager.transport.replies import error_reply


async def run(rig: ClusterRig, *calls: Call) -> list[Any]:
    return await soon(run_all(calls, rig.lanes, rig.executor))


def low(command: str = "GET k", **more: Any) -> Call:
    return call(command, slot=LOW[0], **more)


def high(command: str = "GET k", **more: Any) -> Call:
    return call(command, slot=HIGH[0], **more)


async def test_replies_come_in_the_order_of_the_calls() -> None:
    rig = ClusterRig()
    task = asyncio.ensure_future(run(rig, high(), low(), high()))
    await turns()
    assert (len(rig.node.sent), len(rig.upper.sent)) == (1, 2), "all are under way before any is answered"
    for reply, value in zip([*rig.upper.replies, *rig.node.replies], (b"1", b"3", b"2"), strict=True):
        reply.set_result(value)
    assert await task == [b"1", b"2", b"3"]


async def test_nothing_to_do() -> None:
    assert await run(ClusterRig()) == []


async def test_errors_are_values() -> None:
    wrong = error_reply("WRONGTYPE x")
    rig = ClusterRig(wrong, b"fine")
    rig.upper.script = [LOST]
    first, second, third = await run(rig, low("SET k v"), high("SET k v"), low("SET k v"))
    assert (first, third) == (wrong, b"fine")
    assert isinstance(second, OutcomeUnknownError)
    assert second.endpoint == str(B)
    assert len(rig.upper.sent) == 1, "its first attempt counted"


async def test_what_was_refused_or_not_sent_goes_its_usual_way() -> None:
    rig = ClusterRig(error_reply(f"MOVED 0 {B}"), UNSENT, b"again")
    rig.upper.script = [b"by redirect"]
    assert await run(rig, low("SET k v"), low("SET k v")) == [b"by redirect", b"again"]
    assert rig.counters.retried == 2


async def test_a_value_that_is_none_is_no_trouble() -> None:
    rig = ClusterRig(None)
    assert await run(rig, low()) == [None]
    assert len(rig.node.sent) == 1


async def test_one_shard_in_trouble_keeps_nobody_else_from_being_sent() -> None:
    rig = ClusterRig()
    rig.lane.doubt()
    rig.upper.script = [b"2"]
    task = asyncio.ensure_future(run(rig, low(), high()))
    await until(lambda: rig.backlog.waiting == 1)
    assert (rig.node.sent, rig.upper.sent) == ([], [SECRET])
    rig.node.script = [b"1"]
    rig.lane.confirm()
    assert await task == [b"1", b"2"]


async def test_a_connection_that_closes_in_this_very_moment() -> None:
    rig = ClusterRig()
    rig.node.broken = True
    task = asyncio.ensure_future(run(rig, low()))
    await turns(3)
    rig.node.broken = False
    rig.node.script = [b"OK"]
    assert await task == [b"OK"]


@pytest.mark.parametrize(
    "special",
    [
        {"node": C},
        {"command_timeout": 60.0},
        {"confirmation": Confirmation(1, None, b"WAIT", 60.0)},
        {"undecoded": True},
    ],
    ids=lambda special: next(iter(special)),
)
async def test_what_is_special_goes_the_careful_way(special: dict[str, Any]) -> None:
    rig = ClusterRig(b"value", 1)
    rig.stranger.script = [b"value"]
    assert await run(rig, low("SET k v", **special)) == [b"value"]
    if "node" in special:
        assert (rig.node.sent, rig.stranger.sent) == ([], [SECRET])
    if "undecoded" in special:
        assert len(rig.node.connection.undecoded) == 1
    if "confirmation" in special:
        assert rig.node.leases == 1
    if "command_timeout" in special:
        assert len(rig.node.connection.patient) == 1


async def test_reads_go_where_they_are_preferred() -> None:
    rig = ClusterRig(b"from the primary")
    rig.lane.admit(rig.stranger.as_node)
    rig.stranger.script = [b"from the replica"]
    preference = make_preference("replica")
    assert await run(rig, low("GET k", preference=preference)) == [b"from the replica"]
    assert await run(rig, low("SET k v", preference=preference)) == [b"from the primary"]


async def test_a_blocking_command_gets_a_lease() -> None:
    rig = ClusterRig([b"l", b"x"])
    assert await run(rig, low("BLPOP l 0")) == [[b"l", b"x"]]
    assert rig.node.leases == 1


async def test_a_hold_concerns_writes_only() -> None:
    rig = ClusterRig(b"read")
    rig.lane.hold("why")
    task = asyncio.ensure_future(run(rig, low("SET k v", failover_timeout=0.03), low()))
    refused, read = await task
    assert isinstance(refused, FailoverTimeoutError)
    assert read == b"read"


async def test_calls_for_shards_by_themselves() -> None:
    rig = ClusterRig(b"1")
    rig.upper.script = [b"2"]
    sizes = [call("DBSIZE", lane=lane) for lane in rig.lanes.all]
    assert await run(rig, *sizes) == [b"1", b"2"]
    rig.lane.abandon()
    rig.upper.script = [b"2"]
    gone, there = await run(rig, *[call("DBSIZE", lane=lane) for lane in rig.lanes.all])
    assert isinstance(gone, NoSuchNodeError)
    assert there == b"2"


# Nothing is left behind


async def test_a_caller_who_goes_away_takes_all_its_calls_along() -> None:
    rig = ClusterRig()
    task = asyncio.ensure_future(run(rig, low(), low(), high()))
    await gone(task)
    assert task.cancelled()
    assert all(reply.cancelled() for reply in [*rig.node.replies, *rig.upper.replies])


async def test_errors_that_nobody_looks_at_any_more_are_not_complained_about() -> None:
    async def scenario() -> None:
        rig = ClusterRig()
        task = asyncio.ensure_future(run(rig, low(), high(), high()))
        await turns()
        for reply in rig.upper.replies:
            reply.set_exception(ConnectionLostError("it broke", sent=True, cause=LossCause.PEER))
        await gone(task)

    async with no_complaints():
        await scenario()


async def test_a_caller_who_goes_away_while_some_calls_wait() -> None:
    rig = ClusterRig()
    rig.lane.doubt()
    async with no_complaints():
        task = asyncio.ensure_future(run(rig, low(), low()))
        await until(lambda: rig.backlog.waiting == 2)
        await gone(task)
        del task
    assert rig.backlog.waiting == 0
    assert len(asyncio.all_tasks()) == 1
