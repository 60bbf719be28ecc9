"""A cluster: its start, its questions, its options, and its faults."""

from __future__ import annotations

from typing import Any

import pytest
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.exceptions import ResponseError

from ha_manager.errors import ConfigurationError, DiscoveryError, FailoverTimeoutError
from ha_manager.sandbox import ClusterSandbox, ServerProcess, available_servers, find_server

WITH_TLS = [name for name in available_servers() if find_server(name).supports_tls()]


def client(sandbox: ClusterSandbox, **options: Any) -> RedisCluster:
    """redis-py's client of the cluster."""
    nodes = [ClusterNode(host, port) for host, port in sandbox.startup_nodes]
    return RedisCluster(startup_nodes=nodes, decode_responses=True, **options)


async def role(node: ServerProcess) -> tuple[object, ...]:
    """A node's role by its own word, with its primary's port if it has one."""
    reply = await node.execute("ROLE")
    assert isinstance(reply, list)
    return (reply[0], reply[2]) if reply[0] == "slave" else (reply[0],)


async def test_is_healthy_when_entered(server: str) -> None:
    async with ClusterSandbox(server=server) as sandbox:
        primaries = await sandbox.primaries()
        assert primaries == list(sandbox.nodes[:3])
        assert await sandbox.replicas() == list(sandbox.nodes[3:])
        assert [await sandbox.owner(slot) for slot in (0, 5461, 16383)] == primaries
        assert await sandbox.owner("{user}:1") is await sandbox.owner(b"user")
        for primary in primaries:
            (replica,) = await sandbox.replicas_of(primary)
            assert await role(replica) == ("slave", primary.port)

        assert sandbox.startup_nodes == [node.address for node in sandbox.nodes]
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in sandbox.nodes)
        assert sandbox.url == f"redis+cluster://{hosts}"
        for node in sandbox.nodes:
            assert await node.execute("CLUSTER", "MYID") == sandbox.node_id(node)
            setting = await node.execute("CONFIG", "GET", "cluster-require-full-coverage")
            assert setting == ["cluster-require-full-coverage", "yes"]
        async with client(sandbox) as redis:
            assert all([await redis.set(f"key-{number}", number) for number in range(100)])


@pytest.mark.parametrize(("primaries", "replicas"), [(1, 2), (4, 0)])
async def test_other_shapes(server: str, primaries: int, replicas: int) -> None:
    async with ClusterSandbox(server=server, primaries=primaries, replicas=replicas) as sandbox:
        found = await sandbox.wait_healthy()
        assert found == list(sandbox.nodes[:primaries])
        assert len(await sandbox.replicas_of(found[0])) == replicas
        if not replicas:
            with pytest.raises(DiscoveryError, match="node-1 has no replica that runs"):
                await sandbox.failover(0)


async def test_a_killed_primary_is_replaced_and_comes_back_as_a_replica(server: str) -> None:
    async with ClusterSandbox(server=server) as sandbox:
        old = await sandbox.kill_primary(6000)
        assert not old.running
        assert old is sandbox.nodes[1]
        assert await sandbox.owner(6000) is old
        new = await sandbox.wait_for_primary(6000, other_than=old)
        assert new is sandbox.nodes[4]
        assert await sandbox.wait_healthy() == [sandbox.nodes[0], new, sandbox.nodes[2]]
        await sandbox.restart(old)
        assert await sandbox.wait_healthy() == [sandbox.nodes[0], new, sandbox.nodes[2]]
        assert await role(old) == ("slave", new.port)


async def test_a_paused_primary_is_replaced_and_resumes_as_a_replica(server: str) -> None:
    async with ClusterSandbox(server=server) as sandbox:
        old = await sandbox.pause_primary()
        assert old.paused
        new = await sandbox.wait_for_primary(other_than=old)
        await sandbox.resume()
        assert (await sandbox.wait_healthy())[0] is new
        assert await role(old) == ("slave", new.port)


async def test_ordered_failovers(server: str) -> None:
    async with ClusterSandbox(server=server) as sandbox:
        first, second = sandbox.nodes[0], sandbox.nodes[3]
        await first.execute("SET", "{06S}key", "kept")  # of slot 0
        assert await sandbox.failover(0) is second
        assert await sandbox.owner("{06S}key") is second
        assert await second.execute("GET", "{06S}key") == "kept"
        await sandbox.wait_healthy()
        assert await role(first) == ("slave", second.port)
        # By the primary, by the replica itself, and without the others' votes.
        assert await sandbox.failover(second, option="TAKEOVER") is first
        await sandbox.wait_healthy()
        assert await sandbox.failover(second, option="TAKEOVER") is second
        assert await sandbox.wait_healthy() == [second, *sandbox.nodes[1:3]]


