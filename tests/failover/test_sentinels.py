"""Sentinels that die, lie, disagree, or join."""

from __future__ import annotations

import pytest

from ha_manager import ConnectionManager, SentinelsUnreachableError, UnknownServiceError
from ha_manager.observe import Event, PrimarySwitched, SentinelsLost, SentinelsRestored, StaleAnswerRefused
from ha_manager.sandbox import SentinelSandbox, StandaloneSandbox
from tests.failover.load import Load, eventually, make_whole


async def _planned_failover(sandbox: SentinelSandbox) -> None:
    old = await sandbox.primary()
    await sandbox.failover()
    await sandbox.wait_for_primary(other_than=old)
    await make_whole(sandbox)


async def test_losing_one_of_three_changes_nothing(sandbox: SentinelSandbox) -> None:
    async with await ConnectionManager.create(
        cluster_name=sandbox.name, sentinels=sandbox.sentinels
    ) as manager:
        events: list[Event] = []
        manager.add_listener(events.append)
        generation = manager.topology.generation
        async with Load(manager) as load:
            await load.progress()
            await sandbox.kill(sandbox.sentinel_nodes[0])
            await manager.refresh()
            await load.progress()
        assert load.errors == []
        assert load.in_doubt == []
        assert manager.topology.generation == generation
        assert not [event for event in events if isinstance(event, PrimarySwitched | SentinelsLost)]


async def test_a_dead_first_sentinel_does_not_delay_creation(sandbox: SentinelSandbox) -> None:
    await sandbox.kill(sandbox.sentinel_nodes[0])
    async with await ConnectionManager.create(
        cluster_name=sandbox.name, sentinels=sandbox.sentinels
    ) as manager:
        assert await manager.ping()


async def test_a_paused_sentinel_does_not_delay_failover(deployment: SentinelSandbox) -> None:
    async with await ConnectionManager.create(
        cluster_name=deployment.name, sentinels=deployment.sentinels
    ) as manager:
        await deployment.pause(deployment.sentinel_nodes[2])
        old = await deployment.primary()
        async with Load(manager) as load:
            await load.progress()
            await deployment.kill_primary()
            await deployment.wait_for_primary(other_than=old)
            await load.progress()
        assert load.errors == []


async def test_a_lying_sentinel_with_an_older_epoch_is_refused(deployment: SentinelSandbox) -> None:
    """The liar is a real Sentinel that watches another real primary under the same name."""
    await _planned_failover(deployment)
    async with (
        StandaloneSandbox() as elsewhere,
        SentinelSandbox(name="other", replicas=0, sentinels=1) as lying,
    ):
        liar = lying.sentinel_nodes[0]
        host, port = elsewhere.node.address
        await lying.execute(liar, "SENTINEL", "MONITOR", deployment.name, host, str(port), "1")
        events: list[Event] = []
        truth = await deployment.primary()
        async with await ConnectionManager.create(
            cluster_name=deployment.name, sentinels=[liar.address, *deployment.sentinels]
        ) as manager:
            manager.add_listener(events.append)
            assert manager.primary == truth.address
            async with Load(manager) as load:
                for _ in range(3):
                    await manager.refresh()
                    await load.progress()
            assert manager.primary == truth.address
            assert load.errors == []
            assert load.in_doubt == []
            assert manager.stats().stale_answers >= 1
            assert await lying.execute(liar, "PING") == "PONG"
        assert await elsewhere.execute(elsewhere.node, "DBSIZE") == 0
        assert not [event for event in events if isinstance(event, PrimarySwitched)]


