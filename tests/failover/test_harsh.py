"""Harsher than a single fault: two in a row, a loop that stands still, a primary that flaps."""

from __future__ import annotations

import asyncio
import time

from ha_manager import ConnectionManager
from ha_manager.sandbox import SentinelSandbox, StandaloneSandbox
from tests.failover.load import Load, stored


async def test_the_new_primary_is_killed_as_soon_as_it_is_one() -> None:
    # For twice that time after a failover, the Sentinels do not begin another.
    async with SentinelSandbox(replicas=3, failover_timeout_ms=3000) as sandbox:
        async with await ConnectionManager.create(
            cluster_name=sandbox.name, sentinels=sandbox.sentinels, failover_timeout=60
        ) as manager:
            async with Load(manager) as load:
                await load.progress()
                first = await sandbox.kill_primary()
                second = await sandbox.wait_for_primary(other_than=first)
                await sandbox.kill(second)
                await load.progress(timeout=50)
            assert load.errors == []
            written = await stored(manager)
            assert len(written) == len(set(written))


async def test_a_killed_primary_that_is_back_before_anyone_noticed(deployment: SentinelSandbox) -> None:
    async with await ConnectionManager.create(
        cluster_name=deployment.name, sentinels=deployment.sentinels
    ) as manager:
        async with Load(manager) as load:
            for _ in range(3):
                await load.progress()
                node = next(node for node in deployment.nodes if node.address == manager.primary)
                await deployment.kill(node)
                await deployment.restart(node)
            await load.progress()
        assert load.errors == []


async def test_a_short_hang_is_sat_out_without_any_doubt() -> None:
    """Too short for the Sentinels and for the heartbeat: every command just takes longer."""
    async with SentinelSandbox(down_after_ms=10_000) as sandbox:
        async with await ConnectionManager.create(
            cluster_name=sandbox.name, sentinels=sandbox.sentinels
        ) as manager:
            generation = manager.topology.generation
            async with Load(manager) as load:
                for _ in range(3):
                    await load.progress()
                    node = await sandbox.pause()
                    await asyncio.sleep(0.4)
                    await sandbox.resume(node)
                await load.progress()
            assert load.errors == []
            assert load.in_doubt == []
            assert manager.topology.generation == generation


async def test_our_own_loop_standing_still_condemns_no_server() -> None:
    async with StandaloneSandbox() as sandbox:
        async with await ConnectionManager.create(
            host="127.0.0.1", port=sandbox.node.port, heartbeat=0.3, command_timeout=0.5
        ) as manager:
            async with Load(manager) as load:
                await load.progress()
                for _ in range(3):
                    time.sleep(1.5)  # noqa: ASYNC251 - this is what the test is about
                    await load.progress()
            assert load.errors == []
            assert load.in_doubt == []
