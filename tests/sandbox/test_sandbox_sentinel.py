"""A Sentinel deployment: its start, its questions, and its faults."""

from __future__ import annotations

import asyncio

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from ha_manager.errors import DiscoveryError, FailoverTimeoutError
from ha_manager.sandbox import SentinelSandbox, ServerProcess


async def hurry(sandbox: SentinelSandbox) -> None:
    """Shortens the time after which Sentinels turn an old primary that came back into a replica.

    They do so four of these periods after they saw it. The leader may take a second to see a promotion:
    if the others waited for no longer than that, they would turn the new primary around.
    """
    for sentinel in sandbox.sentinel_nodes:
        await sandbox.execute(sentinel, "SENTINEL", "DEBUG", "PUBLISH-PERIOD", "500")


async def follows(node: ServerProcess) -> object:
    """The port of the primary that a node says it replicates; None if it says it is a primary."""
    role = await node.execute("ROLE")
    assert isinstance(role, list)
    return role[2] if role[0] == "slave" else None


async def test_is_healthy_when_entered(server: str) -> None:
    async with SentinelSandbox(name="orders", replicas=2, sentinels=3, server=server) as sandbox:
        primary = await sandbox.primary()
        assert primary is sandbox.nodes[0]
        assert set(await sandbox.replicas()) == set(sandbox.nodes[1:])
        assert [await follows(node) for node in sandbox.nodes[1:]] == [primary.port] * 2

        hosts = ",".join(f"127.0.0.1:{port}" for _, port in sandbox.sentinels)
        assert sandbox.url == f"redis+sentinel://{hosts}/orders"
        for sentinel in sandbox.sentinel_nodes:
            named = await sandbox.execute(sentinel, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "orders")
            assert named == ["127.0.0.1", str(primary.port)]
            assert str(await sandbox.execute(sentinel, "SENTINEL", "CKQUORUM", "orders")).startswith(
                "OK 3 usable Sentinels"
            )


async def test_a_write_reaches_the_replicas(server: str) -> None:
    async with SentinelSandbox(server=server) as sandbox:
        primary = await sandbox.primary()
        # WAIT counts the replicas that have the writes of its own connection.
        written = await primary.ask(("SET", "greeting", "hällo"), ("WAIT", 2, 5000))
        assert written == ["OK", 2]
        for replica in await sandbox.replicas():
            assert await sandbox.execute(replica, "GET", "greeting") == "hällo"


async def test_a_killed_primary_is_replaced_and_comes_back_as_a_replica(server: str) -> None:
    async with SentinelSandbox(server=server) as sandbox:
        await hurry(sandbox)
        old = await sandbox.kill_primary()
        assert (old.running, old.state, old.pid) == (False, "down", None)
        with pytest.raises(RedisConnectionError):
            await sandbox.execute(old, "PING")

        new = await sandbox.wait_for_primary(other_than=old)
        assert new in sandbox.nodes[1:]
        assert await sandbox.wait_healthy() is new

        port = old.port
        await sandbox.restart(old)
        assert (old.running, old.port) == (True, port)
        assert await sandbox.wait_healthy() is new
        assert await follows(old) == new.port


async def test_a_paused_primary_is_replaced_and_resumes_as_a_replica(server: str) -> None:
    async with SentinelSandbox(server=server) as sandbox:
        await hurry(sandbox)
        old = await sandbox.pause()
        assert (old.paused, old.running) == (True, True)
        with pytest.raises(RedisTimeoutError):
            await old.execute("PING", timeout=0.2)

        new = await sandbox.wait_for_primary(other_than=old)
        await sandbox.resume()
        assert old.state == "running"
        assert await sandbox.wait_healthy() is new
        assert await follows(old) == new.port


async def test_an_ordered_failover(server: str) -> None:
    async with SentinelSandbox(server=server) as sandbox:
        await hurry(sandbox)
        first = await sandbox.primary()
        await sandbox.failover()
        second = await sandbox.wait_for_primary(other_than=first)
        assert await sandbox.wait_healthy() is second
        assert await follows(first) == second.port


