"""Memory, tasks, and file descriptors stay flat through failover after failover."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from pathlib import Path

from ha_manager import ConnectionManager
from ha_manager.sandbox import SentinelSandbox
from tests.failover.load import make_whole


class _Load:
    """Callers that read and write without end, and keep no record."""

    def __init__(self, manager: ConnectionManager) -> None:
        self._manager = manager
        self.errors: list[Exception] = []
        self.done = 0
        self.stopped = False

    async def caller(self, name: int) -> None:
        while not self.stopped:
            try:
                await self._manager.set(f"key:{name}", "x" * 100)
                await self._manager.get(f"key:{name}")
                self.done += 1
            except Exception as error:
                self.errors.append(error)
            await asyncio.sleep(0)


def _descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def _ours() -> int:
    """Bytes allocated by the package's own lines, and still held."""
    gc.collect()
    ours = tracemalloc.Filter(inclusive=True, filename_pattern="*ha_manager/[!s]*")
    return sum(stat.size for stat in tracemalloc.take_snapshot().filter_traces([ours]).statistics("filename"))


async def _fail_over(sandbox: SentinelSandbox, number: int) -> None:
    old = await sandbox.primary()
    if number % 2:
        await sandbox.failover()
    else:
        await sandbox.kill_primary()
    await sandbox.wait_for_primary(other_than=old)
    await make_whole(sandbox)


async def test_flat_over_many_failovers(deployment: SentinelSandbox) -> None:
    before = len(asyncio.all_tasks())
    manager = await ConnectionManager.create(
        cluster_name=deployment.name,
        sentinels=deployment.sentinels,
        in_doubt="retry",
        read_from="prefer_replica",
    )
    async with manager:
        load = _Load(manager)
        callers = [asyncio.create_task(load.caller(i)) for i in range(16)]
        for number in range(2):
            await _fail_over(deployment, number)
        tracemalloc.start()
        try:
            sizes, descriptors, tasks = [], [], []
            for number in range(6):
                await _fail_over(deployment, number)
                sizes.append(_ours())
                descriptors.append(_descriptors())
                tasks.append(len(asyncio.all_tasks()))
        finally:
            tracemalloc.stop()
        load.stopped = True
        await asyncio.gather(*callers)
        assert load.errors == []
        assert load.done > 1000
        # Each round leaves what the last one left: a leak of one node or task a failover would show.
        assert max(sizes[-2:]) < min(sizes[:2]) + 100_000
        assert max(descriptors[-2:]) <= max(descriptors[:2]) + 2
        assert max(tasks[-2:]) <= max(tasks[:2]) + 2
    await asyncio.sleep(0.05)
    assert len(asyncio.all_tasks()) == before
