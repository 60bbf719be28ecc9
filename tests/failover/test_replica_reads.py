"""Reads from replicas through failover: never from one that does not follow the primary."""

from __future__ import annotations

import asyncio

from ha_manager import ConnectionManager
from ha_manager.sandbox import SentinelSandbox
from tests.failover.load import eventually, make_whole


def _replicas_in_use(manager: ConnectionManager) -> set[tuple[str, int]]:
    return {node.endpoint for node in manager._lanes.default.replicas}


async def _everywhere(sandbox: SentinelSandbox, key: str, value: str) -> None:
    async with asyncio.timeout(10):
        while {await sandbox.execute(node, "GET", key) for node in sandbox.nodes} != {value}:
            await asyncio.sleep(0.02)


async def test_a_replica_without_its_primary_is_not_read(sandbox: SentinelSandbox) -> None:
    async with await ConnectionManager.create(
        cluster_name=sandbox.name, sentinels=sandbox.sentinels, read_from="prefer_replica", in_doubt="retry"
    ) as manager:
        await eventually(lambda: len(_replicas_in_use(manager)) == 2)
        lost = (await sandbox.replicas())[0]
        # It follows a port where nobody listens: its data stay as they were.
        await manager.set("key", "old")
        # A replica that has just synchronised gets its first writes up to a second later.
        await _everywhere(sandbox, "key", "old")
        await sandbox.execute(lost, "REPLICAOF", "127.0.0.1", "1")
        await manager.set("key", "new")
        await manager.refresh()
        await eventually(lambda: lost.address not in _replicas_in_use(manager))
        await asyncio.sleep(0.2)
        for _ in range(50):
            await asyncio.sleep(0.002)
            assert await manager.get("key") == b"new"


async def test_reads_go_on_through_failovers_and_never_go_back(sandbox: SentinelSandbox) -> None:
    """A counter read from anywhere never falls, once a write through the manager was seen by all."""
    async with await ConnectionManager.create(
        cluster_name=sandbox.name, sentinels=sandbox.sentinels, read_from="prefer_replica", in_doubt="retry"
    ) as manager:
        for round_ in range(1, 4):
            await manager.set("round", round_)
            await _everywhere(sandbox, "round", str(round_))
            await eventually(lambda: len(_replicas_in_use(manager)) >= 1)
            old = await sandbox.primary()
            await (sandbox.failover() if round_ % 2 else sandbox.kill_primary())
            await sandbox.wait_for_primary(other_than=old)
            await manager.set("after", round_)
            async with asyncio.timeout(20):
                while int(await manager.get("after") or 0) != round_:
                    await asyncio.sleep(0.02)
            assert int(await manager.get("round")) == round_
            await make_whole(sandbox)
