"""Only replicas that follow the primary right now are read from."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from delivery_fakes import FakeNode
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoPermissionError
from unit_support import A, B, C
from virtual_time import in_virtual_time

from ha_manager.config import Endpoint
from ha_manager.delivery import Backlog, Lane, Lanes, ReplicaWatch
from ha_manager.delivery.replica_watch import OUT_OF_STEP
from ha_manager.observe import Counters, EventBus
from ha_manager.transport import Node

DENIED = NoPermissionError("not you")
LONG = OUT_OF_STEP.limit * 3


def following(primary: Endpoint, link: bytes = b"connected") -> list[Any]:
    return [b"slave", primary.host.encode(), primary.port, link, 5]


class Rig:
    """A watch over a lane, and what each replica answers."""

    def __init__(self, *, wants_zones: bool = False, address_map: Any = lambda endpoint: endpoint) -> None:
        self.lane: Lane = Lanes(Backlog(10, EventBus(), Counters())).default
        self.roles: dict[Endpoint, Any] = {}
        self.info: Any = b"availability_zone:west\r\n"
        self.asked: list[tuple[Endpoint, str]] = []
        self.watch = ReplicaWatch(self.lane, ask=self.ask, address_map=address_map, wants_zones=wants_zones)
        self.b, self.c = FakeNode(B), FakeNode(C)

    async def ask(self, node: Node, *args: str) -> Any:
        self.asked.append((node.endpoint, " ".join(args)))
        reply = self.info if args[0] == "INFO" else self.roles[node.endpoint]
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def follow(self, primary: Endpoint, *replicas: FakeNode) -> list[Endpoint]:
        """Follow for a while; returns who may be read from then."""
        self.watch.follow(primary, [replica.as_node for replica in replicas])
        await asyncio.sleep(LONG)
        return self.admitted

    @property
    def admitted(self) -> list[Endpoint]:
        return [node.endpoint for node in self.lane.replicas]


@pytest.mark.parametrize(
    ("role", "admitted"),
    [
        (following(A), True),
        (following(C), False),
        (following(A, b"connect"), False),
        ([b"master", 0, []], False),
        (RedisConnectionError("refused"), False),
        (OSError("reset"), False),
        (b"garbage", False),
        (DENIED, True),
    ],
    ids=["in step", "of another", "link down", "a primary", "refused", "reset", "garbage", "not told"],
)
@in_virtual_time
async def test_who_is_admitted(role: Any, admitted: bool) -> None:
    rig = Rig()
    rig.roles = {B: role}
    assert await rig.follow(A, rig.b) == ([B] if admitted else [])
    await rig.watch.close()


@in_virtual_time
async def test_who_falls_into_step_is_admitted_then() -> None:
    rig = Rig()
    rig.roles = {B: following(C)}
    assert await rig.follow(A, rig.b) == []
    rig.roles = {B: following(A)}
    await asyncio.sleep(LONG)
    assert rig.admitted == [B]
    await rig.watch.close()


@in_virtual_time
async def test_with_a_new_primary_everybody_is_looked_at_anew() -> None:
    rig = Rig()
    rig.roles = {B: following(A), C: following(A)}
    assert await rig.follow(A, rig.b, rig.c) == [B, C]
    rig.watch.follow(B, [rig.c.as_node])
    assert rig.admitted == [], "it follows the old primary still"
    await asyncio.sleep(LONG)
    assert rig.admitted == []
    rig.roles = {C: following(B)}
    await asyncio.sleep(LONG)
    assert rig.admitted == [C]
    await rig.watch.close()


@in_virtual_time
async def test_a_lost_connection_is_a_reason_to_look_again_and_a_rumour_is_none() -> None:
    rig = Rig()
    rig.roles = {B: following(A)}
    await rig.follow(A, rig.b)
    asked = len(rig.asked)
    rig.watch.doubt(rig.c.as_node)
    await asyncio.sleep(LONG)
    assert len(rig.asked) == asked
    rig.watch.doubt(rig.b.as_node)
    assert rig.admitted == []
    await asyncio.sleep(LONG)
    assert rig.admitted == [B]
    await rig.watch.close()


@in_virtual_time
async def test_addresses_are_mapped_before_they_are_compared() -> None:
    rig = Rig(address_map=lambda endpoint: A if endpoint == C else endpoint)
    rig.roles = {B: following(C)}
    assert await rig.follow(A, rig.b) == [B]
    await rig.watch.close()


@in_virtual_time
async def test_a_name_and_a_number_cannot_contradict_each_other() -> None:
    rig = Rig()
    rig.roles = {B: following(Endpoint("redis.example", 6379))}
    assert await rig.follow(A, rig.b) == [B]
    await rig.watch.close()


# Zones


@in_virtual_time
async def test_a_zone_is_asked_for_once_and_only_where_it_is_wanted() -> None:
    for wants_zones in (True, False):
        rig = Rig(wants_zones=wants_zones)
        rig.roles = {B: following(A)}
        await rig.follow(A, rig.b)
        rig.watch.doubt(rig.b.as_node)
        await asyncio.sleep(LONG)
        assert rig.asked.count((B, "INFO server")) == wants_zones
        assert rig.b.zone == ("west" if wants_zones else "")
        await rig.watch.close()


@in_virtual_time
async def test_who_may_not_ask_for_the_zone_still_asks_for_the_role() -> None:
    rig = Rig(wants_zones=True)
    rig.info = DENIED
    rig.roles = {B: following(C), C: following(A)}
    assert await rig.follow(A, rig.b, rig.c) == [C], "the other one does not follow this primary"
    await rig.watch.close()


# The end


@in_virtual_time
async def test_stopping_leaves_no_question_behind() -> None:
    rig = Rig()
    rig.roles = {B: following(A), C: RedisConnectionError("refused")}
    await rig.follow(A, rig.b, rig.c)
    await rig.watch.close()
    assert len(asyncio.all_tasks()) == 1
