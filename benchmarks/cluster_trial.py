"""One run of the cluster failover benchmark: servers, a client under load in another process, one fault."""

import asyncio
import pickle
import sys
import tempfile
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster_audit import Moments, Result, audit
from cluster_plan import SLOTS, AskRecord, Plan, Record, keys_by_slot
from raw import exchange
from serving import ServeProbe

from ha_manager.cli.promotion import PromotionProbe
from ha_manager.errors import HAError
from ha_manager.sandbox import ClusterSandbox, ServerProcess

FAULTS = ("kill", "failover", "hang", "reshard")
RESHARDED = 1000
LOAD = Path(__file__).resolve().parent / "cluster_load.py"
START_SECONDS = 30.0
PROMOTION_SECONDS = 30.0
# Beyond the time for which the process under load waits for its own tasks.
END_SECONDS = 60.0


class ClientFailedError(HAError):
    """The process under load did not start, or ended without a record."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is run.

    Attributes:
        server: the server program, see `ha_manager.sandbox.find_server`.
        client: the peer under test.
        policy: what it is told about writes in doubt.
        tasks, apart: see `Plan`.
        before: seconds of load before the fault.
        after: seconds of load after the promotion, and after a hung server goes on.
        hang: seconds that a hung server hangs.
    """

    server: str
    client: str
    policy: str
    tasks: int = 64
    apart: int = 16
    before: float = 1.0
    after: float = 2.0
    hang: float = 8.0


