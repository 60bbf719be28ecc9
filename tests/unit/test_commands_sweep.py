"""No key that was there all along is missed, however slots move while a cluster is iterated."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sweep_world import KEYS, NODES, PAGE, SLOTS, Server, World
from unit_support import soon

from ha_manager.commands import sweep as module
from ha_manager.errors import UncoveredSlotError

SLOT = SLOTS[0]


def once(world: World, server: Server, command: str, action: Callable[[], None], *, after: int = 0) -> None:
    """Do this right before a server gets such a command, for the first time or a later one."""
    left = [after]

    def before(asked: Server, first_word: str) -> None:
        if asked is server and first_word == command:
            left[0] -= 1
            if left[0] == -1:
                action()

    world.before = before


def others(world: World) -> tuple[Server, Server, Server]:
    """The owner of ``SLOT``, then the two others, in the order of the sweep."""
    owner = world.owner(SLOT)
    first, second = (server for server in world.servers if server is not owner)
    return owner, first, second


async def test_a_cluster_at_rest_gives_each_key_once() -> None:
    world = World()
    assert sorted(await soon(world.sweep())) == sorted(KEYS)
    assert world.scanned == list(range(NODES))


# A slot that moves


@pytest.mark.parametrize("forward", [True, False], ids=["towards later nodes", "towards earlier nodes"])
@pytest.mark.parametrize("moment", range(9))
async def test_a_slot_that_moves_while_its_node_is_scanned(forward: bool, moment: int) -> None:
    world = World()
    source, target = world.servers[0 if forward else 2], world.servers[2 if forward else 0]
    slot = next(slot for slot in SLOTS if slot in source.owned)
    once(world, source, "SCAN", lambda: world.migrate(slot, target), after=moment)
    assert set(await soon(world.sweep())) == set(KEYS)


@pytest.mark.parametrize("stays_on_its_way", [True, False])
async def test_a_slot_that_is_on_its_way_all_the_while(stays_on_its_way: bool) -> None:
    world = World()
    _, target, _ = others(world)
    world.begin(SLOT, target)
    world.move(SLOT, 1)
    if not stays_on_its_way:
        once(world, target, "CLUSTER", lambda: world.finish(SLOT), after=1)
    assert set(await soon(world.sweep())) == set(KEYS)
    assert len(world.scanned) <= 3 * NODES, "a migration that stands still is no reason to go on for ever"


@pytest.mark.parametrize("arrived", [False, True])
async def test_a_slot_that_moves_on_is_followed(arrived: bool) -> None:
    """Twice on its way within one iteration: what its first target passes on is not lost."""
    world = World()
    source, last, target = world.servers
    slot = next(slot for slot in SLOTS if slot in source.owned)
    world.begin(slot, target)
    world.move(slot, 2)

    def move_on() -> None:
        world.finish(slot)
        world.begin(slot, last)
        world.move(slot, len(KEYS))
        if arrived:
            world.finish(slot)

    once(world, target, "CLUSTER", move_on)
    assert set(await soon(world.sweep())) == set(KEYS)


async def test_a_slot_that_went_and_came_back_during_one_scan_is_not_taken_for_one_that_stayed() -> None:
    world = World()
    source, target, _ = world.servers
    slot = next(slot for slot in SLOTS if slot in source.owned)
    pages = 0

    def go_and_return(server: Server, command: str) -> None:
        """Away before the first page, and back behind the cursor."""
        nonlocal pages
        if server is source and command == "SCAN":
            pages += 1
            if pages == 1:
                world.migrate(slot, target)
            elif pages == len(KEYS) // PAGE:
                world.migrate(slot, source)

    world.before = go_and_return
    assert set(await soon(world.sweep())) == set(KEYS)


async def test_keys_of_slots_that_are_done_are_not_given_again() -> None:
    world = World()
    done = next(slot for slot in SLOTS if slot in world.servers[0].owned)
    once(world, world.servers[1], "CLUSTER", lambda: world.migrate(done, world.servers[2]))
    assert sorted(await soon(world.sweep())) == sorted(KEYS)


# A node that changes


@pytest.mark.parametrize("moment", range(6))
async def test_a_node_that_is_replaced_while_it_is_scanned(moment: int) -> None:
    """A cursor means nothing to another process."""
    world = World()
    server = world.owner(SLOT)

    def restart() -> None:
        server.session += 1

    once(world, server, "SCAN", restart, after=moment)
    assert set(await soon(world.sweep())) == set(KEYS)
    assert world.scanned.count(server.number) == 2


async def test_a_node_that_is_replaced_between_the_scan_and_the_second_look() -> None:
    world = World()
    server = world.owner(SLOT)

    def restart() -> None:
        server.session += 1

    once(world, server, "CLUSTER", restart, after=1)
    assert set(await soon(world.sweep())) == set(KEYS)
    assert world.scanned.count(server.number) == 2


async def test_a_shard_that_leaves_is_looked_for_where_its_slots_went() -> None:
    world = World()
    leaver, heir, other = world.servers

    def leave() -> None:
        for slot in sorted(leaver.owned):
            world.migrate(slot, heir)
        kept = world.lanes.all[1:]
        world.lanes.arrange(kept, [[range(s, s + 1) for s in server.owned] for server in (heir, other)])

    once(world, leaver, "SCAN", leave, after=1)
    assert set(await soon(world.sweep())) == set(KEYS)


# Slots without an owner, and no rest


async def test_slots_without_an_owner_are_told_at_the_end() -> None:
    world = World()
    owner = world.owner(SLOT)
    owner.owned.discard(SLOT)
    owner.keys -= {key for key in KEYS if key.startswith(b"{a}")}
    world.update_map()
    given: list[bytes] = []
    with pytest.raises(UncoveredSlotError, match=r"^1 slots could not be iterated"):
        await world.sweep(given)
    assert sorted(given) == sorted(key for key in KEYS if not key.startswith(b"{a}"))


async def test_a_cluster_that_never_rests_is_given_up() -> None:
    world = World()

    def restless(server: Server, _command: str) -> None:
        server.session += 1

    world.before = restless
    with pytest.raises(UncoveredSlotError, match="never came to rest"):
        await soon(world.sweep())
    assert world.commands <= 2 * NODES * module.MOST_PASSES


# Whatever happens


@dataclass(frozen=True)
class Step:
    """Something that happens after so many commands."""

    after: int
    what: str
    slot: int
    node: int


steps = st.builds(
    Step,
    st.integers(0, 6),
    st.sampled_from(["begin", "begin", "move", "move", "finish", "migrate", "map", "restart"]),
    st.sampled_from(SLOTS[:2]),
    st.integers(0, NODES - 1),
)


def happen(world: World, step: Step) -> None:
    target = world.servers[step.node]
    if step.what == "begin":
        world.begin(step.slot, target)
    elif step.what == "move":
        world.move(step.slot)
    elif step.what == "finish":
        world.finish(step.slot)
    elif step.what == "migrate":
        world.migrate(step.slot, target)
    elif step.what == "map":
        world.update_map()
    else:
        target.session += 1


@settings(max_examples=150, deadline=None)
@given(st.lists(steps, max_size=14))
def test_whatever_happens_no_key_is_missed(script: list[Step]) -> None:
    world = World()
    todo = list(script)
    waited = [0]

    def before(_server: Server, _command: str) -> None:
        waited[0] += 1
        while todo and waited[0] > todo[0].after:
            waited[0] = 0
            happen(world, todo.pop(0))

    world.before = before
    assert set(asyncio.run(soon(world.sweep()))) == set(KEYS)
