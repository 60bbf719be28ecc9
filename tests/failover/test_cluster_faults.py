"""A cluster under full load: a primary is killed, hangs, is replaced by plan; slots and nodes move."""

from __future__ import annotations

import asyncio

import pytest

from ha_manager import ConnectionManager
from ha_manager.observe import PrimarySwitched
from ha_manager.routing import SLOT_COUNT
from ha_manager.sandbox import ClusterSandbox
from tests.failover.cluster_load import Audit, ClusterLoad, keys_in
from tests.failover.load import eventually

KEYS = keys_in(range(0, SLOT_COUNT, 32))
HANG = 2.0


async def _manager(sandbox: ClusterSandbox, **options: object) -> ConnectionManager:
    return await ConnectionManager.create(startup_nodes=sandbox.startup_nodes, **options)


async def _settled(sandbox: ClusterSandbox, manager: ConnectionManager, load: ClusterLoad) -> Audit:
    await sandbox.wait_healthy()
    await manager.refresh()
    assert manager.topology.covered == SLOT_COUNT
    return await load.audit()


@pytest.mark.parametrize("in_doubt", ["raise", "retry"])
async def test_a_killed_primary(server_name: str, in_doubt: str) -> None:
    async with (
        ClusterSandbox(server=server_name) as sandbox,
        await _manager(sandbox, in_doubt=in_doubt) as manager,
    ):
        switches: list[object] = []
        manager.add_listener(lambda e: switches.append(e) if isinstance(e, PrimarySwitched) else None)
        async with ClusterLoad(manager, KEYS) as load:
            await load.progress()
            killed = await sandbox.kill_primary(0)
            new = await sandbox.wait_for_primary(0, other_than=killed)
            await load.progress()
        assert [(s.old, s.new, s.slots) for s in switches] == [(killed.address, new.address, (range(5461),))]
        await sandbox.restart(killed)
        audit = await _settled(sandbox, manager, load)
    assert load.errors == []
    assert (load.in_doubt == []) == (in_doubt == "retry")
    assert len(load.in_doubt) <= load.writers
    assert audit.unexplained == []
    assert audit.twice == [] or in_doubt == "retry"


async def test_a_planned_failover_there_and_back(server_name: str) -> None:
    async with ClusterSandbox(server=server_name) as sandbox, await _manager(sandbox) as manager:
        async with ClusterLoad(manager, KEYS) as load:
            await load.progress()
            for _ in range(2):
                new = await sandbox.failover(0)
                await eventually(lambda new=new: manager.get_node_from_key(KEYS[0]).endpoint == new.address)
                await load.progress()
                await sandbox.wait_healthy()
        audit = await _settled(sandbox, manager, load)
    assert (load.errors, load.in_doubt) == ([], [])
    assert (audit.lost, audit.twice, audit.unexplained) == ([], [], [])


async def test_writes_that_were_put_off_go_to_the_successor_at_once(server_name: str) -> None:
    """The old primary's pause outlasts the failover: it would redirect what it was sent much later."""
    key = KEYS[0]
    async with ClusterSandbox(server=server_name) as sandbox, await _manager(sandbox) as manager:
        old = await sandbox.owner(manager.keyslot(key))
        (replica,) = await sandbox.replicas_of(old)
        await manager.rpush(key, "before")
        await old.execute("CLIENT", "PAUSE", "20000", "WRITE")
        writes = [asyncio.create_task(manager.rpush(key, f"put off {i}")) for i in range(3)]
        await asyncio.sleep(0.1)
        assert not any(write.done() for write in writes)
        await replica.execute("CLUSTER", "FAILOVER", "TAKEOVER")
        async with asyncio.timeout(10):
            await asyncio.gather(*writes)
        kept = await manager.lrange(key, 0, -1)
        assert sorted(kept) == sorted([b"before", *(b"put off %d" % i for i in range(3))])
        await old.execute("CLIENT", "UNPAUSE")
        await sandbox.wait_healthy()
        assert await manager.lrange(key, 0, -1) == kept


