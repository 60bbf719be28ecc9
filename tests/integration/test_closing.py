"""The end of a manager: drained, idempotent, and without a socket or task left."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from redis.exceptions import RedisError

from ha_manager import ConnectionManager, ManagerClosedError, OutcomeUnknownError
from ha_manager.sandbox import SentinelSandbox, StandaloneSandbox
from tests.integration.support import address_of, all_closed, clients_named, eventually, tasks_now

NAME = "closing-test"


async def test_all_of_it_ends(sentinel_set: SentinelSandbox) -> None:
    before = tasks_now()
    manager = await ConnectionManager.create(
        cluster_name=sentinel_set.name,
        sentinels=sentinel_set.sentinels,
        client_name=NAME,
        read_from="nearest",
        poolsize=2,
    )
    await manager.blpop("nothing", 0.01)
    await manager.get("key")
    for server in sentinel_set.processes:
        assert await clients_named(server, NAME), server
    assert tasks_now() > before
    await manager.aclose()
    assert tasks_now() == before
    for server in sentinel_set.processes:
        await all_closed(server, NAME)


async def test_again_and_at_once(empty: StandaloneSandbox) -> None:
    manager = await ConnectionManager.create(**address_of(empty.node))
    await asyncio.gather(*(manager.aclose() for _ in range(5)))
    await manager.aclose()
    await manager.aclose(timeout=0)
    assert "closed" in repr(manager)


async def test_commands_afterwards(sentinel_set: SentinelSandbox) -> None:
    manager = await ConnectionManager.create(
        cluster_name=sentinel_set.name, sentinels=sentinel_set.sentinels, read_from="prefer_replica"
    )
    view = manager.with_options(read_from="primary")
    await manager.aclose()
    for command in (
        lambda: manager.get("key"),
        lambda: manager.set("key", "value"),
        lambda: manager.blpop("key", 1),
        lambda: manager.execute_command("NOSUCH"),
        lambda: view.get("key"),
        manager.slaves,
        manager.sentinel_masters,
        manager.refresh,
    ):
        with pytest.raises(ManagerClosedError, match="closed"):
            await asyncio.wait_for(command(), 5)


async def test_it_drains(empty: StandaloneSandbox) -> None:
    manager = await ConnectionManager.create(**address_of(empty.node), client_name=NAME)
    tasks = [asyncio.ensure_future(manager.incr("counter")) for _ in range(5000)]
    tasks.append(
        asyncio.ensure_future(manager.eval("local n = 0; for i = 1, 3e6 do n = n + 1 end return n", 0))
    )
    await asyncio.sleep(0)
    await manager.aclose()
    results = await asyncio.gather(*tasks)
    assert sorted(results[:-1]) == list(range(1, 5001))
    assert results[-1] == 3_000_000
    await all_closed(empty.node, NAME)


async def test_a_blocked_command_is_drained_too(empty: StandaloneSandbox) -> None:
    manager = await ConnectionManager.create(**address_of(empty.node), client_name=NAME)
    blocked = asyncio.ensure_future(manager.blpop("list", 30))
    await eventually(lambda: manager.stats().nodes[0].leased == 1, "the lease")
    closing = asyncio.ensure_future(manager.aclose())
    await asyncio.sleep(0.05)
    assert not closing.done()
    await empty.node.execute("RPUSH", "list", "x")
    assert await asyncio.wait_for(blocked, 5) == (b"list", b"x")
    await asyncio.wait_for(closing, 5)


async def test_a_blocked_command_that_outlasts_the_draining(empty: StandaloneSandbox) -> None:
    manager = await ConnectionManager.create(**address_of(empty.node), client_name=NAME)
    blocked = asyncio.ensure_future(manager.blpop("list", 30))
    await eventually(lambda: manager.stats().nodes[0].leased == 1, "the lease")
    await asyncio.wait_for(manager.aclose(timeout=0.1), 5)
    with pytest.raises(RedisError) as caught:
        await asyncio.wait_for(blocked, 5)
    assert isinstance(caught.value, OutcomeUnknownError | ManagerClosedError)
    await all_closed(empty.node, NAME)


async def test_commands_that_come_while_it_drains(empty: StandaloneSandbox) -> None:
    manager = await ConnectionManager.create(**address_of(empty.node))
    blocked = asyncio.ensure_future(manager.blpop("list", 30))
    await eventually(lambda: manager.stats().nodes[0].leased == 1, "the lease")
    closing = asyncio.ensure_future(manager.aclose(timeout=1))
    await asyncio.sleep(0.02)
    with pytest.raises(ManagerClosedError):
        await asyncio.wait_for(manager.get("key"), 0.5)
    await empty.node.execute("RPUSH", "list", "x")
    await asyncio.gather(blocked, closing)


async def test_async_with_closes_after_an_error(empty: StandaloneSandbox) -> None:
    with pytest.raises(ZeroDivisionError):
        async with await ConnectionManager.create(**address_of(empty.node), client_name=NAME) as manager:
            await manager.ping()
            _ = 1 / 0
    with pytest.raises(ManagerClosedError):
        await manager.ping()
    await all_closed(empty.node, NAME)


async def test_a_cancelled_aclose_still_ends_everything(empty: StandaloneSandbox) -> None:
    before = tasks_now()
    manager = await ConnectionManager.create(**address_of(empty.node), client_name=NAME)
    blocked: Any = asyncio.ensure_future(manager.blpop("list", 30))
    await eventually(lambda: manager.stats().nodes[0].leased == 1, "the lease")
    closing = asyncio.ensure_future(manager.aclose(timeout=0.2))
    await asyncio.sleep(0.05)
    closing.cancel()
    await asyncio.gather(closing, blocked, return_exceptions=True)
    await manager.aclose()
    await all_closed(empty.node, NAME)
    await eventually(lambda: tasks_now() <= before, "no task left")
