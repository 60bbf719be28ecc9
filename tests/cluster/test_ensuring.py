"""Writes that count only once replicas, or disks, have them: in clusters, behind Sentinels, on a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from redis.exceptions import ResponseError

from ha_manager import ConfigurationError, ConnectionManager, ReplicationError, UnsafeCommandError
from ha_manager.sandbox import ClusterSandbox, SentinelSandbox, ServerProcess, StandaloneSandbox
from tests.cluster.cluster_support import counts, one_key_each, reset_counts
from tests.conftest import SERVERS
from tests.integration.support import address_of, eventually


@pytest_asyncio.fixture(loop_scope="session")
async def primaries(cluster: ClusterSandbox) -> tuple[ServerProcess, ...]:
    """The primaries, their counters at zero."""
    await reset_counts(cluster.nodes)
    return cluster.nodes[:3]


async def waits(nodes: tuple[ServerProcess, ...]) -> list[int]:
    return await counts(nodes, "wait")


async def test_each_write_waits_and_no_read(
    manager: ConnectionManager, cluster: ClusterSandbox, primaries: Any
) -> None:
    keys = one_key_each(cluster)
    with manager.ensure_replication(replicas=1, timeout_ms=2000) as same:
        assert same is manager
        for key in keys:
            assert await manager.set(key, "value") is True
            assert await manager.get(key) == b"value"
        assert await manager.incr(f"{{{keys[0]}}}counter") == 1
    assert await waits(primaries) == [2, 1, 1]
    await manager.set(keys[0], "after the block")
    assert await waits(primaries) == [2, 1, 1]
    for key, replica in zip(keys[1:], cluster.nodes[4:], strict=True):
        value = await replica.ask(("READONLY",), ("GET", key))
        assert value == ["OK", "value"]


async def test_too_few(manager: ConnectionManager) -> None:
    with manager.ensure_replication(replicas=2, timeout_ms=20):
        with pytest.raises(ReplicationError, match="SET ran, but only 1") as caught:
            await manager.set("key", "value")
        assert (caught.value.result, caught.value.confirmed) == (b"OK", 1)
        with pytest.raises(ReplicationError) as caught:
            await manager.incr("counter")
        assert (caught.value.result, caught.value.confirmed) == (1, 1)
        assert isinstance(caught.value, ResponseError)
    assert await manager.mget("key", "counter") == [b"value", b"1"]


async def test_in_tasks_that_are_started_within(
    manager: ConnectionManager, cluster: ClusterSandbox, primaries: Any
) -> None:
    keys = one_key_each(cluster)
    go_on = asyncio.Event()

    async def outside() -> None:
        await go_on.wait()
        await manager.set(keys[2], "from a task that is older than the block")

    older = asyncio.create_task(outside())
    with manager.ensure_replication(timeout_ms=2000):
        async with asyncio.TaskGroup() as group:
            for number in range(30):
                group.create_task(manager.execute_command("SET", f"{{{keys[0]}}}{number}", number))
            go_on.set()
        await older
    assert await waits(primaries) == [30, 0, 0]


async def test_nested(manager: ConnectionManager, cluster: ClusterSandbox, primaries: Any) -> None:
    key = one_key_each(cluster)[0]
    with manager.ensure_replication(replicas=1, timeout_ms=2000):
        with manager.ensure_replication(replicas=2, timeout_ms=10):
            with pytest.raises(ReplicationError):
                await manager.set(key, "inner")
        assert await manager.set(key, "outer")
        with pytest.raises(ZeroDivisionError), manager.ensure_replication(replicas=2, timeout_ms=10):
            1 / 0  # noqa: B018
        assert await manager.set(key, "after an error")
    assert await manager.set(key, "outside")
    assert await waits(primaries) == [3, 0, 0]


async def test_clients_are_told_one_by_one(cluster: ClusterSandbox, primaries: Any) -> None:
    key = one_key_each(cluster)[0]
    async with (
        await ConnectionManager.create(startup_nodes=cluster.startup_nodes) as one,
        await ConnectionManager.create(startup_nodes=cluster.startup_nodes) as other,
    ):
        view = one.with_options(in_doubt="retry")
        with one.ensure_replication(timeout_ms=2000):
            await other.set(key, "value")
            await view.set(key, "value")
            assert await waits(primaries) == [0, 0, 0]
            with view.ensure_replication(replicas=1, timeout_ms=2000):
                await view.set(key, "value")
                await one.set(key, "value")
                assert await waits(primaries) == [2, 0, 0]


async def test_blocking_commands(manager: ConnectionManager, cluster: ClusterSandbox, primaries: Any) -> None:
    key = one_key_each(cluster)[0]
    with manager.ensure_replication(timeout_ms=2000):
        await manager.rpush(key, "a")
        assert await manager.blpop(key, timeout=5) == (key.encode(), b"a")
        waiting = asyncio.ensure_future(manager.blpop(key, timeout=5))
        await eventually(lambda: _blocked(primaries[0]), "BLPOP waits at the server")
        await manager.rpush(key, "b")
        assert await waiting == (key.encode(), b"b")
        assert await manager.blpop(key, timeout=0.02) is None
    assert await waits(primaries) == [5, 0, 0]


async def _blocked(node: ServerProcess) -> bool:
    return "blocked_clients:1" in str(await node.execute("INFO", "clients"))


async def test_split_commands_and_fan_out(
    manager: ConnectionManager, cluster: ClusterSandbox, primaries: Any
) -> None:
    keys = one_key_each(cluster)
    with manager.ensure_replication(timeout_ms=2000):
        assert await manager.mset(dict.fromkeys(keys, "value"))
        assert await waits(primaries) == [1, 1, 1]
        assert await manager.delete(*keys, "missing") == 3
        assert sum(await waits(primaries)) == 7
        await manager.mset_nonatomic(dict.fromkeys(keys, "value"))
        assert await manager.flushall()
        assert sum(await waits(primaries)) == 13
    with manager.ensure_replication(replicas=2, timeout_ms=10), pytest.raises(ReplicationError) as caught:
        await manager.mset(dict.fromkeys(keys, "value"))
    assert set(caught.value.failed_keys) == set(keys)  # type: ignore[attr-defined]
    assert await manager.mget(keys) == [b"value"] * 3


async def test_an_error_is_the_command_s_own(manager: ConnectionManager, cluster: ClusterSandbox) -> None:
    await manager.set("text", "value")
    with manager.ensure_replication(replicas=2, timeout_ms=5000):
        with pytest.raises(ResponseError, match="WRONGTYPE"):
            await manager.lpush("text", "x")
        with pytest.raises(UnsafeCommandError):
            await manager.execute_command("MULTI")
        with pytest.raises(ResponseError, match="unknown command"):
            await manager.execute_command("NOSUCH", "text")
    with manager.ensure_replication(replicas=1, timeout_ms=2000):
        assert await manager.set("text", "another")


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("ensure_replication", {"replicas": 0}),
        ("ensure_replication", {"replicas": "1"}),
        ("ensure_replication", {"replicas": True}),
        ("ensure_replication", {"timeout_ms": 0}),
        ("ensure_replication", {"timeout_ms": 1.5}),
        ("ensure_persistence", {"local": 2}),
        ("ensure_persistence", {"replicas": -1}),
        ("ensure_persistence", {"timeout_ms": -1}),
    ],
)
async def test_values_that_make_no_sense(
    manager: ConnectionManager, method: str, options: dict[str, Any]
) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        with getattr(manager, method)(**options):
            raise AssertionError("the block was entered")


# Other deployments


async def test_behind_sentinels(sentinel_set: SentinelSandbox) -> None:
    primary = await sentinel_set.primary()
    async with await ConnectionManager.create(
        cluster_name=sentinel_set.name, sentinels=sentinel_set.sentinels
    ) as manager:
        await reset_counts([primary])
        with manager.ensure_replication(replicas=2, timeout_ms=5000):
            assert await manager.set("key", "value")
            assert await manager.mset({"a": 1, "b": 2})
            assert await manager.get("key") == b"value"
        assert await waits((primary,)) == [2]
        for replica in await sentinel_set.replicas():
            assert await replica.execute("MGET", "key", "a") == ["value", "1"]
        with manager.ensure_replication(replicas=3, timeout_ms=20):
            with pytest.raises(ReplicationError) as caught:
                await manager.incr("counter")
        assert (caught.value.result, caught.value.confirmed) == (1, 2)


async def test_a_single_server_has_no_replicas(standalone: StandaloneSandbox) -> None:
    async with await ConnectionManager.create(**address_of(standalone.node)) as manager:
        with manager.ensure_replication(timeout_ms=20), pytest.raises(ReplicationError) as caught:
            await manager.set("key", "value")
        assert (caught.value.result, caught.value.confirmed) == (b"OK", 0)
        assert await manager.get("key") == b"value"


# On disk


@pytest_asyncio.fixture(params=SERVERS)
async def with_files(request: pytest.FixtureRequest) -> AsyncIterator[ClusterSandbox]:
    """One shard of two nodes that write every command to their disks."""
    config = {"appendonly": "yes", "appendfsync": "always"}
    async with ClusterSandbox(server=request.param, primaries=1, config=config) as sandbox:
        yield sandbox


async def test_on_disk(with_files: ClusterSandbox) -> None:
    async with await ConnectionManager.create(startup_nodes=with_files.startup_nodes) as manager:
        known = await _knows_waitaof(with_files)
        with manager.ensure_persistence(local=1, replicas=1, timeout_ms=5000):
            if not known:
                with pytest.raises(ReplicationError, match="SET ran, but unknown command"):
                    await manager.set("key", "value")
                return
            assert await manager.set("key", "value")
            assert await manager.get("key") == b"value"
        assert await counts(with_files.nodes[:1], "waitaof") == [1]
        with manager.ensure_persistence(local=1, replicas=2, timeout_ms=20):
            with pytest.raises(ReplicationError) as caught:
                await manager.incr("counter")
        # A replica tells what is on its disk once in a while only.
        assert caught.value.result == 1
        assert caught.value.confirmed in ((1, 0), (1, 1))


async def _knows_waitaof(sandbox: ClusterSandbox) -> bool:
    reply: Any = await sandbox.nodes[0].execute("COMMAND", "INFO", "WAITAOF")
    return reply[0] is not None