async def test_a_liar_that_starts_to_lie_is_reported(deployment: SentinelSandbox) -> None:
    await _planned_failover(deployment)
    async with StandaloneSandbox() as elsewhere, SentinelSandbox(name="x", replicas=0, sentinels=1) as lying:
        liar = lying.sentinel_nodes[0]
        async with await ConnectionManager.create(
            cluster_name=deployment.name, sentinels=[liar.address, *deployment.sentinels]
        ) as manager:
            refused: list[StaleAnswerRefused] = []
            manager.add_listener(
                lambda event: refused.append(event) if isinstance(event, StaleAnswerRefused) else None
            )
            host, port = elsewhere.node.address
            await lying.execute(liar, "SENTINEL", "MONITOR", deployment.name, host, str(port), "1")
            for _ in range(5):
                await manager.refresh()
            assert [event.claimed for event in refused] == [elsewhere.node.address]
            assert refused[0].claimed_epoch < refused[0].known_epoch


async def test_all_sentinels_gone_commands_go_on(sandbox: SentinelSandbox) -> None:
    async with await ConnectionManager.create(
        cluster_name=sandbox.name, sentinels=sandbox.sentinels
    ) as manager:
        events: list[Event] = []
        manager.add_listener(events.append)
        async with Load(manager) as load:
            await load.progress()
            for sentinel in sandbox.sentinel_nodes:
                await sandbox.kill(sentinel)
            await eventually(lambda: any(isinstance(event, SentinelsLost) for event in events))
            await load.progress()
            # Even a connection cut by the server heals without any Sentinel.
            await sandbox.execute(await _node(sandbox, manager), "CLIENT", "KILL", "TYPE", "normal")
            await load.progress()
            for sentinel in sandbox.sentinel_nodes:
                await sandbox.restart(sentinel)
            await eventually(lambda: any(isinstance(event, SentinelsRestored) for event in events))
            await load.progress()
        assert load.errors == []


async def _node(sandbox: SentinelSandbox, manager: ConnectionManager) -> object:
    return next(node for node in sandbox.nodes if node.address == manager.primary)


async def test_sentinels_learnt_are_enough_when_the_given_one_is_gone(deployment: SentinelSandbox) -> None:
    given = deployment.sentinel_nodes[0]
    async with await ConnectionManager.create(
        cluster_name=deployment.name, sentinels=[given.address]
    ) as manager:
        assert sorted(manager.stats().sentinels) == sorted(deployment.sentinels)
        await deployment.kill(given)
        old = await deployment.primary()
        async with Load(manager) as load:
            await load.progress()
            await deployment.kill_primary()
            await deployment.wait_for_primary(other_than=old)
            await load.progress()
        assert load.errors == []
        assert sorted(manager.stats().sentinels) == sorted(deployment.sentinels)


async def test_nobody_answers_and_nobody_knows_are_different_errors(deployment: SentinelSandbox) -> None:
    with pytest.raises(UnknownServiceError, match="no Sentinel monitors 'nonesuch'"):
        await ConnectionManager.create(cluster_name="nonesuch", sentinels=deployment.sentinels)
    for sentinel in deployment.sentinel_nodes:
        await deployment.kill(sentinel)
    with pytest.raises(SentinelsUnreachableError, match="no Sentinel answered"):
        await ConnectionManager.create(cluster_name=deployment.name, sentinels=deployment.sentinels)


async def test_a_reset_by_an_operator_is_followed(deployment: SentinelSandbox) -> None:
    """All Sentinels forget the service and monitor another node anew, under epoch 0."""
    await _planned_failover(deployment)
    async with await ConnectionManager.create(
        cluster_name=deployment.name, sentinels=deployment.sentinels, failover_timeout=40
    ) as manager:
        before = manager.topology
        old = await deployment.primary()
        new = (await deployment.replicas())[0]
        for sentinel in deployment.sentinel_nodes:
            await deployment.execute(sentinel, "SENTINEL", "REMOVE", deployment.name)
        await deployment.execute(new, "REPLICAOF", "NO", "ONE")
        await deployment.execute(old, "REPLICAOF", new.host, str(new.port))
        for sentinel in deployment.sentinel_nodes:
            await deployment.execute(
                sentinel, "SENTINEL", "MONITOR", deployment.name, new.host, str(new.port), "2"
            )
        await manager.set("key", "value")
        assert manager.primary == new.address
        assert manager.topology.epoch < before.epoch
