"""The engine on real servers: the probe, a trial of the manager, and one of a careless client."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ha_manager.cli.client import EventSink, managed_client
from ha_manager.cli.cluster_stage import ClusterStage
from ha_manager.cli.faults import strike
from ha_manager.cli.healing import agreed_primary, heal
from ha_manager.cli.judgement import judge
from ha_manager.cli.promotion import PromotionProbe
from ha_manager.cli.readback import read_back
from ha_manager.cli.sentinel_stage import SentinelStage
from ha_manager.cli.stage import Stage
from ha_manager.cli.trial import Settings, run_scenario, run_trial
from ha_manager.cli.workload import Client, clock
from ha_manager.errors import ConfigurationError
from ha_manager.routing import SLOT_COUNT, key_slot
from ha_manager.sandbox import ClusterSandbox, Credentials, SentinelSandbox, StandaloneSandbox


async def test_the_probe_sees_a_promotion_and_ends_with_its_owner() -> None:
    async with (
        StandaloneSandbox(password="secret") as first,
        StandaloneSandbox(password="secret", replica_of=first.node.address) as second,
    ):
        async with PromotionProbe([first.node, second.node], Credentials(password="secret")) as probe:
            assert await probe.promotion(after=0.0, other_than=second.node.port, timeout=10.0) is not None
            before = clock()
            assert await probe.promotion(after=before, other_than=first.node.port, timeout=0.1) is None
            await second.node.execute("REPLICAOF", "NO", "ONE")
            told = clock()
            change = await probe.promotion(after=before, other_than=first.node.port, timeout=10.0)
        assert change is not None
        assert (change.port, change.role) == (second.node.port, "master")
        assert change.not_before <= told
        assert change.at >= before


async def test_a_deployment_is_made_whole_again() -> None:
    async with SentinelSandbox() as sandbox:
        await heal(sandbox, 30.0)
        old = await sandbox.kill_primary()
        await sandbox.wait_for_primary(other_than=old)
        primary = await heal(sandbox, 30.0)
        assert primary is not old
        assert await agreed_primary(sandbox, 5.0) is primary
        assert old.running
        assert (await old.execute("ROLE"))[0] == "slave"  # type: ignore[index]


async def test_the_primary_that_a_failover_under_way_replaces_is_not_agreed_on() -> None:
    """All Sentinels still name it, and it still says that it is the primary."""
    async with SentinelSandbox() as sandbox:
        old = await sandbox.primary()
        await sandbox.failover()
        new = await agreed_primary(sandbox, 30.0)
        assert new is not old
        assert new is await sandbox.wait_for_primary(other_than=old)


async def test_a_cluster_is_made_whole_again() -> None:
    stage = ClusterStage(None)
    async with stage.sandbox as sandbox:
        keys = await stage.keys(3)
        await stage.heal(30.0)
        victim = await stage.victim()
        await strike("kill", victim.primary)
        promoted = await sandbox.wait_for_primary(other_than=victim.primary)
        await stage.heal(30.0)
        assert victim.primary.running
        assert victim.primary in await sandbox.replicas_of(promoted)
        holder = await stage.holder(30.0)
        assert {holder(key) for key in keys[0]} == {promoted}


@pytest.mark.parametrize(("writers", "at_home"), [(7, [2, 2, 3]), (2, [1, 1, 1])])
async def test_the_writers_of_a_cluster_divide_its_slots(writers: int, at_home: list[int]) -> None:
    stage = ClusterStage(None)
    async with stage.sandbox as sandbox:
        keys = await stage.keys(writers)
        slots = [key_slot(key.encode()) for own in keys for key in own]
        assert sorted(slots) == list(range(SLOT_COUNT))
        owners = await sandbox.owners()
        victims = [await stage.victim() for _ in at_home]
        assert [len(victim.writers) for victim in victims] == at_home
        for victim in victims:
            owned = {slot for slot, owner in owners.items() if owner is victim.primary}
            written = {key_slot(key.encode()) for writer in victim.writers for key in keys[writer]}
            assert owned <= written
            # A writer that is at home in one shard alone feels no other one's faults.
            assert owned == written or writers < len(victims)
        assert (await stage.victim()).primary is victims[0].primary


@pytest.mark.parametrize("stage", [SentinelStage, ClusterStage])
async def test_a_planned_failover_loses_and_repeats_nothing(stage: type[Stage]) -> None:
    result = await run_scenario("failover", stage=stage, writers=6, readers=2, before=0.5, after=0.5)
    assert result.recovered
    assert result.acknowledged > 0
    assert result.first_success_after_promotion is not None
    assert (result.lost, result.duplicates, result.errors, result.strangers) == (0, 0, 0, 0)
    assert (len(result.writer_outages), len(result.other_outages)) == ((6, 0), (2, 4))[stage is ClusterStage]


async def test_slots_that_move_under_load_lose_and_repeat_nothing() -> None:
    notes: list[str] = []
    settings = Settings(stage=ClusterStage, faults=("reshard",), writers=6, readers=2, before=0.5, after=0.5)
    trial = await run_trial(settings, lambda _, note: notes.append(note.text))
    (result,) = trial.scenarios
    assert result.recovered
    assert (result.lost, result.duplicates, result.in_doubt, result.errors) == (0, 0, 0, 0)
    assert len(result.phase.steps) == 2
    assert "redirected by MOVED: the slot map is refreshed" in notes


async def test_a_fault_that_the_deployment_does_not_know_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no reshard with one primary"):
        await run_scenario("reshard")


async def test_long_lists_and_many_keys_are_read_back() -> None:
    async with StandaloneSandbox() as sandbox:
        node = sandbox.node
        for first in range(0, 50_000, 10_000):
            await node.execute("RPUSH", "long", *range(first, first + 10_000))
        short = [f"key-{number}" for number in range(1200)]
        await node.ask(*(("RPUSH", key, number) for number, key in enumerate(short)))
        copies = await read_back([["long", "absent"], short], lambda _: node, [50_001, 1200])
    assert [bytes(found.counts) for found in copies] == [bytes([1] * 50_000 + [0]), bytes([1] * 1200)]
    assert [found.strangers for found in copies] == [0, 0]


class Careless:
    """Acknowledges the tenth write of each writer without sending it, and sends the twentieth twice."""

    in_doubt: tuple[type[Exception], ...] = ()
    repeats: tuple[float, ...] = ()

    def __init__(self, honest: Client) -> None:
        self._honest = honest

    async def append(self, key: str, number: int) -> None:
        for _ in range({10: 0, 20: 2}.get(number, 1)):
            await self._honest.append(key, number)

    async def read(self, key: str) -> None:
        await self._honest.read(key)


@asynccontextmanager
async def careless_client(
    sandbox: SentinelSandbox | ClusterSandbox, in_doubt: str, sink: EventSink
) -> AsyncIterator[Client]:
    async with managed_client(sandbox, in_doubt, sink) as honest:
        yield Careless(honest)


@pytest.mark.parametrize("stage", [SentinelStage, ClusterStage])
async def test_the_audit_finds_out_a_careless_client(stage: type[Stage]) -> None:
    settings = Settings(
        stage=stage,
        faults=("failover",),
        writers=3,
        readers=1,
        before=0.5,
        after=0.5,
        in_doubt="retry",
        client=careless_client,
    )
    result = await run_trial(settings)
    (scenario,) = result.scenarios
    assert (scenario.lost, scenario.duplicates) == (3, 3)
    assert {place for verdict in judge(result.scenarios, "retry") for place in verdict.broken} == {
        "failover: 3 acknowledged writes are gone",
        "failover: 3 writes too many",
    }
