"""What goes to several nodes really does, and their replies become one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
import pytest_asyncio
import redis.asyncio
from redis.exceptions import NoPermissionError, ResponseError

from ha_manager import ConnectionManager
from ha_manager.sandbox import ClusterSandbox, ServerProcess
from tests.cluster.cluster_support import counts, one_key_each, reset_counts
from tests.integration.parity_data import LIBRARY
from tests.integration.support import eventually

KEYS = [f"key-{number}" for number in range(300)]


async def on_each(nodes: Any, *words: str) -> list[Any]:
    return list(await asyncio.gather(*(node.execute(*words) for node in nodes)))


async def test_keys_of_the_whole_cluster(manager: ConnectionManager, cluster: ClusterSandbox) -> None:
    await manager.mset(dict.fromkeys(KEYS, "value"))
    assert await manager.dbsize() == 300 == sum(await on_each(cluster.nodes[:3], "DBSIZE"))
    assert sorted(await manager.keys()) == sorted(key.encode() for key in KEYS)
    assert sorted(await manager.keys("key-1?")) == sorted(f"key-1{digit}".encode() for digit in range(10))
    seen = {await manager.randomkey() for _ in range(60)}
    assert {manager.get_node_from_key(key) for key in seen} == set(manager.get_primaries())
    await manager.flushall()
    assert await on_each(cluster.nodes[:3], "DBSIZE") == [0, 0, 0]
    assert await manager.randomkey() is None
    assert await manager.keys() == []


async def test_a_random_key_where_most_shards_are_empty(
    manager: ConnectionManager, cluster: ClusterSandbox
) -> None:
    key = one_key_each(cluster)[1]
    await manager.set(key, "value")
    assert {await manager.randomkey() for _ in range(20)} == {key.encode()}


async def test_flushdb(manager: ConnectionManager, cluster: ClusterSandbox) -> None:
    await manager.mset(dict.fromkeys(KEYS, "value"))
    assert await manager.flushdb(asynchronous=True) is True
    assert await on_each(cluster.nodes[:3], "DBSIZE") == [0, 0, 0]


async def test_scripts_are_loaded_everywhere(manager: ConnectionManager, cluster: ClusterSandbox) -> None:
    sha = await manager.script_load("return KEYS[1]")
    assert await on_each(cluster.nodes, "SCRIPT", "EXISTS", sha) == [[1]] * 6
    assert await manager.script_exists(sha, "0" * 40) == [True, False]
    await cluster.nodes[1].execute("SCRIPT", "FLUSH")
    assert await manager.script_exists(sha, "0" * 40) == [False, False]
    assert await manager.script_flush() is True
    assert await on_each(cluster.nodes, "SCRIPT", "EXISTS", sha) == [[0]] * 6


async def test_functions_are_loaded_everywhere(manager: ConnectionManager, cluster: ClusterSandbox) -> None:
    await manager.function_flush()
    assert await manager.function_load(LIBRARY) == b"lib"
    for key in one_key_each(cluster):
        assert await manager.fcall("echo", 1, key, f"for {key}") == f"for {key}".encode()
    with pytest.raises(ResponseError, match="already exists"):
        await manager.function_load(LIBRARY)
    payload: Any = await manager.function_dump()
    assert await manager.function_delete("lib") is True
    with pytest.raises(ResponseError):
        await manager.fcall("echo", 1, "key", "x")
    await manager.function_restore(payload)
    assert [len(found) for found in await on_each(cluster.nodes[:3], "FUNCTION", "LIST")] == [1, 1, 1]
    await manager.function_flush()


ENDLESS = """#!lua name=endless
redis.register_function{
    function_name='spin', callback=function() while true do end end, flags={'no-writes'}
}"""


@pytest.mark.parametrize("kind", ["script", "function"])
async def test_what_runs_somewhere_is_found_and_killed(
    manager: ConnectionManager, cluster: ClusterSandbox, kind: str
) -> None:
    node, key = cluster.nodes[1], one_key_each(cluster)[1]
    await manager.function_load(ENDLESS, replace=True)
    await manager.config_set("busy-reply-threshold", 20)
    kill = manager.script_kill if kind == "script" else manager.function_kill
    async with redis.asyncio.Redis(host=node.host, port=node.port) as other:
        running = asyncio.ensure_future(
            other.eval("while true do end", 1, key) if kind == "script" else other.fcall("spin", 1, key)
        )
        await eventually(lambda: _is_busy(node), "the server says that it is busy")
        if kind == "function":
            stats: Any = await manager.function_stats()
            told = dict(zip(stats[::2], stats[1::2], strict=True))[b"running_script"]
            assert told[told.index(b"name") + 1] == b"spin"
        assert await kill() in (True, b"OK")
        with pytest.raises(ResponseError, match="killed"):
            await running
    with pytest.raises(ResponseError, match="NOTBUSY"):
        await kill()
    await manager.config_set("busy-reply-threshold", 5000)


async def _is_busy(node: ServerProcess) -> bool:
    try:
        await node.execute("PING")
    except ResponseError as refused:
        return "BUSY" in str(refused)
    return False


async def test_settings_reach_every_node(manager: ConnectionManager, cluster: ClusterSandbox) -> None:
    assert await manager.config_set("maxmemory-samples", 7) is True
    assert (
        await on_each(cluster.nodes, "CONFIG", "GET", "maxmemory-samples") == [["maxmemory-samples", "7"]] * 6
    )
    with pytest.raises(ResponseError):
        await manager.config_set("maxmemory-samples", "many")
    await manager.config_set("maxmemory-samples", 5)
    assert await manager.config_resetstat() is True
    assert await counts(cluster.nodes, "config|set") == [0] * 6


async def test_users_reach_every_node(manager: ConnectionManager, cluster: ClusterSandbox) -> None:
    assert await manager.acl_setuser(
        "visitor", enabled=True, nopass=True, keys=["*"], commands=["+get", "+cluster"]
    )
    try:
        async with await ConnectionManager.create(
            startup_nodes=cluster.startup_nodes, username="visitor", password="any"
        ) as visitor:
            for key in one_key_each(cluster):
                assert await visitor.get(key) is None
                with pytest.raises(NoPermissionError):
                    await visitor.set(key, "value")
    finally:
        assert await manager.acl_deluser("visitor") == 1
    assert await on_each(cluster.nodes, "ACL", "GETUSER", "visitor") == [None] * 6


@pytest_asyncio.fixture(loop_scope="session")
async def listeners(cluster: ClusterSandbox) -> AsyncIterator[None]:
    """Subscribers on a primary, on another one, and on a replica."""
    writers = []
    for number in (0, 1, 4):
        node = cluster.nodes[number]
        _, writer = await asyncio.open_connection(*node.address)
        writer.write(f"SUBSCRIBE news own-{number}\r\nPSUBSCRIBE n*\r\n".encode())
        writers.append(writer)
        await eventually(partial(_patterns, node), "the node knows of the subscriber")
    owner = await cluster.owner("shard-news")
    _, writer = await asyncio.open_connection(*owner.address)
    writer.write(b"SSUBSCRIBE shard-news\r\n")
    writers.append(writer)
    await eventually(lambda: _shard_channels(owner), "the node knows of the subscriber")
    yield
    for writer in writers:
        writer.close()
        await writer.wait_closed()


async def _patterns(node: ServerProcess) -> bool:
    return await node.execute("PUBSUB", "NUMPAT") == 1


async def _shard_channels(node: ServerProcess) -> bool:
    return await node.execute("PUBSUB", "SHARDCHANNELS") == ["shard-news"]


@pytest.mark.usefixtures("listeners")
@pytest.mark.parametrize("protocol", [2, 3])
async def test_subscribers_of_the_whole_cluster(cluster: ClusterSandbox, protocol: int) -> None:
    async with await ConnectionManager.create(
        startup_nodes=cluster.startup_nodes, protocol=protocol, decode_responses=True
    ) as manager:
        assert sorted(await manager.pubsub_channels()) == ["news", "own-0", "own-1", "own-4"]
        assert sorted(await manager.pubsub_channels("own*")) == ["own-0", "own-1", "own-4"]
        counted = await manager.pubsub_numsub("news", "own-4", "none")
        assert counted == [("news", 3), ("own-4", 1), ("none", 0)]
        # As the servers do: one for each node, although it is the same pattern.
        assert await manager.pubsub_numpat() == 3
        assert await manager.pubsub_shardchannels() == ["shard-news"]
        assert await manager.pubsub_shardnumsub("shard-news") == [("shard-news", 1)]
        assert await manager.execute_command("SPUBLISH", "shard-news", "hello") == 1


async def test_wait_takes_the_least(manager: ConnectionManager, cluster: ClusterSandbox) -> None:
    await manager.mset(dict.fromkeys(KEYS, "value"))
    assert await manager.wait(1, 2000) == 1
    assert await manager.wait(2, 10) == 1
    await reset_counts(cluster.nodes)
    await manager.wait(0, 1)
    assert await counts(cluster.nodes[:3], "wait") == [1, 1, 1]


async def test_questions_to_one_server(manager: ConnectionManager, cluster: ClusterSandbox) -> None:
    """As in redis-py, the default node's answer, in the form of one server's."""
    node = cluster.nodes[1]
    manager.set_default_node(node.address)
    assert (await manager.info("server"))["tcp_port"] == node.port
    assert (await manager.config_get("port")) == {"port": str(node.port)}
    own_id = await manager.execute_command("CLUSTER MYID", target_nodes=node.address)
    assert own_id == cluster.node_id(node).encode()
    role: Any = await manager.role()
    assert role[0] == b"master"


async def test_messages_arrive_wherever_they_are_published(
    manager: ConnectionManager, cluster: ClusterSandbox
) -> None:
    node = cluster.nodes[5]
    async with redis.asyncio.Redis(host=node.host, port=node.port) as client, client.pubsub() as pubsub:
        await pubsub.subscribe("channel")
        assert await pubsub.get_message(timeout=2)
        for primary in manager.get_primaries():
            manager.set_default_node(primary)
            await manager.publish("channel", f"by {primary.endpoint}")
            message = await pubsub.get_message(timeout=2)
            assert message is not None
            assert message["data"] == f"by {primary.endpoint}".encode()


async def test_many_fan_outs_at_once(manager: ConnectionManager) -> None:
    await manager.mset(dict.fromkeys(KEYS, "value"))
    sizes = await asyncio.gather(*(manager.dbsize() for _ in range(200)))
    assert sizes == [300] * 200
    calls = [asyncio.ensure_future(manager.keys()) for _ in range(50)]
    await asyncio.sleep(0)
    for call in calls[::2]:
        call.cancel()
    ended = await asyncio.gather(*calls, return_exceptions=True)
    assert all(len(found) == 300 for found in ended[1::2])  # type: ignore[arg-type]