class Client:
    """The process under load."""

    def __init__(self, process: Process, result: Path) -> None:
        self._process = process
        self._result = result

    async def ready(self) -> None:
        """Wait until it is connected and runs."""
        assert self._process.stdout is not None
        async with asyncio.timeout(START_SECONDS):
            line = await self._process.stdout.readline()
        if line.strip() != b"ready":
            raise ClientFailedError("the process under load did not start")

    async def record(self) -> Any:
        """End the load, and fetch what it wrote down."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            async with asyncio.timeout(END_SECONDS):
                await self._process.wait()
        except TimeoutError:
            raise ClientFailedError(f"the process under load did not end within {END_SECONDS:g} s") from None
        if not self._result.exists():
            raise ClientFailedError(f"the process under load ended with status {self._process.returncode}")
        return pickle.loads(self._result.read_bytes())

    async def end(self) -> None:
        """Have it gone, whatever it does."""
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


@asynccontextmanager
async def client_process(settings: Settings, sandbox: ClusterSandbox, *more: str) -> AsyncIterator[Client]:
    """Start the process under load, and have it gone at the end."""
    nodes = [word for host, port in sandbox.startup_nodes for word in ("--node", host, str(port))]
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "record"
        command = (sys.executable, str(LOAD), "--client", settings.client, "--policy", settings.policy)
        # What a library prints is not for the protocol of this benchmark, nor for its report.
        process = await asyncio.create_subprocess_exec(
            *(*command, *nodes, "--result", str(result), *more), stdin=PIPE, stdout=PIPE, stderr=DEVNULL
        )
        client = Client(process, result)
        try:
            yield client
        finally:
            await client.end()


async def run_fault(fault: str, settings: Settings) -> Result:
    """Run one of `FAULTS` under load, and audit it.

    Raises:
        HAError: the servers or the client could not be started, or did not recover.
    """
    async with ClusterSandbox(server=settings.server) as sandbox:
        victim = await sandbox.owner(0)
        owners = await sandbox.owners()
        plan = Plan(settings.tasks, settings.apart, min(s for s in owners if owners[s] is not victim))
        await seed(owners)
        keys = keys_by_slot()
        witnesses = [(primary, keys[_slot_of(primary, owners)]) for primary in await sandbox.primaries()]
        witnesses = [(node, key) for node, key in witnesses if node is not victim]
        heirs = [(replica, keys[0]) for replica in await sandbox.replicas_of(victim)]
        more = ("--tasks", str(plan.tasks), "--apart", str(plan.apart), "--first", str(plan.first))
        async with (
            PromotionProbe(sandbox.nodes) as roles,
            ServeProbe([*witnesses, *heirs]) as serving,
            client_process(settings, sandbox, *more) as client,
        ):
            await client.ready()
            await asyncio.sleep(settings.before)
            moments = await _suffer(fault, settings, sandbox, victim, roles)
            await asyncio.sleep(settings.after)
            record: Record = await client.record()
        moments.heir_serves_at = serving.serves_from(moments.fault_at, [node for node, _ in heirs])
        moments.refused = serving.longest_refusal(moments.fault_at, [node for node, _ in witnesses])
        await sandbox.wait_healthy(END_SECONDS)
        return audit(fault, plan, record, await lists(await sandbox.owners()), moments)


def _slot_of(primary: ServerProcess, owners: dict[int, ServerProcess]) -> int:
    """A slot of this primary: its last, since the first ones may be on their way elsewhere."""
    return max(slot for slot, owner in owners.items() if owner is primary)


async def _suffer(
    fault: str, settings: Settings, sandbox: ClusterSandbox, victim: ServerProcess, roles: PromotionProbe
) -> Moments:
    moments = Moments(fault_at=time.monotonic())
    if fault == "kill":
        await victim.kill()
    elif fault == "failover":
        await sandbox.failover(victim)
    elif fault == "hang":
        await sandbox.pause(victim)
    else:
        other = next(node for node in await sandbox.primaries() if node is not victim)
        for owner in (other, victim):
            await sandbox.migrate_slots(range(RESHARDED), owner)
        moments.ended_at = time.monotonic()
        return moments
    change = await roles.promotion(after=moments.fault_at, other_than=victim.port, timeout=PROMOTION_SECONDS)
    if change is not None:
        moments.promoted_at, moments.promoted_not_before = change.at, change.not_before
    if fault == "hang":
        await asyncio.sleep(max(0.0, moments.fault_at + settings.hang - time.monotonic()))
        await sandbox.resume(victim)
    moments.demoted_at = next(
        (c.at for c in roles.changes if c.port == victim.port and c.role == "slave"), None
    )
    return moments


async def seed(owners: dict[int, ServerProcess]) -> None:
    """Have every list exist, so that every slot holds a key."""
    await _by_owner(owners, lambda key: ("RPUSH", key, "seed"))


async def lists(owners: dict[int, ServerProcess]) -> list[list[bytes]]:
    """What each slot's list holds, straight from the owners and not through the client under test."""
    return await _by_owner(owners, lambda key: ("LRANGE", key, "0", "-1"))


async def _by_owner(owners: dict[int, ServerProcess], command: Any) -> list[Any]:
    """The reply to a command on each slot's key."""
    keys, replies = keys_by_slot(), [None] * SLOTS
    for owner in set(owners.values()):
        own = [slot for slot in range(SLOTS) if owners[slot] is owner]
        found = await asyncio.to_thread(exchange, owner.address, [command(keys[slot]) for slot in own])
        for slot, reply in zip(own, found, strict=True):
            replies[slot] = reply
    return replies


async def run_ask(settings: Settings) -> tuple[AskRecord, int]:
    """The ASK scenario; returns its record, and how many of the keys the importing node holds.

    Raises:
        HAError: as `run_fault`.
    """
    async with ClusterSandbox(server=settings.server) as sandbox:
        owners = await sandbox.owners()
        await seed(owners)
        target = next(node for node in await sandbox.primaries() if node is not owners[0])
        own: Sequence[int] = [slot for slot in owners if owners[slot] is target]
        await sandbox.begin_migration(0, target)
        busy = ("--ask", "0", str(min(own)), str(max(own) + 1))
        async with client_process(settings, sandbox, *busy) as client:
            record: AskRecord = await client.record()
        stored = await target.execute("CLUSTER", "COUNTKEYSINSLOT", 0)
        assert isinstance(stored, int)
        return record, stored
