"""Each trigger finds the new primary by itself, with all the others switched off."""

from __future__ import annotations

from typing import Any

import pytest

from ha_manager import ConnectionManager
from ha_manager.observe import PrimarySwitched
from ha_manager.sandbox import SentinelSandbox
from tests.failover.load import Load, eventually, stored


async def _survives(
    sandbox: SentinelSandbox, fault: str, trigger: str, **options: Any
) -> tuple[Load, list[PrimarySwitched]]:
    switches: list[PrimarySwitched] = []
    options = {"refresh_interval": None, **options}
    manager = await ConnectionManager.create(
        cluster_name=sandbox.name, sentinels=sandbox.sentinels, refresh_triggers={trigger}, **options
    )
    async with manager:
        manager.add_listener(lambda e: switches.append(e) if isinstance(e, PrimarySwitched) else None)
        old = await sandbox.primary()
        async with Load(manager) as load:
            await load.progress()
            await _inflict(sandbox, fault)
            new = await sandbox.wait_for_primary(other_than=old)
            # Without events, a planned failover is noticed when the old primary is asked, or refuses.
            await eventually(lambda: manager.primary == new.address)
            await load.progress()
        assert set(load.acknowledged[-100:]) <= set(await stored(manager))
    assert load.errors == []
    # What Sentinels announce is part of their events; a lost primary that comes back is always asked.
    allowed = {"announcement", "events"} if trigger == "events" else {trigger}
    assert switches
    assert {event.cause for event in switches} <= allowed
    return load, switches


async def _inflict(sandbox: SentinelSandbox, fault: str) -> None:
    if fault == "kill":
        await sandbox.kill_primary()
    elif fault == "hang":
        await sandbox.pause()
    else:
        await sandbox.failover()


@pytest.mark.parametrize("fault", ["kill", "planned", "hang"])
async def test_events_alone(sandbox: SentinelSandbox, fault: str) -> None:
    await _survives(sandbox, fault, "events", heartbeat=30)


async def test_connection_lost_alone(sandbox: SentinelSandbox) -> None:
    await _survives(sandbox, "kill", "connection_lost")


async def test_heartbeat_alone(sandbox: SentinelSandbox) -> None:
    await _survives(sandbox, "hang", "heartbeat", heartbeat=0.5)


@pytest.mark.parametrize("fault", ["kill", "planned", "hang"])
async def test_interval_alone(sandbox: SentinelSandbox, fault: str) -> None:
    await _survives(sandbox, fault, "interval", refresh_interval=0.5, heartbeat=0.5)


async def test_readonly_alone(deployment: SentinelSandbox) -> None:
    """The primary is demoted without its connections being cut: only READONLY tells."""
    manager = await ConnectionManager.create(
        cluster_name=deployment.name,
        sentinels=deployment.sentinels,
        refresh_triggers={"readonly"},
        refresh_interval=None,
        in_doubt="retry",
    )
    async with manager:
        old = await deployment.primary()
        await manager.set("key", "before")
        # A Sentinel's own failover would cut the connections as well; an operator's does not.
        new = (await deployment.replicas())[0]
        for sentinel in deployment.sentinel_nodes:
            await deployment.execute(sentinel, "SENTINEL", "REMOVE", deployment.name)
        await deployment.execute(new, "REPLICAOF", "NO", "ONE")
        await deployment.execute(old, "REPLICAOF", new.host, str(new.port))
        for sentinel in deployment.sentinel_nodes:
            await deployment.execute(
                sentinel, "SENTINEL", "MONITOR", deployment.name, new.host, str(new.port), "2"
            )
        await manager.set("key", "after")
        assert await manager.get("key") == b"after"
        assert manager.primary == new.address
        refreshes = manager.stats().refreshes
        assert refreshes.pop("readonly") >= 1
        assert set(refreshes) == {"start"}
