"""Discovery through Sentinels, with scripted answers instead of servers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoPermissionError, ResponseError
from unit_support import S1, S2, S3, S4, A, B, C, soon

from ha_manager.config import Endpoint
from ha_manager.errors import SentinelsUnreachableError, UnknownServiceError
from ha_manager.observe import Counters, Event, EventBus, StaleAnswerRefused
from ha_manager.topology import Deployment, Resolution, SentinelDiscovery, Topology
from ha_manager.topology.model import one_shard
from ha_manager.topology.sentinel import RESET_GRACE

UNKNOWN = ResponseError("ERR No such master with that name")
DOWN = RedisConnectionError("connection refused")


def entry(endpoint: Endpoint, **more: str) -> list[str]:
    pairs = {"ip": endpoint.host, "port": str(endpoint.port), **more}
    return [word for pair in pairs.items() for word in pair]


@dataclass
class View:
    """What one Sentinel says; its replies, by subcommand, come as RESP2 sends them."""

    primary: Endpoint
    epoch: int
    replicas: list[list[str]] = field(default_factory=list)
    sentinels: tuple[Endpoint, ...] = ()

    def reply(self, subcommand: str) -> Any:
        return {
            "GET-MASTER-ADDR-BY-NAME": [self.primary.host, str(self.primary.port)],
            # MASTER may lag behind: its address must not be believed.
            "MASTER": entry(C, **{"config-epoch": str(self.epoch)}),
            "REPLICAS": self.replicas,
            "SENTINELS": [entry(sentinel) for sentinel in self.sentinels],
        }[subcommand]


@dataclass
class World:
    """The Sentinels' views, the nodes' roles, and the discovery that asks them."""

    views: dict[Endpoint, View | Exception]
    roles: dict[Endpoint, str | Exception | list[Any]]
    now: float = 1000.0
    address_map: Callable[[Endpoint], Endpoint] = lambda endpoint: endpoint
    hung: set[Endpoint] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.events: list[Event] = []
        self.counters = Counters()
        self.asked: list[Endpoint] = []
        bus = EventBus()
        bus.add_listener(self.events.append)
        self.discovery = SentinelDiscovery(
            "mymaster",
            list(self.views),
            ask_sentinel=self._ask_sentinel,
            ask_node=self._ask_node,
            address_map=self.address_map,
            bus=bus,
            counters=self.counters,
            clock=lambda: self.now,
        )

    async def _ask_sentinel(self, endpoint: Endpoint, *args: str) -> Any:
        command, subcommand, service = args
        assert (command, service) == ("SENTINEL", "mymaster")
        if endpoint in self.hung:
            await asyncio.Event().wait()
        await asyncio.sleep(0)
        view = self.views.get(endpoint, DOWN)
        if isinstance(view, Exception):
            raise view
        return view.reply(subcommand)

    async def _ask_node(self, endpoint: Endpoint, *args: str) -> Any:
        assert args == ("ROLE",)
        self.asked.append(endpoint)
        role = self.roles.get(endpoint, DOWN)
        if isinstance(role, Exception):
            raise role
        return [role.encode(), 0, []] if isinstance(role, str) else role

    async def resolve(self, current: Topology | None = None) -> Resolution:
        return await soon(self.discovery.resolve(current))

    @property
    def stale(self) -> list[StaleAnswerRefused]:
        return [event for event in self.events if isinstance(event, StaleAnswerRefused)]


def known(primary: Endpoint | None, epoch: int, *replicas: Endpoint) -> Topology:
    return one_shard(Deployment.SENTINEL, primary, replicas, epoch=epoch)


def three(view: View | Exception) -> dict[Endpoint, View | Exception]:
    return {S1: view, S2: view, S3: view}


# The first resolution


async def test_the_elected_and_confirmed_primary() -> None:
    replicas = [entry(B, flags="slave"), entry(C, flags="slave,s_down")]
    world = World(three(View(A, 3, replicas)), {A: "master"})
    assert await world.resolve() == Resolution(known(A, 3, B), confirmed=True)


@pytest.mark.parametrize("flags", ["slave,s_down", "slave,o_down", "slave,disconnected", "s_down,slave"])
async def test_unusable_replicas_are_left_out(flags: str) -> None:
    world = World(three(View(A, 3, [entry(B, flags=flags)])), {A: "master"})
    resolution = await world.resolve()
    assert resolution.topology is not None
    assert resolution.topology.replicas == ()


async def test_every_address_goes_through_the_map() -> None:
    def outside(endpoint: Endpoint) -> Endpoint:
        return Endpoint("gate", endpoint.port + int(endpoint.host[-1]))

    view = View(A, 3, [entry(B, flags="slave")], (S2,))
    world = World({S1: view}, {outside(A): "master"}, address_map=outside)
    world.views = {outside(S1): view}
    resolution = await world.resolve()
    assert resolution.topology == known(outside(A), 3, outside(B))
    assert world.discovery.sentinels == (outside(S1), outside(S2))


async def test_a_minority_that_hangs_does_not_hold_up_the_rest() -> None:
    world = World(three(View(A, 3)), {A: "master"}, hung={S3})
    assert (await world.resolve()).confirmed


async def test_resp3_and_bytes_are_understood() -> None:
    class Resp3(View):
        def reply(self, subcommand: str) -> Any:
            return {
                "GET-MASTER-ADDR-BY-NAME": [A.host.encode(), b"6379"],
                "MASTER": {b"config-epoch": b"3"},
                "REPLICAS": [{b"ip": B.host.encode(), b"port": b"6379", b"flags": b"slave"}],
                "SENTINELS": [],
            }[subcommand]

    world = World({S1: Resp3(A, 3)}, {A: "master"})
    assert (await world.resolve()).topology == known(A, 3, B)


# Who answers at all


async def test_no_sentinel_answers() -> None:
    resolution = await World(three(DOWN), {}).resolve()
    assert isinstance(resolution.fault, SentinelsUnreachableError)
    assert (resolution.detached, resolution.confirmed, resolution.topology) == (True, False, None)
    assert all(str(sentinel) in resolution.reason for sentinel in (S1, S2, S3))


async def test_no_sentinel_knows_the_service() -> None:
    resolution = await World({S1: DOWN, S2: UNKNOWN, S3: DOWN}, {}).resolve()
    assert isinstance(resolution.fault, UnknownServiceError)
    assert "mymaster" in str(resolution.fault)
    assert not resolution.detached


async def test_one_sentinel_that_knows_the_service_is_enough() -> None:
    resolution = await World({S1: DOWN, S2: UNKNOWN, S3: View(A, 3)}, {A: "master"}).resolve()
    assert resolution.confirmed


@pytest.mark.parametrize(
    ("role", "confirmed", "superseded"), [("master", True, False), ("slave", False, True)]
)
async def test_without_sentinels_the_known_primary_is_asked_itself(
    role: str, confirmed: bool, superseded: bool
) -> None:
    current = known(A, 3)
    resolution = await World(three(DOWN), {A: role}).resolve(current)
    assert resolution.topology is current
    assert (resolution.confirmed, resolution.superseded, resolution.detached) == (confirmed, superseded, True)


@pytest.mark.parametrize("bad", [None, [], ["10.0.0.1"], ["", "1"], "garbage", ["h", "\u00b2"]])
async def test_a_sentinel_that_talks_nonsense_counts_as_silent(bad: Any) -> None:
    class Odd(View):
        def reply(self, subcommand: str) -> Any:
            return bad if subcommand == "GET-MASTER-ADDR-BY-NAME" else super().reply(subcommand)

    world = World({S1: Odd(A, 9), S2: View(B, 3), S3: View(B, 3)}, {A: "master", B: "master"})
    assert (await world.resolve()).topology == known(B, 3)


# Sentinels learnt


async def test_sentinels_learnt_are_asked_and_never_dropped() -> None:
    world = World({S1: View(A, 3, sentinels=(S2, S3))}, {A: "master"})
    await world.resolve()
    assert list(world.discovery.sentinels) == [S1, S2, S3]
    world.views = {S1: DOWN, S3: View(B, 4, sentinels=(S4,))}
    world.roles = {B: "master"}
    assert (await world.resolve(known(A, 3))).topology == known(B, 4)
    world.views = {S3: View(B, 4)}
    await world.resolve(known(B, 4))
    assert list(world.discovery.sentinels) == [S1, S2, S3, S4]


# Stale answers


async def test_a_stale_answer_is_refused_and_told_once() -> None:
    world = World({S1: View(A, 5), S2: View(B, 4)}, {A: "master", B: "master"})
    for _ in range(3):
        assert (await world.resolve(known(A, 5))).topology == known(A, 5)
    assert [(e.sentinel, e.claimed, e.claimed_epoch, e.known_epoch) for e in world.stale] == [(S2, B, 4, 5)]
    assert world.counters.stale_answers == 1
    world.views[S2] = View(C, 4)
    await world.resolve(known(A, 5))
    assert [event.claimed for event in world.stale] == [B, C]


async def test_only_stale_answers_leave_the_snapshot_as_it_is() -> None:
    current = known(A, 5, B)
    world = World({S1: View(B, 4), S2: DOWN, S3: DOWN}, {A: "master", B: "master"})
    resolution = await world.resolve(current)
    assert resolution == Resolution(current, confirmed=True)
    assert B not in world.asked


async def test_only_stale_answers_and_a_primary_that_says_it_is_none() -> None:
    world = World({S1: View(B, 4), S2: DOWN, S3: DOWN}, {A: "slave", B: "master"})
    resolution = await world.resolve(known(A, 5))
    assert (resolution.confirmed, resolution.superseded) == (False, True)
    assert B not in world.asked


# A reset by an operator


async def test_a_reset_is_followed_when_the_majority_lasts() -> None:
    world = World(three(View(B, 0)), {A: "master", B: "master"})
    current = known(A, 5)
    assert (await world.resolve(current)).topology is current
    world.now += RESET_GRACE - 0.1
    assert (await world.resolve(current)).topology is current
    world.now += 0.2
    assert await world.resolve(current) == Resolution(known(B, 0), confirmed=True, reset=True)


async def test_a_majority_that_changes_its_mind_starts_anew() -> None:
    world = World(three(View(B, 0)), {A: "master", B: "master", C: "master"})
    current = known(A, 5)
    await world.resolve(current)
    world.now += RESET_GRACE
    world.views = three(View(C, 0))
    assert (await world.resolve(current)).topology is current
    world.now += RESET_GRACE
    assert (await world.resolve(current)).topology == known(C, 0)


async def test_a_confirmation_in_between_forgets_the_majority() -> None:
    world = World(three(View(B, 0)), {A: "master", B: "master"})
    current = known(A, 5)
    await world.resolve(current)
    world.views[S1] = View(A, 5)
    await world.resolve(current)
    world.now += RESET_GRACE
    world.views[S1] = View(B, 0)
    assert (await world.resolve(current)).topology is current


@pytest.mark.parametrize("role", ["slave", DOWN])
async def test_a_primary_that_does_not_confirm_makes_the_reset_due_at_once(role: str | Exception) -> None:
    world = World(three(View(B, 0)), {A: role, B: "master"})
    assert (await world.resolve(known(A, 5))).reset


async def test_a_reset_to_a_node_that_is_no_primary_is_not_followed() -> None:
    world = World(three(View(B, 0)), {A: "slave", B: "slave"})
    resolution = await world.resolve(known(A, 5))
    assert (resolution.reset, resolution.confirmed, resolution.superseded) == (False, False, True)


async def test_a_minority_never_resets() -> None:
    world = World({S1: View(B, 0), S2: DOWN, S3: DOWN}, {A: "slave", B: "master"})
    current = known(A, 5)
    for _ in range(3):
        world.now += RESET_GRACE
        assert not (await world.resolve(current)).reset


# ROLE


async def test_without_the_right_to_ask_the_sentinels_word_counts() -> None:
    denied = NoPermissionError("User x has no permissions to run the 'role' command")
    world = World(three(View(A, 3)), {A: denied})
    assert await world.resolve() == Resolution(known(A, 3), confirmed=True)


@pytest.mark.parametrize("role", ["slave", "sentinel", DOWN, OSError("reset"), TimeoutError(), [], ["x"]])
async def test_a_node_that_does_not_say_master_is_not_confirmed(role: Any) -> None:
    resolution = await World(three(View(A, 3)), {A: role}).resolve()
    assert (resolution.topology, resolution.confirmed, resolution.fault) == (None, False, None)
    assert str(A) in resolution.reason


@pytest.mark.parametrize(
    ("current", "role", "superseded"),
    [
        # The primary in force says itself that it is none.
        (known(A, 5), "slave", True),
        # It merely does not answer.
        (known(A, 5), DOWN, False),
        # A newer epoch names another: whatever that one says, the old one is not primary any more.
        (known(B, 4), "slave", True),
        (known(B, 4), DOWN, True),
    ],
)
async def test_superseded(current: Topology, role: str | Exception, superseded: bool) -> None:
    resolution = await World(three(View(A, 5)), {A: role, B: "master"}).resolve(current)
    assert (resolution.confirmed, resolution.superseded) == (False, superseded)
