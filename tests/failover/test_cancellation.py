"""A caller that goes away never shifts another caller's reply."""

from __future__ import annotations

import asyncio
import random

import pytest

from ha_manager import ConnectionManager, OutcomeUnknownError
from ha_manager.sandbox import SentinelSandbox, StandaloneSandbox


async def _echo(manager: ConnectionManager, text: str) -> None:
    assert await manager.echo(text) == text.encode()


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("poolsize", [1, 3])
async def test_thousands_of_cancellations_at_random_moments(protocol: int, poolsize: int) -> None:
    rng = random.Random(7)
    async with StandaloneSandbox() as sandbox:
        async with await ConnectionManager.create(
            host="127.0.0.1", port=sandbox.node.port, protocol=protocol, poolsize=poolsize
        ) as manager:
            cancelled = answered = 0
            for batch in range(60):
                tasks = [
                    asyncio.create_task(_echo(manager, f"{batch}:{i}:{'x' * rng.randrange(200)}"))
                    for i in range(200)
                ]
                for _ in range(rng.randrange(6)):
                    await asyncio.sleep(0)
                for task in rng.sample(tasks, 100):
                    task.cancel()
                for result in await asyncio.gather(*tasks, return_exceptions=True):
                    if isinstance(result, asyncio.CancelledError):
                        cancelled += 1
                    else:
                        assert result is None
                        answered += 1
            assert cancelled > 2000
            assert answered > 5000
            assert sum(node.pending for node in manager.stats().nodes) <= 100
            assert await manager.ping()


async def test_cancellations_through_a_failover(deployment: SentinelSandbox) -> None:
    rng = random.Random(11)
    async with await ConnectionManager.create(
        cluster_name=deployment.name, sentinels=deployment.sentinels
    ) as manager:
        stop = False

        async def caller(name: int) -> int:
            right = 0
            while not stop:
                task = asyncio.create_task(_echo(manager, f"{name}:{right}"))
                if rng.random() < 0.3:
                    await asyncio.sleep(rng.random() * 0.002)
                    task.cancel()
                try:
                    await task
                    right += 1
                except asyncio.CancelledError:
                    await asyncio.sleep(0)
                except OutcomeUnknownError:
                    pytest.fail("ECHO only reads: it is repeated")
            return right

        callers = [asyncio.create_task(caller(i)) for i in range(50)]
        await asyncio.sleep(0.3)
        old = await deployment.kill_primary()
        second = await deployment.wait_for_primary(other_than=old)
        await asyncio.sleep(0.5)
        await deployment.pause(second)
        await deployment.wait_for_primary(other_than=second)
        await asyncio.sleep(0.5)
        stop = True
        assert all(right > 10 for right in await asyncio.gather(*callers))
        assert manager.stats().waiting == 0


async def test_a_cancelled_write_is_not_repeated() -> None:
    async with StandaloneSandbox() as sandbox:
        async with await ConnectionManager.create(host="127.0.0.1", port=sandbox.node.port) as manager:
            tasks = [asyncio.create_task(manager.incr("counter")) for _ in range(500)]
            await asyncio.sleep(0)
            for task in tasks[::2]:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            numbers = [result for result in results if isinstance(result, int)]
            assert len(numbers) == len(set(numbers)) == 250
            assert int(await manager.get("counter")) <= 500
