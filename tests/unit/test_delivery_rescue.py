"""A doubted shard: its own nodes are asked which of them is primary now, until one serves."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from cluster_script import info
from complaints import no_complaints
from delivery_fakes import FakeNode
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoPermissionError
from unit_support import A, B, C
from virtual_time import in_virtual_time, now

from ha_manager.config import Endpoint
from ha_manager.delivery import Backlog, Lane, Lanes, Rescue
from ha_manager.delivery.rescue import HASTE, LONGEST_PERIOD, PERIOD, REFRESH_EVERY
from ha_manager.observe import Counters, EventBus
from ha_manager.topology import Cause, NodeInfo, Role, Shard

MASTER = [b"master", 0, []]
REPLICA = [b"slave", b"10.0.0.1", 6379, b"connected", 5]
DENIED = NoPermissionError("not you")
GONE = RedisConnectionError("refused")


class Member:
    """What a node of the shard answers, after how many seconds; ``None`` for never."""

    def __init__(
        self, role: Any = REPLICA, *, state: str = "ok", epoch: int = 1, after: float | None = 0.0
    ) -> None:
        self.replies = {"ROLE": role, "CLUSTER INFO": info(epoch, state)}
        self.after = after

    def but(self, reply: Any, *commands: str) -> Member:
        """The same node, which answers these commands, or all, otherwise."""
        self.replies |= dict.fromkeys(commands or tuple(self.replies), reply)
        return self


class Rig:
    """A lane with the primary ``A`` and the replicas ``B`` and ``C``, and what was asked, and when."""

    def __init__(self, primary: Member, *replicas: Member) -> None:
        self.members = dict(zip((A, B, C), (primary, *replicas), strict=False))
        self.asked: list[tuple[float, Endpoint]] = []
        self.promotions: list[tuple[Endpoint, int]] = []
        self.triggers: list[tuple[float, Cause]] = []
        self.own = {asyncio.current_task()}
        lanes = Lanes(Backlog(10, EventBus(), Counters()))
        self.lane = lanes.default
        self.node = FakeNode(A)
        self.lane.assign(self.node.as_node)
        infos = [
            NodeInfo(endpoint, Role.PRIMARY if endpoint == A else Role.REPLICA) for endpoint in self.members
        ]
        self.shard: Shard | None = Shard(infos[0], tuple(infos[1:]))
        self.rescue = Rescue(
            ask_node=self.ask,
            members=lambda _lane: self.shard,
            promoted=self.promoted,
            trigger=lambda cause: self.triggers.append((now(), cause)),
        )

    async def ask(self, endpoint: Endpoint, *args: str) -> Any:
        member = self.members[endpoint]
        if args == ("ROLE",):
            self.asked.append((now(), endpoint))
        await (asyncio.Event().wait() if member.after is None else asyncio.sleep(member.after))
        reply = member.replies[" ".join(args)]
        if isinstance(reply, BaseException):
            raise reply
        return reply

    def promoted(self, lane: Lane, chosen: Endpoint, epoch: int) -> None:
        assert lane is self.lane
        self.promotions.append((chosen, epoch))
        self.lane.assign(FakeNode(chosen).as_node)
        self.lane.confirm()

    async def watch(self, seconds: float) -> None:
        """Watch for so long, or until it is over."""
        end = now() + seconds
        self.rescue.begin(self.lane)
        while now() < end and self.busy:
            await asyncio.sleep(0.001)

    @property
    def busy(self) -> bool:
        """Whether anything of the rescue still runs."""
        return any(task not in self.own for task in asyncio.all_tasks())

    def watching(self) -> asyncio.Task[None]:
        """Watch beside the test."""
        task = asyncio.ensure_future(self.watch(10))
        self.own.add(task)
        return task

    @property
    def whom(self) -> set[Endpoint]:
        return {endpoint for _, endpoint in self.asked}

    def times_of(self, endpoint: Endpoint) -> list[float]:
        return [moment for moment, asked in self.asked if asked == endpoint]


# Who is primary


@in_virtual_time
async def test_a_primary_that_says_so_is_confirmed() -> None:
    rig = Rig(Member(MASTER), Member())
    await rig.watch(1)
    assert (rig.lane.confirmed, rig.promotions, rig.busy) == (True, [], False)


@in_virtual_time
async def test_a_replica_that_was_promoted_is_found_while_the_primary_hangs() -> None:
    rig = Rig(Member(after=None), Member(), Member(MASTER, epoch=7))
    began = now()
    await rig.watch(1)
    assert (rig.promotions, rig.lane.confirmed, rig.busy) == ([(C, 7)], True, False)
    assert now() - began < 2 * PERIOD


@in_virtual_time
async def test_a_promotion_is_found_within_two_periods_of_it() -> None:
    rig = Rig(Member(after=None), Member())
    watching = rig.watching()
    await asyncio.sleep(1.0)
    rig.members[B] = Member(MASTER, epoch=3)
    promoted_at = now()
    await watching
    assert rig.promotions == [(B, 3)]
    assert now() - promoted_at <= 2.5 * PERIOD


@in_virtual_time
async def test_a_slow_node_delays_nobody_elses_answer() -> None:
    rig = Rig(Member(after=0.5), Member(after=0.5), Member(after=0.5))
    watching = rig.watching()
    await asyncio.sleep(0.05)
    assert rig.whom == {A, B, C}
    rig.members[C] = Member(MASTER, epoch=3)
    await watching
    assert rig.promotions == [(C, 3)]
    assert len(rig.times_of(A)) <= 2, "one question at a time to each"


@pytest.mark.parametrize(
    "primary",
    [
        Member(MASTER, state="fail"),
        Member(REPLICA),
        Member().but(DENIED, "ROLE").but(info(1, "fail"), "CLUSTER INFO"),
        Member(MASTER).but(GONE),
        Member(MASTER).but(b"garbage", "ROLE"),
        Member(MASTER).but(b"garbage", "CLUSTER INFO"),
    ],
    ids=["does not serve", "was demoted", "may not say and does not serve", "gone", "odd role", "odd info"],
)
@in_virtual_time
async def test_a_primary_that_does_not_serve_is_not_confirmed(primary: Member) -> None:
    rig = Rig(primary, Member())
    await rig.watch(0.5)
    assert (rig.lane.confirmed, rig.promotions, rig.busy) == (False, [], True)
    assert len(rig.times_of(A)) > 10
    rig.members[A] = Member(MASTER)
    await rig.watch(0.5)
    assert (rig.lane.confirmed, rig.busy) == (True, False)


@in_virtual_time
async def test_a_promoted_replica_counts_once_it_serves() -> None:
    rig = Rig(Member(after=None), Member(MASTER, state="fail"))
    await rig.watch(0.2)
    assert rig.promotions == []
    rig.members[B] = Member(MASTER, epoch=2)
    await rig.watch(0.2)
    assert rig.promotions == [(B, 2)]


@in_virtual_time
async def test_who_may_not_ask_takes_the_primary_that_answers_and_promotes_nobody() -> None:
    rig = Rig(Member(after=None), Member().but(DENIED))
    await rig.watch(0.2)
    assert rig.promotions == []
    rig.members[A] = Member().but(DENIED)
    await rig.rescue.close()
    await rig.watch(0.2)
    assert (rig.lane.confirmed, rig.promotions) == (True, [])


@in_virtual_time
async def test_who_may_not_ask_for_the_epoch_tells_none() -> None:
    rig = Rig(Member(after=None), Member(MASTER).but(DENIED, "CLUSTER INFO"))
    await rig.watch(0.2)
    assert rig.promotions == [(B, 0)]


@in_virtual_time
async def test_a_primary_without_a_connection_for_commands_is_asked_on() -> None:
    rig = Rig(Member(MASTER))
    rig.node.state = type(rig.node.state).DOWN
    await rig.watch(0.1)
    assert not rig.lane.confirmed
    rig.node.state = type(rig.node.state).UP
    await rig.watch(0.1)
    assert rig.lane.confirmed


# A refusal


@in_virtual_time
async def test_after_a_refusal_the_primary_alone_is_asked() -> None:
    """A cluster that is down as a whole gets no storm of questions to all its nodes."""
    rig = Rig(Member(MASTER, state="fail"), Member(), Member())
    rig.lane.doubt("the cluster is down")
    await rig.watch(0.5)
    assert rig.whom == {A}
    rig.members[A] = Member(MASTER)
    await rig.watch(0.5)
    assert rig.lane.confirmed


@in_virtual_time
async def test_a_primary_that_refused_and_then_fell_silent_for_good_has_its_replicas_asked() -> None:
    rig = Rig(Member().but(GONE), Member(MASTER, epoch=4))
    rig.lane.doubt("the cluster is down")
    await rig.watch(0.5)
    assert rig.promotions == [(B, 4)]


@in_virtual_time
async def test_a_shard_without_a_known_primary_has_its_replicas_asked_whatever_it_said() -> None:
    rig = Rig(Member(after=None), Member(MASTER, epoch=4))
    assert rig.shard is not None
    rig.shard = Shard(None, rig.shard.replicas)
    rig.lane.assign(None)
    rig.lane.doubt("the cluster is down")
    await rig.watch(0.5)
    assert rig.promotions == [(B, 4)]


# How often


@in_virtual_time
async def test_the_questions_keep_their_pace_and_then_slow_down() -> None:
    rig = Rig(Member(REPLICA))
    began = now()
    await rig.watch(60)
    await rig.rescue.close()
    times = [moment - began for moment in rig.times_of(A)]
    pauses = [later - sooner for sooner, later in pairwise(times)]
    at_first = [pause for moment, pause in zip(times, pauses, strict=False) if moment < HASTE]
    at_last = pauses[-20:]
    assert max(at_first) <= PERIOD * 1.2 + 1e-6
    assert min(at_last) >= LONGEST_PERIOD * 0.8 - 1e-6
    assert max(at_last) <= LONGEST_PERIOD * 1.2 + 1e-6


@in_virtual_time
async def test_the_rest_of_the_cluster_is_asked_again_now_and_then() -> None:
    rig = Rig(Member(after=None))
    began = now()
    await rig.watch(4)
    await rig.rescue.close()
    assert {cause for _, cause in rig.triggers} == {Cause.CONNECTION_LOST}
    assert [round(moment - began) for moment, _ in rig.triggers] == [1, 2, 3]
    assert rig.triggers[0][0] - began >= REFRESH_EVERY


# Once, and to the end


@in_virtual_time
async def test_however_often_it_is_begun_it_runs_once() -> None:
    rig = Rig(Member(after=None))
    for _ in range(5):
        rig.rescue.begin(rig.lane)
    assert len(asyncio.all_tasks()) == 2
    await rig.rescue.close()


@in_virtual_time
async def test_a_lane_that_is_fine_or_gone_is_left_alone() -> None:
    rig = Rig(Member(MASTER))
    rig.lane.confirm()
    rig.rescue.begin(rig.lane)
    rig.lane.abandon()
    rig.rescue.begin(rig.lane)
    assert (rig.busy, rig.asked) == (False, [])


@in_virtual_time
async def test_after_the_end_of_one_rescue_another_may_begin() -> None:
    rig = Rig(Member(MASTER))
    for _ in range(2):
        rig.lane.doubt()
        await rig.watch(1)
        assert rig.lane.confirmed


@pytest.mark.parametrize("how", ["confirmed", "gone"])
@in_virtual_time
async def test_it_ends_when_others_settled_the_matter(how: str) -> None:
    rig = Rig(Member(after=None), Member(after=None))
    watching = rig.watching()
    await asyncio.sleep(0.1)
    rig.lane.confirm() if how == "confirmed" else rig.lane.abandon()
    began = now()
    await watching
    assert now() - began < 0.1
    assert (rig.busy, rig.promotions) == (False, [])


@in_virtual_time
async def test_a_shard_that_left_the_map_is_not_asked_for() -> None:
    rig = Rig(Member(MASTER))
    rig.shard = None
    await rig.watch(0.1)
    assert (rig.asked, rig.lane.confirmed) == ([], False)
    await rig.rescue.close()


@in_virtual_time
async def test_an_answer_that_comes_too_late_changes_nothing() -> None:
    rig = Rig(Member(after=None), Member(MASTER, epoch=9, after=0.05))
    rig.rescue.begin(rig.lane)
    await asyncio.sleep(0.02)
    rig.lane.confirm()
    await asyncio.sleep(0.2)
    assert rig.promotions == []


@in_virtual_time
async def test_closing_leaves_no_question_behind() -> None:
    rig = Rig(Member(after=None), Member().but(GONE), Member())
    async with no_complaints():
        await rig.watch(0.1)
        await rig.rescue.close()
        assert not rig.busy


@in_virtual_time
async def test_a_primary_that_is_late_is_watched_though_nobody_doubts_it_yet() -> None:
    rig = Rig(Member(after=None), Member())
    rig.lane.confirm()
    await rig.watch(0.1)
    assert rig.asked == []
    rig.node.late = True
    watching = rig.watching()
    await asyncio.sleep(PERIOD * 2)
    assert rig.whom == {A, B}
    rig.members[B] = Member(MASTER, epoch=2)
    await asyncio.sleep(PERIOD * 2)
    assert rig.promotions == [(B, 2)]
    await watching


@in_virtual_time
async def test_a_primary_that_was_late_and_speaks_again_is_let_alone() -> None:
    rig = Rig(Member(after=None), Member())
    rig.lane.confirm()
    rig.node.late = True
    watching = rig.watching()
    await asyncio.sleep(PERIOD * 2)
    rig.node.late = False
    await watching
    count = len(rig.asked)
    await asyncio.sleep(PERIOD * 10)
    assert (len(rig.asked), rig.promotions, rig.lane.confirmed) == (count, [], True)
