"""A cluster that changes: nodes come and go, and slots move, whole or half way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from cluster_witness import Witness, fill, misplaced
from redis.exceptions import ResponseError

from ha_manager.errors import ConfigurationError, DiscoveryError
from ha_manager.sandbox import ClusterSandbox
from ha_manager.sandbox.cluster_view import slot_of


@pytest_asyncio.fixture
async def sandbox(server: str) -> AsyncIterator[ClusterSandbox]:
    async with ClusterSandbox(server=server) as running:
        yield running


async def test_a_primary_comes_takes_slots_and_goes(sandbox: ClusterSandbox) -> None:
    keys = [f"key-{number}" for number in range(3000)]
    await fill(sandbox, keys)
    new = await sandbox.add_node()
    assert await sandbox.wait_healthy() == [*sandbox.nodes[:3], new]

    slots = [*range(300), *range(6000, 6300)]
    await sandbox.migrate_slots(slots, new)
    assert [await sandbox.owner(slot) for slot in (0, 299, 300)] == [new, new, sandbox.nodes[0]]
    assert await new.execute("DBSIZE") == sum(slot_of(key) in slots for key in keys)
    assert await misplaced(sandbox, keys) == []
    await sandbox.wait_healthy()

    with pytest.raises(ConfigurationError, match="node-7 owns 600 slots"):
        await sandbox.remove_node(new)
    await sandbox.migrate_slots(slots, sandbox.nodes[2])
    await sandbox.remove_node(new)
    assert not new.running
    assert new not in sandbox.nodes
    assert await sandbox.wait_healthy() == [sandbox.nodes[2], *sandbox.nodes[:2]]
    assert await misplaced(sandbox, keys) == []


async def test_a_replica_comes_and_goes(sandbox: ClusterSandbox) -> None:
    primary = sandbox.nodes[1]
    new = await sandbox.add_node(replica_of=primary)
    await sandbox.wait_healthy()
    assert await sandbox.replicas_of(primary) == [sandbox.nodes[4], new]
    assert await sandbox.failover(new) is new
    assert (await sandbox.wait_healthy())[1] is new
    await sandbox.remove_node(primary)
    assert await sandbox.replicas_of(new) == [sandbox.nodes[3]]
    await sandbox.wait_healthy()


async def test_a_primary_with_replicas_stays(sandbox: ClusterSandbox) -> None:
    new = await sandbox.add_node()
    replica = await sandbox.add_node(replica_of=new)
    await sandbox.wait_healthy()
    with pytest.raises(ConfigurationError, match="node-7 is the primary of node-8"):
        await sandbox.remove_node(new)
    await sandbox.remove_node(replica)
    await sandbox.remove_node(new)
    assert len(await sandbox.wait_healthy()) == 3


async def test_writers_do_not_notice_a_migration(sandbox: ClusterSandbox) -> None:
    slots = range(40)
    keys = [key for key in (f"k{number}" for number in range(20_000)) if slot_of(key) in slots]
    done = asyncio.Event()

    async def count_up(own: list[str]) -> None:
        witness, rounds = Witness(sandbox), 0
        while not (done.is_set() and rounds):
            rounds += 1
            for key in own:
                assert await witness.execute("INCR", key) == rounds

    async with asyncio.TaskGroup() as writers:
        for first in range(3):
            writers.create_task(count_up(keys[first::3]))
        await sandbox.migrate_slots(slots, sandbox.nodes[2], pause=0.005, batch=1)
        done.set()
    assert await sandbox.owner(0) is sandbox.nodes[2]
    assert await sandbox.nodes[2].execute("DBSIZE") == len(keys)


async def test_standing_in_the_middle_of_a_migration(sandbox: ClusterSandbox) -> None:
    source, target = sandbox.nodes[:2]
    key, other, missing = (f"{{06S}}{name}" for name in ("gone", "here", "missing"))
    await source.ask(("SET", key, "1"), ("SET", other, "2"))
    await sandbox.begin_migration(0, target)
    with pytest.raises(ConfigurationError, match="slot 0 is on its way already"):
        await sandbox.begin_migration(0, target)
    await sandbox.move_keys(0, key)

    ask = f"ASK 0 127.0.0.1:{target.port}"
    for absent in (key, missing):
        with pytest.raises(ResponseError, match=ask):
            await source.execute("GET", absent)
    assert await source.execute("GET", other) == "2"
    assert await target.ask(("ASKING",), ("GET", key)) == ["OK", "1"]
    with pytest.raises(ResponseError, match=f"MOVED 0 127.0.0.1:{source.port}"):
        await target.execute("GET", key)
    with pytest.raises(ResponseError, match="TRYAGAIN"):
        await source.execute("MGET", key, other)
    assert await sandbox.owner(0) is source

    await sandbox.finish_migration(0)
    assert await sandbox.owner(0) is target
    assert await target.execute("MGET", key, other) == ["1", "2"]
    with pytest.raises(ResponseError, match=f"MOVED 0 127.0.0.1:{target.port}"):
        await source.execute("GET", key)
    with pytest.raises(ConfigurationError, match="slot 0 is not on its way"):
        await sandbox.finish_migration(0)
    await sandbox.wait_healthy()


async def test_a_migration_that_is_cancelled(sandbox: ClusterSandbox) -> None:
    source, target = sandbox.nodes[:2]
    await source.ask(("SET", "{06S}gone", "1"), ("SET", "{06S}here", "2"))
    await sandbox.begin_migration(0, target)
    await sandbox.move_keys(0, b"{06S}gone")
    await sandbox.cancel_migration(0)
    assert await source.execute("MGET", "{06S}gone", "{06S}here") == ["1", "2"]
    assert await target.execute("DBSIZE") == 0
    await sandbox.migrate_slots([0], target)
    assert await target.execute("MGET", "{06S}gone", "{06S}here") == ["1", "2"]


async def test_keys_that_are_no_text_move_too(sandbox: ClusterSandbox) -> None:
    source, target = sandbox.nodes[:2]
    await source.execute("SET", b"{06S}\xff\x00\r\n", "kept")
    await sandbox.migrate_slots([0], target)
    assert await target.execute("GET", b"{06S}\xff\x00\r\n") == "kept"


async def test_slots_without_an_owner(sandbox: ClusterSandbox) -> None:
    slots = [0, 1, 7000]
    await sandbox.unassign(slots)
    for slot in slots:
        with pytest.raises(DiscoveryError, match=f"slot {slot} has no owner"):
            await sandbox.owner(slot)
    with pytest.raises(DiscoveryError, match="slot 7000 has no owner"):
        await sandbox.migrate_slots([2, 7000], sandbox.nodes[2])
    # With full coverage, all of the cluster refuses all commands.
    for node in sandbox.nodes[:3]:
        with pytest.raises(ResponseError, match="CLUSTERDOWN"):
            await node.execute("GET", "foo")
    await sandbox.assign([0, 1], sandbox.nodes[2])
    await sandbox.assign([7000], sandbox.nodes[1])
    assert await sandbox.owner(0) is sandbox.nodes[2]
    await sandbox.wait_healthy()
    with pytest.raises(ResponseError, match="MOVED"):
        await sandbox.nodes[0].execute("GET", "foo")


async def test_without_full_coverage_the_other_slots_go_on(server: str) -> None:
    async with ClusterSandbox(server=server, replicas=0, full_coverage=False) as sandbox:
        await sandbox.unassign([0])
        await sandbox.wait_healthy()
        with pytest.raises(ResponseError, match="CLUSTERDOWN Hash slot not served"):
            await sandbox.nodes[0].execute("GET", "{06S}")
        assert await sandbox.nodes[2].execute("SET", "foo", "bar") == "OK"
