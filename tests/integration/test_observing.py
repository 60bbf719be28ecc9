"""What a manager tells of its deployment, and of the Sentinels' knowledge."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import redis.asyncio
from redis.exceptions import ResponseError

from ha_manager import ConfigurationError, ConnectionManager, Endpoint
from ha_manager.observe import Event, NodeDown, NodeUp, SentinelUp, TopologyChanged
from ha_manager.sandbox import SentinelSandbox, StandaloneSandbox
from tests.integration.parity_call import Call, call, difference
from tests.integration.support import address_of, eventually

PROTOCOLS = pytest.mark.parametrize("protocol", [2, 3])


def options_of(sandbox: SentinelSandbox, **more: Any) -> dict[str, Any]:
    return {"cluster_name": sandbox.name, "sentinels": sandbox.sentinels, **more}


async def test_topology(sentinel_set: SentinelSandbox) -> None:
    primary, replicas = await sentinel_set.primary(), await sentinel_set.replicas()
    async with await ConnectionManager.create(**options_of(sentinel_set)) as manager:
        topology = manager.topology
        assert isinstance(manager.primary, Endpoint)
        assert topology.primary == manager.primary == primary.address
        assert set(topology.replicas) == {replica.address for replica in replicas}
        assert topology.generation == 1
        assert topology.deployment.value == "sentinel"
        assert len(topology.nodes) == 3
        assert await manager.refresh() is topology  # nothing changed: the same snapshot
        with pytest.raises(AttributeError):
            topology.epoch = 7  # type: ignore[misc]


async def test_repr(sentinel_set: SentinelSandbox, empty: StandaloneSandbox) -> None:
    async with await ConnectionManager.create(**options_of(sentinel_set)) as manager:
        where = ":".join(map(str, (await sentinel_set.primary()).address))
        assert repr(manager) == f"<ConnectionManager mymaster primary={where} generation=1>"
    async with await ConnectionManager.create(**address_of(empty.node)) as manager:
        where = f"127.0.0.1:{empty.node.port}"
        assert repr(manager) == f"<ConnectionManager {where} primary={where} generation=1>"
    assert repr(manager) == f"<ConnectionManager {where} closed generation=1>"


async def test_stats(sentinel_set: SentinelSandbox) -> None:
    async with await ConnectionManager.create(
        **options_of(sentinel_set, read_from="prefer_replica")
    ) as manager:
        before = manager.stats()
        assert set(before.sentinels) == set(sentinel_set.sentinels)
        assert before.refreshes == {"start": 1}
        for _ in range(50):
            await manager.incr("counter")
        await manager.refresh()
        after = manager.stats()
        assert after.refreshes["user"] == 1
        assert (after.generation, after.primary, after.waiting) == (1, manager.primary, 0)
        assert (after.retried, after.in_doubt_raised, after.switches) == (0, 0, 0)
        roles = {node.endpoint: node.role for node in after.nodes}
        assert sorted(roles.values()) == ["primary", "replica", "replica"]
        assert roles[manager.primary] == "primary"  # type: ignore[index]
        (primary,) = [node for node in after.nodes if node.role == "primary"]
        assert (primary.state, primary.connections, primary.leased, primary.pending) == ("up", 1, 0, 0)
        assert primary.replies >= 50


async def test_events(sentinel_set: SentinelSandbox) -> None:
    heard: list[Event] = []
    async with await ConnectionManager.create(**options_of(sentinel_set)) as manager:
        stop = manager.add_listener(heard.append)
        stream = manager.events()
        read = asyncio.ensure_future(_all_of(stream))
        await eventually(lambda: sum(isinstance(e, SentinelUp) for e in heard) == 3, "all Sentinels up")
        stop()
        stop()
        await manager.refresh()
    streamed = await asyncio.wait_for(read, 5)  # ends with the manager
    assert streamed[: len(heard)] == heard
    assert all(event.at > 1e9 for event in streamed)


async def _all_of(stream: Any) -> list[Event]:
    return [event async for event in stream]


async def test_a_stream_that_nobody_reads_is_bounded(empty: StandaloneSandbox) -> None:
    async with await ConnectionManager.create(**address_of(empty.node)) as manager:
        stream = manager.events(limit=2)
        changes: list[type[Event]] = []
        manager.add_listener(lambda e: changes.append(type(e)) if isinstance(e, NodeDown | NodeUp) else None)
        for times in range(1, 4):
            await empty.node.execute("CLIENT", "KILL", "TYPE", "normal")
            # It may be connected again before anybody could look.
            await eventually(lambda times=times: changes == [NodeDown, NodeUp] * times, "connected again")
        assert await manager.ping()
        assert stream.dropped >= 4  # three times down and up, of which two are kept
        stream.close()
        kept = [event async for event in stream]
        assert len(kept) == 2
        assert any(isinstance(event, NodeUp | TopologyChanged) for event in kept)


async def test_a_listener_that_fails_is_harmless(empty: StandaloneSandbox) -> None:
    async with await ConnectionManager.create(**address_of(empty.node)) as manager:
        heard: list[Event] = []

        def broken(_event: Event) -> None:
            raise RuntimeError("a listener's own fault")

        manager.add_listener(broken)
        manager.add_listener(heard.append)
        await empty.node.execute("CLIENT", "KILL", "TYPE", "normal")
        await eventually(lambda: heard, "the other listener")
        assert await manager.ping()


@PROTOCOLS
@pytest.mark.parametrize("decode", [False, True])
async def test_as_in_asyncio_redis_ha(sentinel_set: SentinelSandbox, protocol: int, decode: bool) -> None:
    options = options_of(sentinel_set, protocol=protocol, decode_responses=decode)
    async with await ConnectionManager.create(**options) as manager:
        primary, replicas = await sentinel_set.primary(), await sentinel_set.replicas()
        assert await manager.get_master_addr_by_name() == primary.address
        assert await manager.get_master_addr_by_name("mymaster") == primary.address
        assert await manager.get_master_addr_by_name("nobody") is None
        slaves = await manager.slaves()
        assert {(slave["ip"], int(slave["port"])) for slave in slaves} == {r.address for r in replicas}
        assert all(type(text) is str for slave in slaves for pair in slave.items() for text in pair)
        others = await manager.sentinels("mymaster")
        assert len(others) == 2
        assert {(o["ip"], int(o["port"])) for o in others} < set(sentinel_set.sentinels)
        with pytest.raises(ResponseError, match="No such master"):
            await manager.slaves("nobody")
        role = await manager.role()
        assert role[0] in (b"master", "master")
        assert len(role[2]) == 2


SENTINEL_CALLS = [
    call("sentinel_masters"),
    call("sentinel_master", "mymaster"),
    call("sentinel_master", "nobody"),
    call("sentinel_slaves", "mymaster"),
    call("sentinel_sentinels", "mymaster"),
    call("sentinel_get_master_addr_by_name", "mymaster"),
    call("sentinel_get_master_addr_by_name", "nobody"),
    call("sentinel_ckquorum", "mymaster"),
    call("sentinel_ckquorum", "nobody"),
    call("execute_command", "SENTINEL", "MYID"),
    call("execute_command", "SENTINEL CKQUORUM", "mymaster"),
]


@PROTOCOLS
@pytest.mark.parametrize("one", SENTINEL_CALLS, ids=str)
async def test_redis_pys_sentinel_commands(sentinel_set: SentinelSandbox, one: Call, protocol: int) -> None:
    """As through redis-py connected to a Sentinel; times and counters in the answers differ."""
    host, port = sentinel_set.sentinels[0]
    async with (
        redis.asyncio.Redis(host=host, port=port, protocol=protocol, decode_responses=True) as stock,
        await ConnectionManager.create(**options_of(sentinel_set, protocol=protocol)) as manager,
    ):
        theirs, ours = await one.on(stock), await one.on(manager)
        found = difference(theirs, ours, shape_only=True)
        assert found is None, f"{one}: {found}"
        assert isinstance(ours, Exception) == ("nobody" in one.args and "addr" not in one.method)


async def test_without_sentinels_there_is_nobody_to_ask(empty: StandaloneSandbox) -> None:
    async with await ConnectionManager.create(**address_of(empty.node)) as manager:
        for ask in (manager.slaves, manager.sentinels, manager.get_master_addr_by_name):
            with pytest.raises(ConfigurationError, match="sentinels="):
                await ask()
        with pytest.raises(ResponseError):
            await manager.sentinel_masters()
        assert await manager.role() == [b"master", await _offset(manager), []]
        assert (await manager.refresh()).generation == 1


async def _offset(manager: ConnectionManager) -> int:
    return int((await manager.info("replication"))["master_repl_offset"])
