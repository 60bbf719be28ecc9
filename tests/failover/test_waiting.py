"""What commands do while there is no primary: wait, in bounds, and say what for."""

from __future__ import annotations

import asyncio

import pytest

from ha_manager import ConnectionManager, FailoverTimeoutError, ManagerClosedError, PendingLimitError
from ha_manager.observe import CommandsWaited
from ha_manager.sandbox import SentinelSandbox, StandaloneSandbox
from tests.failover.load import eventually


async def test_max_pending_holds_and_nothing_refused_was_sent() -> None:
    async with StandaloneSandbox() as sandbox:
        async with await ConnectionManager.create(
            host="127.0.0.1", port=sandbox.node.port, max_pending=50, failover_timeout=30
        ) as manager:
            waits: list[CommandsWaited] = []
            manager.add_listener(lambda e: waits.append(e) if isinstance(e, CommandsWaited) else None)
            await sandbox.stop(sandbox.node)
            await eventually(lambda: manager.stats().nodes[0].state == "down")
            tasks = [asyncio.create_task(manager.incr("counter")) for _ in range(80)]
            await eventually(lambda: sum(task.done() for task in tasks) == 30)
            assert manager.stats().waiting == 50
            assert manager.stats().rejected == 30
            await sandbox.restart(sandbox.node)
            results = await asyncio.gather(*tasks, return_exceptions=True)
            refused = [result for result in results if isinstance(result, PendingLimitError)]
            assert len(refused) == 30
            assert "max_pending=50" in str(refused[0])
            assert sorted(r for r in results if isinstance(r, int)) == list(range(1, 51))
            assert sum(event.count for event in waits) >= 50


async def test_zero_pending_fails_at_once() -> None:
    async with StandaloneSandbox() as sandbox:
        async with await ConnectionManager.create(
            host="127.0.0.1", port=sandbox.node.port, max_pending=0
        ) as manager:
            await sandbox.stop(sandbox.node)
            await eventually(lambda: manager.stats().nodes[0].state == "down")
            with pytest.raises(PendingLimitError):
                await manager.get("key")


async def test_the_deadline_says_what_was_waited_for() -> None:
    async with StandaloneSandbox() as sandbox:
        async with await ConnectionManager.create(
            host="127.0.0.1", port=sandbox.node.port, failover_timeout=0.5
        ) as manager:
            await sandbox.stop(sandbox.node)
            await eventually(lambda: manager.stats().nodes[0].state == "down")
            with pytest.raises(FailoverTimeoutError, match=r"failover_timeout=0\.5 s") as caught:
                await manager.set("key", "value")
            assert str(sandbox.node.port) in caught.value.waited_for
            assert manager.stats().waiting == 0
            assert manager.stats().timed_out == 1


async def test_a_cancelled_waiter_leaves_the_queue() -> None:
    async with StandaloneSandbox() as sandbox:
        async with await ConnectionManager.create(host="127.0.0.1", port=sandbox.node.port) as manager:
            await sandbox.stop(sandbox.node)
            await eventually(lambda: manager.stats().nodes[0].state == "down")
            tasks = [asyncio.create_task(manager.incr("counter")) for _ in range(20)]
            await eventually(lambda: manager.stats().waiting == 20)
            for task in tasks[::2]:
                task.cancel()
            await eventually(lambda: manager.stats().waiting == 10)
            await sandbox.restart(sandbox.node)
            await asyncio.gather(*tasks, return_exceptions=True)
            assert await manager.get("counter") == b"10"


async def test_closing_fails_the_waiting_commands() -> None:
    async with StandaloneSandbox() as sandbox:
        manager = await ConnectionManager.create(host="127.0.0.1", port=sandbox.node.port)
        await sandbox.stop(sandbox.node)
        await eventually(lambda: manager.stats().nodes[0].state == "down")
        task = asyncio.create_task(manager.incr("counter"))
        await eventually(lambda: manager.stats().waiting == 1)
        await manager.aclose()
        with pytest.raises(ManagerClosedError, match="not sent"):
            await task
        with pytest.raises(ManagerClosedError):
            await manager.get("key")


async def test_a_view_may_wait_for_a_shorter_time(deployment: SentinelSandbox) -> None:
    async with await ConnectionManager.create(
        cluster_name=deployment.name, sentinels=deployment.sentinels
    ) as manager:
        hurried = manager.with_options(failover_timeout=0.2)
        await deployment.kill_primary()
        await eventually(lambda: any(node.state == "down" for node in manager.stats().nodes))
        with pytest.raises(FailoverTimeoutError, match=r"failover_timeout=0\.2 s"):
            await hurried.set("key", "value")
        assert await manager.set("key", "value")