async def test_a_failover_is_tried_again_while_another_is_in_progress(server: str) -> None:
    async with SentinelSandbox(server=server, replicas=1) as sandbox:
        await hurry(sandbox)
        first = await sandbox.primary()
        await sandbox.failover()
        # At once, the Sentinel answers -INPROG or -NOGOODSLAVE; it is accepted later, and leads back.
        await sandbox.failover()
        await sandbox.wait_healthy()
        assert await sandbox.wait_for_primary(other_than=sandbox.nodes[1]) is first


async def test_sentinels_that_stood_still_soon_act_again() -> None:
    """By themselves they would only look on for 30 s, as if the clock had jumped."""
    async with SentinelSandbox() as sandbox:
        for sentinel in sandbox.sentinel_nodes:
            await sandbox.pause(sentinel)
        await asyncio.sleep(2.5)
        await sandbox.resume()
        old = await sandbox.primary()
        await sandbox.failover()
        assert await sandbox.wait_for_primary(other_than=old, timeout=20) is not old


async def test_stopping_and_restarting_a_sentinel(server: str) -> None:
    async with SentinelSandbox(server=server) as sandbox:
        sentinel = sandbox.sentinel_nodes[2]
        await sandbox.stop(sentinel)
        assert not sentinel.running
        old = await sandbox.kill_primary()
        new = await sandbox.wait_for_primary(other_than=old)
        await sandbox.restart(sentinel)
        # It was away during the failover and learns of it from the others.
        assert await sandbox.wait_healthy() is new


async def test_waiting_says_what_is_missing(server: str) -> None:
    async with SentinelSandbox(server=server, replicas=0, sentinels=1) as sandbox:
        only = await sandbox.primary()
        with pytest.raises(FailoverTimeoutError, match="node-1 still is the primary") as caught:
            await sandbox.wait_for_primary(other_than=only, timeout=0.1)
        assert caught.value.waited_for == "a new primary"

        await sandbox.kill(only)
        with pytest.raises(DiscoveryError, match="0 of the data servers"):
            await sandbox.primary()
        with pytest.raises(FailoverTimeoutError, match="0 of the data servers"):
            await sandbox.wait_healthy(timeout=0.1)


async def test_an_isolated_sentinel_is_not_healthy(server: str) -> None:
    async with SentinelSandbox(server=server, sentinels=2) as sandbox:
        one, other = sandbox.sentinel_nodes
        await sandbox.execute(one, "SENTINEL", "REMOVE", sandbox.name)
        with pytest.raises(FailoverTimeoutError, match="sentinel-1 does not answer, or does not know"):
            await sandbox.wait_healthy(timeout=0.1)
        await sandbox.pause(other)
        await sandbox.kill(one)
        with pytest.raises(FailoverTimeoutError, match="no Sentinel runs"):
            await sandbox.wait_healthy(timeout=0.1)


async def test_several_at_a_time_and_one_twice(server: str) -> None:
    one = SentinelSandbox(server=server, replicas=1, sentinels=1)
    async with one, SentinelSandbox(server=server, replicas=1, sentinels=1) as two:
        ports = [process.port for process in (*one.processes, *two.processes)]
        assert len(set(ports)) == 6
        first_directory = one.directory
    async with one:
        assert one.directory != first_directory
        assert await one.primary() is one.nodes[0]


async def test_options_reach_the_servers(server: str) -> None:
    async with SentinelSandbox(
        server=server,
        replicas=0,
        sentinels=3,
        quorum=3,
        down_after_ms=4321,
        failover_timeout_ms=54321,
        config={"maxmemory": "64mb", "appendonly": True, "save": ["3600 1", "60 1000"]},
        sentinel_config={"loglevel": "debug"},
    ) as sandbox:
        primary = await sandbox.primary()
        assert await sandbox.execute(primary, "CONFIG", "GET", "maxmemory") == ["maxmemory", "67108864"]
        assert await sandbox.execute(primary, "CONFIG", "GET", "appendonly") == ["appendonly", "yes"]
        assert await sandbox.execute(primary, "CONFIG", "GET", "save") == ["save", "3600 1 60 1000"]
        reply = await sandbox.execute(sandbox.sentinel_nodes[0], "SENTINEL", "MASTER", sandbox.name)
        assert isinstance(reply, list)
        told = dict(zip(reply[::2], reply[1::2], strict=True))
        assert (told["quorum"], told["down-after-milliseconds"], told["failover-timeout"]) == (
            "3",
            "4321",
            "54321",
        )
