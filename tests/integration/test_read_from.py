"""Which node answers reads: verified by what each node itself counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import pytest_asyncio

from ha_manager import ConfigurationError, ConnectionManager, FailoverTimeoutError
from ha_manager.routing import Candidate
from ha_manager.sandbox import SentinelSandbox, ServerProcess
from tests.integration.proxy import proxied
from tests.integration.support import eventually

READS = 60


def options_of(sandbox: SentinelSandbox) -> dict[str, Any]:
    return {"cluster_name": sandbox.name, "sentinels": sandbox.sentinels}


@pytest_asyncio.fixture(loop_scope="session")
async def nodes(sentinel_set: SentinelSandbox) -> tuple[ServerProcess, ...]:
    """The primary and its two replicas, which all have ``key``; their counters are at zero."""
    primary, replicas = await sentinel_set.primary(), await sentinel_set.replicas()
    await primary.ask(("FLUSHALL",), ("SET", "key", "value"), ("WAIT", 2, 5000))
    for node in (primary, *replicas):
        await node.execute("CONFIG", "RESETSTAT")
    return primary, *replicas


async def counted(node: ServerProcess, command: str) -> int:
    """How often the node ran a command since its counters were reset."""
    for line in str(await node.execute("INFO", "commandstats")).splitlines():
        if line.startswith(f"cmdstat_{command}:"):
            return int(line.split("calls=")[1].split(",")[0])
    return 0


async def counts(nodes: Sequence[ServerProcess], command: str) -> list[int]:
    return [await counted(node, command) for node in nodes]


async def connected(manager: ConnectionManager) -> None:
    """Wait until the manager has connections to all three nodes, and has found the replicas in step."""
    await eventually(lambda: [n.state for n in manager.stats().nodes] == ["up"] * 3, "three nodes up")

    async def both_admitted() -> bool:
        seen: set[Any] = set()

        def look(candidates: Sequence[Candidate]) -> Sequence[Candidate]:
            seen.update(candidate.endpoint for candidate in candidates if not candidate.is_primary)
            return candidates

        await manager.with_options(read_from=look).exists("nothing")
        return len(seen) == 2

    await eventually(both_admitted, "both replicas admitted")


async def read(client: Any, times: int = READS) -> None:
    for _ in range(times):
        assert await client.get("key") == b"value"


async def test_primary(sentinel_set: SentinelSandbox, nodes: tuple[ServerProcess, ...]) -> None:
    async with await ConnectionManager.create(**options_of(sentinel_set)) as manager:
        await read(manager)
        assert len(manager.stats().nodes) == 1
    assert await counts(nodes, "get") == [READS, 0, 0]


async def test_replica(sentinel_set: SentinelSandbox, nodes: tuple[ServerProcess, ...]) -> None:
    async with await ConnectionManager.create(**options_of(sentinel_set), read_from="replica") as manager:
        await connected(manager)
        await read(manager)
    primary, *replicas = await counts(nodes, "get")
    assert primary == 0
    assert sorted(replicas) == [READS // 2, READS // 2]


async def test_prefer_replica(sentinel_set: SentinelSandbox, nodes: tuple[ServerProcess, ...]) -> None:
    async with await ConnectionManager.create(
        **options_of(sentinel_set), read_from="prefer_replica"
    ) as manager:
        await connected(manager)
        await read(manager)
    primary, *replicas = await counts(nodes, "get")
    assert primary == 0
    assert sum(replicas) == READS


async def test_nearest(sentinel_set: SentinelSandbox, nodes: tuple[ServerProcess, ...]) -> None:
    async with await ConnectionManager.create(**options_of(sentinel_set), read_from="nearest") as manager:
        await connected(manager)
        await manager.refresh()
        await eventually(
            lambda: all(node.latency is not None for node in manager.stats().nodes), "latencies measured"
        )
        await read(manager)
        assert all(node.latency is not None and node.latency > 0 for node in manager.stats().nodes)
    assert sum(await counts(nodes, "get")) == READS


async def test_nearest_avoids_a_node_that_is_far_away(
    sentinel_set: SentinelSandbox, nodes: tuple[ServerProcess, ...]
) -> None:
    delays = {node.address: 0.05 for node in nodes[:2]}  # only the second replica is near
    async with (
        proxied(nodes, delays) as proxies,
        await ConnectionManager.create(
            **options_of(sentinel_set), read_from="nearest", address_map=proxies.outside
        ) as manager,
    ):
        await connected(manager)
        await manager.refresh()
        await eventually(
            lambda: all(node.latency is not None for node in manager.stats().nodes), "latencies measured"
        )
        await read(manager)
    assert await counts(nodes, "get") == [0, 0, READS]


async def test_a_function(sentinel_set: SentinelSandbox, nodes: tuple[ServerProcess, ...]) -> None:
    chosen = nodes[2].address

    def only_the_chosen(candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        return [candidate for candidate in candidates if candidate.endpoint == chosen]

    async with await ConnectionManager.create(
        **options_of(sentinel_set), read_from=only_the_chosen
    ) as manager:
        await connected(manager)
        await read(manager)
    assert await counts(nodes, "get") == [0, 0, READS]


async def test_a_function_gets_the_primary_first_and_may_return_one(
    sentinel_set: SentinelSandbox, nodes: tuple[ServerProcess, ...]
) -> None:
    seen: list[list[bool]] = []

    def first(candidates: Sequence[Candidate]) -> Candidate:
        seen.append([candidate.is_primary for candidate in candidates])
        return candidates[0]

    async with await ConnectionManager.create(**options_of(sentinel_set), read_from=first) as manager:
        await connected(manager)
        seen.clear()
        await read(manager)
    assert seen == [[True, False, False]] * READS
    assert await counts(nodes, "get") == [READS, 0, 0]


async def test_a_function_that_returns_nonsense(sentinel_set: SentinelSandbox) -> None:
    async with await ConnectionManager.create(
        **options_of(sentinel_set), read_from=lambda _: "primary"
    ) as manager:
        with pytest.raises(ConfigurationError, match="read_from"):
            await manager.get("key")
        assert await manager.set("key", "value")


async def test_replicas_never_get_writes(
    sentinel_set: SentinelSandbox, nodes: tuple[ServerProcess, ...]
) -> None:
    async with await ConnectionManager.create(**options_of(sentinel_set), read_from="replica") as manager:
        await connected(manager)
        for node in nodes:
            await node.execute("CONFIG", "RESETSTAT")  # of what the handshake may have met with
        await asyncio.gather(*(manager.incr("counter") for _ in range(200)))
        await manager.eval("return redis.call('GET', KEYS[1])", 1, "key")
        await manager.lpush("list", 2, 1)
        await manager.sort("list", store="sorted")
        await manager.getex("key", ex=1000)
        untyped: Any = manager  # redis-py types the "self" of this one as its own client
        await untyped.bitfield("bits").get("u8", 0).execute()
        cursor, _ = await manager.scan(0, count=1000)
        assert cursor == 0
        with pytest.raises(Exception, match="unknown command"):
            await manager.execute_command("NOSUCH")
    for command in ("eval", "lpush", "sort", "getex", "bitfield", "scan"):
        assert await counted(nodes[0], command) == 1, command
    for node in nodes[1:]:
        # A replica also counts the writes that its primary passes on, but no errors and no reads for them.
        text = str(await node.execute("INFO", "errorstats"))
        assert "READONLY" not in text
        assert "ERR" not in text
        assert await counted(node, "eval") == 0
        assert await counted(node, "scan") == 0


async def test_views(sentinel_set: SentinelSandbox, nodes: tuple[ServerProcess, ...]) -> None:
    async with await ConnectionManager.create(
        **options_of(sentinel_set), read_from="prefer_replica"
    ) as manager:
        await connected(manager)
        await read(manager.with_options(read_from="primary"), 10)
        assert await counts(nodes, "get") == [10, 0, 0]
        await read(manager.with_options(read_from="replica"), 10)
        assert (await counts(nodes, "get"))[0] == 10
        second = nodes[1].address
        await read(
            manager.with_options(read_from=lambda found: [c for c in found if c.endpoint == second]), 10
        )
        assert (await counts(nodes, "get"))[1] == 15
        view = manager.with_options(command_timeout=3, failover_timeout=1, in_doubt="retry")
        await view.set("key", "changed")
        await manager.set("key", "value")


async def test_a_view_cannot_ask_for_connections_that_are_not_kept(sentinel_set: SentinelSandbox) -> None:
    async with await ConnectionManager.create(**options_of(sentinel_set)) as manager:
        with pytest.raises(ConfigurationError, match="read_from"):
            manager.with_options(read_from="replica")
        with pytest.raises(ConfigurationError, match="in_doubt"):
            manager.with_options(in_doubt="maybe")
        assert await manager.with_options(read_from="primary").ping()


@pytest_asyncio.fixture(loop_scope="session")
async def breakable(server_name: str) -> AsyncIterator[SentinelSandbox]:
    """A deployment of its own, whose replicas may be killed."""
    async with SentinelSandbox(server=server_name, sentinels=1) as sandbox:
        yield sandbox


async def test_without_replicas(breakable: SentinelSandbox) -> None:
    replicas = await breakable.replicas()
    async with await ConnectionManager.create(
        **options_of(breakable), read_from="prefer_replica", failover_timeout=20
    ) as manager:
        await manager.set("key", "value")
        await manager.wait(2, 5000)
        await connected(manager)
        only_replicas = manager.with_options(read_from="replica", failover_timeout=0.3)
        await read(only_replicas, 1)
        await breakable.kill(replicas[0])
        await read(manager)
        await breakable.kill(replicas[1])
        await read(manager)  # falls back to the primary
        with pytest.raises(FailoverTimeoutError, match="read_from"):
            await only_replicas.get("key")
        waiting = asyncio.ensure_future(manager.with_options(read_from="replica").get("key"))
        await breakable.restart(replicas[1])
        assert await asyncio.wait_for(waiting, 20) == b"value"


async def test_a_replica_that_restarted_is_not_read_before_it_follows_again(
    breakable: SentinelSandbox,
) -> None:
    """It comes back without data and answers at once; reading it would be reading from nowhere."""
    primary, (replica, other) = await breakable.primary(), await breakable.replicas()
    await breakable.kill(other)
    async with await ConnectionManager.create(
        **options_of(breakable), read_from="prefer_replica", failover_timeout=20
    ) as manager:
        await manager.set("key", "value")
        await manager.wait(1, 5000)

        async def read_from_it() -> bool:
            await read(manager, 1)
            return await counted(replica, "get") > 0

        await eventually(read_from_it, "reads from the replica")
        # Every synchronisation from now on begins so many seconds after it was asked for.
        await primary.execute("CONFIG", "SET", "repl-diskless-sync", "yes", "repl-diskless-sync-delay", 60)
        await breakable.restart(replica)
        await eventually(lambda: _state(manager, replica) == "up", "connected to the replica again")
        await read(manager)
        assert await counted(replica, "get") == 0
        await primary.execute("CONFIG", "SET", "repl-diskless-sync-delay", 0)
        await eventually(read_from_it, "reads from the replica again", timeout=20)


def _state(manager: ConnectionManager, node: ServerProcess) -> str:
    return {stats.endpoint: stats.state for stats in manager.stats().nodes}.get(node.address, "")  # type: ignore[call-overload,no-any-return]