async def test_a_failover_of_a_dead_primary_must_be_forced(server: str) -> None:
    # So long a node timeout that the nodes do nothing of their own.
    async with ClusterSandbox(server=server, node_timeout_ms=60_000) as sandbox:
        old = await sandbox.pause_primary()
        replica = sandbox.nodes[3]
        assert await sandbox.failover(0, option="FORCE") is replica
        assert await sandbox.owner(0) is replica
        await old.kill()
        with pytest.raises(ResponseError, match="replica"):
            await sandbox.execute(replica, "CLUSTER", "FAILOVER")


async def test_waiting_says_what_is_missing(server: str) -> None:
    async with ClusterSandbox(server=server, primaries=2, replicas=0) as sandbox:
        one, other = sandbox.nodes
        with pytest.raises(FailoverTimeoutError, match="node-1 still owns slot 0") as caught:
            await sandbox.wait_for_primary(0, other_than=one, timeout=0.1)
        assert caught.value.waited_for == "a new primary"
        await sandbox.kill(one)
        with pytest.raises(FailoverTimeoutError, match="node-2 gives slots to node-1, which does not run"):
            await sandbox.wait_healthy(timeout=0.1)
        await sandbox.kill(other)
        with pytest.raises(DiscoveryError, match="no node of the cluster answers"):
            await sandbox.primaries()
        with pytest.raises(FailoverTimeoutError, match="no node runs"):
            await sandbox.wait_healthy(timeout=0.1)


async def test_options_reach_the_nodes(server: str) -> None:
    async with ClusterSandbox(
        server=server,
        primaries=2,
        replicas=0,
        node_timeout_ms=4321,
        full_coverage=False,
        announce_hostname="localhost",
        config={"maxmemory": "64mb"},
    ) as sandbox:
        for node in sandbox.nodes:
            assert await node.execute("CONFIG", "GET", "maxmemory") == ["maxmemory", "67108864"]
            assert await node.execute("CONFIG", "GET", "cluster-node-timeout") == [
                "cluster-node-timeout",
                "4321",
            ]
            with pytest.raises(ResponseError, match=r"MOVED \d+ localhost:"):
                await node.execute("GET", "{06S}" if node is sandbox.nodes[1] else "foo")
        assert sandbox.startup_nodes[0] == ("127.0.0.1", sandbox.nodes[0].port)
        # Without full coverage, one half goes on when the other is away.
        await sandbox.kill_primary(0)
        assert await sandbox.nodes[1].execute("SET", "foo", "bar") == "OK"


@pytest.mark.parametrize(
    "options", [{"password": "p#1"}, {"username": "app", "password": "p2"}], ids="+".join
)
async def test_passwords(server: str, options: dict[str, str]) -> None:
    async with ClusterSandbox(server=server, **options) as sandbox:  # type: ignore[arg-type]
        assert "p#1" not in sandbox.url
        async with client(sandbox, **options) as redis:
            await redis.set("{06S}key", "kept")
            await sandbox.migrate_slots([0], sandbox.nodes[1])
            assert await redis.get("{06S}key") == "kept"
            await sandbox.failover(0)
            await sandbox.wait_healthy()
        node = await sandbox.add_node(await sandbox.owner(0))
        await sandbox.wait_healthy()
        assert (await role(node))[0] == "slave"


@pytest.mark.parametrize("tls_server", WITH_TLS)
async def test_tls(tls_server: str) -> None:
    async with ClusterSandbox(server=tls_server, tls=True, password="p") as sandbox:
        assert sandbox.url.startswith("rediss+cluster://127.0.0.1:")
        async with client(
            sandbox, password="p", ssl=True, ssl_ca_certs=str(sandbox.ca_cert), ssl_check_hostname=True
        ) as redis:
            await redis.set("{06S}key", "kept")
            await sandbox.migrate_slots([0], sandbox.nodes[2])
            assert await redis.get("{06S}key") == "kept"
        old = await sandbox.kill_primary(0)
        await sandbox.wait_for_primary(0, other_than=old)
        await sandbox.wait_healthy()


async def test_one_object_twice(server: str) -> None:
    sandbox = ClusterSandbox(server=server, primaries=1, replicas=1)
    async with sandbox:
        before = sandbox.startup_nodes
    async with sandbox:
        assert sandbox.startup_nodes != before
        assert await sandbox.primaries() == [sandbox.nodes[0]]


@pytest.mark.parametrize(
    "options",
    [
        {"primaries": 0},
        {"primaries": 16385},
        {"replicas": -1},
        {"node_timeout_ms": 0},
        {"announce_hostname": "two words"},
    ],
    ids=str,
)
def test_options_out_of_range_are_named(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        ClusterSandbox(**options)
