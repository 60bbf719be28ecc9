"""Iteration over all keys of a cluster, at rest and while slots move: nothing that stays is missed."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from redis.crc import key_slot
from redis.exceptions import DataError, RedisError

from ha_manager import ConnectionManager, UncoveredSlotError
from ha_manager.sandbox import ClusterSandbox
from tests.cluster.cluster_support import one_key_each
from tests.conftest import SERVERS

KEYS = [f"key-{number}" for number in range(3000)]


async def fill(manager: ConnectionManager, keys: list[str]) -> None:
    await manager.mset(dict.fromkeys(keys, "value"))


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("decode", [False, True])
async def test_every_key_once(cluster: ClusterSandbox, protocol: int, decode: bool) -> None:
    async with await ConnectionManager.create(
        startup_nodes=cluster.startup_nodes, protocol=protocol, decode_responses=decode
    ) as manager:
        keys = [*KEYS, "umlaut-ä"]
        await fill(manager, keys)
        names = [key if decode else key.encode() for key in keys]
        for count in (None, 7, 100_000):
            assert Counter([key async for key in manager.scan_iter(count=count)]) == Counter(names)
        one_digit = [name for name in names if len(name) == 5]
        assert sorted([key async for key in manager.scan_iter(match="key-?", count=50)]) == sorted(one_digit)
        assert [key async for key in manager.scan_iter(match="nothing")] == []


async def test_by_type(manager: ConnectionManager, cluster: ClusterSandbox) -> None:
    keys = one_key_each(cluster)
    for key in keys:
        await manager.set(f"{{{key}}}string", 1)
        await manager.sadd(f"{{{key}}}set", 1)
        await manager.hset(f"{{{key}}}hash", "f", 1)
    for kind in ("string", "set", "hash"):
        found = [key async for key in manager.scan_iter(_type=kind)]
        assert sorted(found) == sorted(f"{{{key}}}{kind}".encode() for key in keys)


async def test_of_some_nodes(manager: ConnectionManager, cluster: ClusterSandbox) -> None:
    await fill(manager, KEYS)
    ranges = [range(16384 * i // 3, 16384 * (i + 1) // 3) for i in range(3)]
    shares = [{key.encode() for key in KEYS if key_slot(key.encode()) in own} for own in ranges]
    for node, share in zip(cluster.nodes, shares, strict=False):
        assert {key async for key in manager.scan_iter(target_nodes=node.address)} == share
    assert {key async for key in manager.scan_iter(target_nodes="primaries")} == set().union(*shares)
    assert {key async for key in manager.scan_iter(target_nodes=manager.get_primaries()[:2])} == (
        shares[0] | shares[1]
    )


async def test_members(manager: ConnectionManager) -> None:
    numbers = range(1000)
    await manager.sadd("set", *(f"m{number}" for number in numbers))
    await manager.hset("hash", mapping={f"m{number}": number for number in numbers})
    await manager.zadd("zset", {f"m{number}": number for number in numbers})
    members = {f"m{number}".encode() for number in numbers}
    assert {member async for member in manager.sscan_iter("set", count=30)} == members
    assert dict([pair async for pair in manager.hscan_iter("hash", count=30)]) == {
        f"m{number}".encode(): str(number).encode() for number in numbers
    }
    assert dict([pair async for pair in manager.zscan_iter("zset", count=30)]) == {
        f"m{number}".encode(): float(number) for number in numbers
    }
    few = [member async for member in manager.sscan_iter("set", match="m99?")]
    assert sorted(few) == [f"m99{digit}".encode() for digit in range(10)]
    casts = [score async for _, score in manager.zscan_iter("zset", match="m5", score_cast_func=int)]
    assert casts == [5]
    assert type(casts[0]) is int


async def test_fields_without_values(manager: ConnectionManager) -> None:
    await manager.hset("hash", mapping={"a": 1, "b": 2})
    try:
        found = [field async for field in manager.hscan_iter("hash", no_values=True)]
    except RedisError as unknown:
        assert "syntax" in str(unknown)  # before Redis 7.4
    else:
        assert sorted(found) == [b"a", b"b"]


async def test_cursors_for_each_node(manager: ConnectionManager) -> None:
    """``scan`` without a node begins everywhere; each cursor goes on at its own node, as in redis-py."""
    await fill(manager, KEYS)
    cursors: Any
    cursors, keys = await manager.scan(count=100)
    found = list(keys)
    assert set(cursors) == {str(node.endpoint) for node in manager.get_primaries()}
    while cursors:
        for name, cursor in list(cursors.items()):
            if cursor:
                told: Any
                told, keys = await manager.scan(
                    cursor, count=100, target_nodes=manager.get_node(node_name=name)
                )
                cursors.update(told)
                found += keys
            else:
                del cursors[name]
    assert Counter(found) == Counter(key.encode() for key in KEYS)


async def test_arguments_that_make_no_sense(manager: ConnectionManager) -> None:
    with pytest.raises(RedisError, match=r"not an integer|syntax"):
        [key async for key in manager.scan_iter(count=0)]
    with pytest.raises(DataError):
        [key async for key in manager.scan_iter(match=object())]


async def test_a_caller_who_stops_early(manager: ConnectionManager) -> None:
    await fill(manager, KEYS)
    iterator = manager.scan_iter(count=10)
    assert await anext(iterator)
    await iterator.aclose()  # type: ignore[attr-defined]
    assert await manager.ping()


# While slots move


async def moving(sandbox: ClusterSandbox, done: asyncio.Event) -> int:
    """Moves slots that hold keys to and fro until ``done``; returns how many rounds it took."""
    nodes = await sandbox.primaries()
    full = sorted({key_slot(key.encode()) for key in KEYS})
    rounds = 0
    while not done.is_set():
        number = rounds % 3
        own = [slot for slot in full if slot in range(16384 * number // 3, 16384 * (number + 1) // 3)]
        share = random.sample(own, 40)
        await sandbox.migrate_slots(share, nodes[(number + 1) % 3])
        await sandbox.migrate_slots(share, nodes[number])
        rounds += 1
    return rounds


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=SERVERS)
async def restless(request: pytest.FixtureRequest) -> AsyncIterator[ClusterSandbox]:
    """A cluster whose slots move."""
    async with ClusterSandbox(server=request.param, replicas=0, full_coverage=False) as sandbox:
        yield sandbox


async def test_while_slots_move(restless: ClusterSandbox) -> None:
    async with await ConnectionManager.create(
        startup_nodes=restless.startup_nodes, decode_responses=True
    ) as manager:
        await manager.flushall()
        await fill(manager, KEYS)
        done = asyncio.Event()
        mover = asyncio.create_task(moving(restless, done))
        began = asyncio.get_running_loop().time()
        iterations = 0
        while iterations < 6 or asyncio.get_running_loop().time() - began < 0.8:
            found = {key async for key in manager.scan_iter(count=20)}
            iterations += 1
            assert found == set(KEYS), f"missed: {sorted(set(KEYS) - found)[:5]}"
        done.set()
        assert await mover > 0
        assert {key async for key in manager.scan_iter()} == set(KEYS)


async def to_and_fro(sandbox: ClusterSandbox, slot: int, done: asyncio.Event) -> int:
    rounds = 0
    while not done.is_set():
        for node in await sandbox.primaries():
            await sandbox.migrate_slots([slot], node)
            await asyncio.sleep(0.02)
        rounds += 1
    return rounds


async def test_members_of_keys_that_move(restless: ClusterSandbox) -> None:
    """A cursor means nothing to the node that the key went to: there, the iteration begins anew."""
    numbers = range(600)
    names = {f"m{number}" for number in numbers}
    async with await ConnectionManager.create(
        startup_nodes=restless.startup_nodes, decode_responses=True
    ) as manager:
        await manager.flushall()
        await manager.sadd("{tag}set", *names)
        await manager.hset("{tag}hash", mapping=dict.fromkeys(names, "value"))
        await manager.zadd("{tag}zset", {f"m{number}": number for number in numbers})
        done = asyncio.Event()
        mover = asyncio.create_task(to_and_fro(restless, manager.keyslot("{tag}"), done))
        began = asyncio.get_running_loop().time()
        while asyncio.get_running_loop().time() - began < 0.4:
            assert {member async for member in manager.sscan_iter("{tag}set", count=40)} == names
            assert {field async for field, _ in manager.hscan_iter("{tag}hash", count=40)} == names
            assert {member async for member, _ in manager.zscan_iter("{tag}zset", count=40)} == names
        done.set()
        assert await mover > 0


async def test_in_the_middle_of_a_migration(restless: ClusterSandbox) -> None:
    """Half of a slot's keys are at its new owner already, which its old owner's SCAN does not show."""
    async with await ConnectionManager.create(
        startup_nodes=restless.startup_nodes, decode_responses=True
    ) as manager:
        slot = manager.keyslot("{tag}")
        source = await restless.owner(slot)
        target = next(node for node in await restless.primaries() if node is not source)
        keys = [f"{{tag}}{number}" for number in range(40)]
        await manager.flushall()
        await fill(manager, keys)
        await restless.begin_migration(slot, target)
        await restless.move_keys(slot, *keys[:20])
        for _ in range(3):
            assert {key async for key in manager.scan_iter()} == set(keys)
        assert await manager.dbsize() == 40
        await restless.finish_migration(slot)
        assert {key async for key in manager.scan_iter()} == set(keys)


async def test_slots_without_an_owner(restless: ClusterSandbox) -> None:
    async with await ConnectionManager.create(
        startup_nodes=restless.startup_nodes, decode_responses=True
    ) as manager:
        await manager.flushall()
        await fill(manager, KEYS[:300])
        lost = key_slot(b"key-0")
        await restless.unassign([lost])
        await manager.refresh()
        found: set[Any] = set()
        with pytest.raises(UncoveredSlotError, match="1 slots"):
            async for key in manager.scan_iter():
                found.add(key)
        assert found >= {key for key in KEYS[:300] if key_slot(key.encode()) != lost}
