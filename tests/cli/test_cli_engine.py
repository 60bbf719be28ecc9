"""The engine on real servers: the probe, a trial of the manager, and one of a careless client."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ha_manager.cli.client import EventSink, managed_client
from ha_manager.cli.healing import agreed_primary, heal
from ha_manager.cli.judgement import judge
from ha_manager.cli.promotion import PromotionProbe
from ha_manager.cli.trial import Settings, run_scenario, run_trial
from ha_manager.cli.workload import Client, clock
from ha_manager.sandbox import Credentials, SentinelSandbox, StandaloneSandbox


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


async def test_a_planned_failover_loses_and_repeats_nothing() -> None:
    result = await run_scenario("failover", writers=4, readers=2, before=0.5, after=0.5)
    assert result.recovered
    assert result.acknowledged > 0
    assert result.first_success_after_promotion is not None
    assert (result.lost, result.duplicates, result.errors, result.strangers) == (0, 0, 0, 0)
    assert len(result.writer_outages) == 4


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
async def careless_client(sandbox: SentinelSandbox, in_doubt: str, sink: EventSink) -> AsyncIterator[Client]:
    async with managed_client(sandbox, in_doubt, sink) as honest:
        yield Careless(honest)


async def test_the_audit_finds_out_a_careless_client() -> None:
    settings = Settings(
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