@pytest.mark.parametrize("in_doubt", ["raise", "retry"])
async def test_a_primary_that_hangs(server_name: str, in_doubt: str) -> None:
    async with (
        ClusterSandbox(server=server_name) as sandbox,
        await _manager(sandbox, in_doubt=in_doubt) as manager,
    ):
        async with ClusterLoad(manager, KEYS) as load:
            await load.progress()
            hung = await sandbox.pause_primary(0)
            await sandbox.wait_for_primary(0, other_than=hung)
            await load.progress()
            await asyncio.sleep(HANG)
            await sandbox.resume(hung)
            await load.progress()
        audit = await _settled(sandbox, manager, load)
    assert load.errors == []
    assert (load.in_doubt == []) == (in_doubt == "retry")
    assert (audit.lost, audit.unexplained) == ([], [])
    assert audit.twice == [] or in_doubt == "retry"


async def test_slots_that_move_there_and_back(server_name: str) -> None:
    slots = range(320)
    keys = keys_in(slots)
    async with ClusterSandbox(server=server_name, replicas=0) as sandbox, await _manager(sandbox) as manager:
        first, second, _ = await sandbox.primaries()
        async with ClusterLoad(manager, keys) as load:
            await load.progress()
            await sandbox.migrate_slots(slots, second)
            await load.progress()
            await sandbox.migrate_slots(slots, first)
            await load.progress()
        audit = await _settled(sandbox, manager, load)
        refreshes = sum(manager.stats().refreshes.values())
    assert (load.errors, load.in_doubt) == ([], [])
    assert (audit.lost, audit.twice, audit.unexplained) == ([], [], [])
    # Each of the 640 moves redirected commands; the map was fetched at a pace of its own.
    assert refreshes < len(slots)


async def test_a_slot_half_way(server_name: str) -> None:
    """A thousand writes that each need ASK, beside readers who keep the importing node busy."""
    async with ClusterSandbox(server=server_name, replicas=0) as sandbox, await _manager(sandbox) as manager:
        source, target, _ = await sandbox.primaries()
        busy = next(key for key in KEYS if manager.get_node_from_key(key).endpoint == target.address)
        slot = manager.keyslot("{moving}")
        if await sandbox.owner(slot) is not source:
            await sandbox.migrate_slots([slot], source)
            await manager.refresh()
        await manager.set(busy, "here")
        await sandbox.begin_migration(slot, target)
        stopped = asyncio.Event()

        async def read() -> None:
            while not stopped.is_set():
                assert await manager.get(busy) == b"here"

        async def write(task: int) -> int:
            return sum([await manager.set(f"{{moving}}:{task}:{i}", "v") for i in range(200)])

        readers = [asyncio.create_task(read()) for _ in range(20)]
        written = await asyncio.gather(*(write(task) for task in range(5)))
        stopped.set()
        await asyncio.gather(*readers)
        assert sum(written) == 1000
        assert manager.get_node_from_key("{moving}").endpoint == source.address, "ASK moves no slot"
        await sandbox.finish_migration(slot)
        keys = [f"{{moving}}:{task}:{i}" for task in range(5) for i in range(200)]
        stored = await asyncio.gather(*map(manager.get, keys))
    assert stored == [b"v"] * 1000


@pytest.mark.parametrize("in_doubt", ["raise", "retry"])
async def test_every_node_is_replaced_under_load(server_name: str, in_doubt: str) -> None:
    async with (
        ClusterSandbox(server=server_name, replicas=0) as sandbox,
        await _manager(sandbox, in_doubt=in_doubt) as manager,
    ):
        originals = await sandbox.primaries()
        async with ClusterLoad(manager, KEYS, writers=16) as load:
            await load.progress()
            for old in originals:
                new = await sandbox.add_node()
                await sandbox.migrate_slots(_slots_of(manager, old.address), new)
                if in_doubt == "raise":
                    # What a node that ends was sent and did not answer is in doubt, also if all that the
                    # node would have said is MOVED: it may end once its slots are known to be elsewhere.
                    await eventually(lambda old=old: not _slots_of(manager, old.address))
                await load.progress()
                await sandbox.remove_node(old)
                await load.progress()
        audit = await _settled(sandbox, manager, load)
        present = {node.endpoint for node in manager.get_nodes()}
        assert present.isdisjoint({old.address for old in originals})
    assert (load.errors, load.in_doubt) == ([], [])
    assert (audit.lost, audit.twice, audit.unexplained) == ([], [], [])


def _slots_of(manager: ConnectionManager, address: object) -> list[int]:
    shards = [s for s in manager.topology.shards if s.primary is not None and s.primary.endpoint == address]
    return [slot for shard in shards for owned in shard.slots for slot in owned]
