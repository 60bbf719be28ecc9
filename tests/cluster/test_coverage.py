"""Slots without an owner, shards without slots, shards without replicas."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from redis.exceptions import SlotNotCoveredError

from ha_manager import ConnectionManager, FailoverTimeoutError, UncoveredSlotError
from ha_manager.sandbox import ClusterSandbox
from tests.cluster.cluster_support import admitted, counts, keys_in, one_key_each, reset_counts
from tests.conftest import SERVERS
from tests.integration.support import eventually, tasks_now


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=SERVERS)
async def gappy(request: pytest.FixtureRequest) -> AsyncIterator[ClusterSandbox]:
    """A cluster that goes on where slots have no owner."""
    async with ClusterSandbox(server=request.param, replicas=0, full_coverage=False) as sandbox:
        yield sandbox


async def test_full_coverage_asked_for(gappy: ClusterSandbox) -> None:
    seeds = gappy.startup_nodes
    async with await ConnectionManager.create(startup_nodes=seeds, require_full_coverage=True) as manager:
        assert await manager.ping()
    await gappy.unassign([7])
    before = tasks_now()
    with pytest.raises(UncoveredSlotError, match="1 of 16384 slots"):
        await ConnectionManager.create(startup_nodes=seeds, require_full_coverage=True)
    assert tasks_now() == before
    async with await ConnectionManager.create(startup_nodes=seeds) as manager:
        assert await manager.ping()
    await gappy.assign([7], gappy.nodes[0])


async def test_slots_without_an_owner(gappy: ClusterSandbox) -> None:
    lost, *others = keys_in([100, 101, 8000, 16000])
    async with await ConnectionManager.create(startup_nodes=gappy.startup_nodes) as manager:
        await manager.mset_nonatomic(dict.fromkeys([lost, *others], "value"))
        await gappy.unassign([100])
        # The client's map is old: the node tells it.
        with pytest.raises(UncoveredSlotError, match="slot 100") as caught:
            await manager.set(lost, "value")
        assert isinstance(caught.value, SlotNotCoveredError)
        assert manager.topology.covered == 16383
        # Now it knows, and asks again only once for each command.
        for call in (manager.get(lost), manager.blpop(lost, timeout=1), manager.eval("return 1", 1, lost)):
            with pytest.raises(UncoveredSlotError, match="slot 100"):
                await call
        for key in others:
            assert await manager.get(key) == b"value"
        with pytest.raises(UncoveredSlotError) as caught:
            await manager.mget(*others, lost)
        assert caught.value.failed_keys == (lost,)  # type: ignore[attr-defined]
        with pytest.raises(UncoveredSlotError):
            await manager.delete(lost, others[2])
        assert await manager.exists(*others) == 2
        assert manager.get_node_from_key(lost) is None
        await manager.flushall()
        await gappy.assign([100], gappy.nodes[2])
        assert await manager.set(lost, "found again")
        assert await manager.get(lost) == b"found again"
        assert manager.topology.covered == 16384


async def test_a_cluster_that_refuses_everything() -> None:
    """With full coverage asked of the nodes, they all say CLUSTERDOWN: commands wait for them."""
    async with ClusterSandbox(server=SERVERS[0], replicas=0) as sandbox:
        key = one_key_each(sandbox)[2]
        async with await ConnectionManager.create(startup_nodes=sandbox.startup_nodes) as manager:
            await manager.set(key, "value")
            await sandbox.unassign([100])
            with pytest.raises(FailoverTimeoutError, match="The cluster is down"):
                await manager.with_options(failover_timeout=0.3).get(key)
            waiting = [asyncio.ensure_future(manager.incr(f"{{{key}}}counter")) for _ in range(50)]
            await eventually(lambda: manager.stats().waiting == 50, "all of them wait")
            await sandbox.assign([100], sandbox.nodes[0])
            assert sorted(await asyncio.gather(*waiting)) == list(range(1, 51))


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=SERVERS)
async def small(request: pytest.FixtureRequest) -> AsyncIterator[ClusterSandbox]:
    async with ClusterSandbox(server=request.param, primaries=3, replicas=1) as sandbox:
        yield sandbox


async def test_a_shard_without_slots_and_then_with(small: ClusterSandbox) -> None:
    keys = one_key_each(small)
    async with await ConnectionManager.create(startup_nodes=small.startup_nodes) as manager:
        await manager.mset(dict.fromkeys(keys, "value"))
        new = await small.add_node()
        await manager.refresh()
        assert manager.get_node(*new.address) in manager.get_primaries()
        # It takes part in what goes everywhere, and nothing else goes there.
        assert await manager.dbsize() == 3
        assert await manager.ping(target_nodes="primaries")
        assert len(await manager.config_get("port", target_nodes="primaries")) == 4
        assert sorted([key async for key in manager.scan_iter()]) == sorted(key.encode() for key in keys)
        await reset_counts([new])
        assert await manager.mget(keys) == [b"value"] * 3
        manager.set_default_node(new.address)
        assert (await manager.info("server"))["tcp_port"] == new.port
        assert await manager.eval("return 1", 0) == 1
        assert await counts([new], "mget") == [0]
        slots = [manager.keyslot(key) for key in keys[:2]]
        await small.migrate_slots(slots, new)
        assert await manager.mget(keys) == [b"value"] * 3
        await manager.refresh()
        assert manager.get_node_from_key(keys[0]) == manager.get_node(*new.address)
        await reset_counts([new])
        assert await manager.mget(keys) == [b"value"] * 3
        assert await counts([new], "mget") == [2]
        # And away again.
        for slot, old in zip(slots, small.nodes, strict=False):
            await small.migrate_slots([slot], old)
        assert await manager.mget(keys) == [b"value"] * 3
        await small.remove_node(new)
        assert await manager.mget(keys) == [b"value"] * 3
        assert await manager.dbsize() == 3
        await manager.refresh()
        assert len(manager.get_primaries()) == 3
        assert manager.get_default_node() in manager.get_primaries()


async def test_a_shard_without_replicas(small: ClusterSandbox) -> None:
    keys = one_key_each(small)
    removed = (await small.replicas_of(small.nodes[0]))[0]
    await small.remove_node(removed)
    async with await ConnectionManager.create(
        startup_nodes=small.startup_nodes, read_from="prefer_replica"
    ) as manager:
        assert len(manager.get_replicas()) == 2
        await manager.with_options(read_from="primary").mset(dict.fromkeys(keys, "value"))
        await manager.wait(0, 1)
        await admitted(manager, keys[1:])
        await reset_counts(small.nodes)
        await manager.mget(keys)
        assert await counts(small.nodes[:3], "mget") == [1, 0, 0]
        with pytest.raises(FailoverTimeoutError, match="read_from"):
            await manager.with_options(read_from="replica", failover_timeout=0.2).get(keys[0])
        assert manager.get_node_from_key(keys[0], replica=True) is None
        # One comes: it is found and read.
        added = await small.add_node(replica_of=small.nodes[0])
        await small.wait_healthy()
        await manager.refresh()
        await admitted(manager, keys)
        await reset_counts(small.nodes)
        assert await manager.get(keys[0]) == b"value"
        assert await counts([small.nodes[0], added], "get") == [0, 1]
