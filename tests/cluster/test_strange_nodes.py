"""Nodes that answer garbage, or what was true once: they are not believed, and harm nobody."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from redis.crc import key_slot

from ha_manager import ClusterUnreachableError, ConnectionManager
from ha_manager.sandbox import ClusterSandbox
from tests.cluster.cluster_support import PRIMARIES, one_key_each
from tests.cluster.fake_node import encode, fake_node, info, shard
from tests.integration.listeners import closed_port
from tests.integration.support import eventually, tasks_now

WHOLE = [0, 16383]
GARBAGE: dict[str, dict[str, bytes]] = {
    "a status": {"CLUSTER SHARDS": b"+OK\r\n"},
    "a number": {"CLUSTER SHARDS": b":5\r\n"},
    "nil": {"CLUSTER SHARDS": encode(None)},
    "text": {"CLUSTER SHARDS": encode("shards?")},
    "no shards": {"CLUSTER SHARDS": encode([])},
    "numbers": {"CLUSTER SHARDS": encode([1, 2, 3])},
    "empty lists": {"CLUSTER SHARDS": encode([[], []])},
    "odd lists": {"CLUSTER SHARDS": encode([["slots"]])},
    "no nodes": {"CLUSTER SHARDS": encode([["slots", WHOLE]])},
    "nested": {"CLUSTER SHARDS": encode([[[[[[[]]]]]]])},
    "a slot too many": {"CLUSTER SHARDS": encode([shard(1, [0, 16384])])},
    "slots backwards": {"CLUSTER SHARDS": encode([shard(1, [9, 3])])},
    "slots that are words": {"CLUSTER SHARDS": encode([["slots", ["a", "b"], "nodes", []]])},
    "no such port": {"CLUSTER SHARDS": encode([shard(99999, WHOLE)])},
    "a role unheard of": {"CLUSTER SHARDS": encode([shard(1, WHOLE, role="emperor")])},
    "a host that is none": {"CLUSTER SHARDS": encode([shard(1, WHOLE, endpoint="no host\r\n")])},
    "an error": {"CLUSTER SHARDS": b"-ERR not today\r\n", "CLUSTER SLOTS": b"-ERR not today\r\n"},
    "slots that are garbage": {"CLUSTER SHARDS": b"-ERR unknown subcommand\r\n", "CLUSTER SLOTS": b":1\r\n"},
    "info that is garbage": {"CLUSTER SHARDS": encode([shard(1, WHOLE)]), "CLUSTER INFO": encode("what?")},
    "no protocol": {"CLUSTER SHARDS": b"HTTP/1.1 200 OK\r\n\r\n"},
}


async def works(manager: ConnectionManager, cluster: ClusterSandbox) -> None:
    assert {node.endpoint for node in manager.get_nodes()} == {node.address for node in cluster.nodes}
    keys = one_key_each(cluster)
    assert await manager.mset(dict.fromkeys(keys, "value"))
    assert await asyncio.gather(*map(manager.get, keys)) == [b"value"] * PRIMARIES


@pytest.mark.parametrize("replies", GARBAGE.values(), ids=GARBAGE)
async def test_garbage_at_the_start(cluster: ClusterSandbox, replies: dict[str, bytes]) -> None:
    before = tasks_now()
    async with fake_node({"CLUSTER INFO": info(999), **replies}) as fake:
        async with await ConnectionManager.create(
            startup_nodes=[fake.address, cluster.nodes[3].address], socket_connect_timeout=1
        ) as manager:
            await works(manager, cluster)
            await manager.refresh()
            await works(manager, cluster)
        with pytest.raises(ClusterUnreachableError, match=f"127.0.0.1:{fake.address[1]}"):
            await ConnectionManager.create(
                startup_nodes=[fake.address], socket_connect_timeout=0.3, failover_timeout=0.5
            )
    assert tasks_now() == before


MASTER = {"ROLE": encode(["master", 0, []])}


@pytest.mark.parametrize("kind", ["a number", "an error", "no protocol"])
async def test_a_known_node_that_answers_garbage(cluster: ClusterSandbox, kind: str) -> None:
    """It stands in the place of a primary, by the address map."""
    async with fake_node({**MASTER, "CLUSTER INFO": info(999), **GARBAGE[kind]}) as fake:
        async with await ConnectionManager.create(
            startup_nodes=cluster.startup_nodes,
            address_map={cluster.nodes[1].address: fake.address},
            socket_connect_timeout=0.3,
        ) as manager:
            known = manager.topology.nodes
            fake.heard.clear()
            for _ in range(10):
                await manager.refresh()
                assert manager.topology.nodes == known
            assert fake.heard.count("CLUSTER SHARDS") >= 5
            keys = one_key_each(cluster)[::2]
            assert await manager.mset(dict.fromkeys(keys, "value"))
            assert await manager.mget(keys) == [b"value"] * 2


async def old_view(cluster: ClusterSandbox) -> dict[str, bytes]:
    """The cluster as it was before every replica took its primary's place, under an old epoch."""
    reply: Any = await cluster.nodes[0].execute("CLUSTER", "SHARDS")
    text = encode(reply).replace(b"$6\r\nmaster", b"$4\r\nTMP1").replace(b"$7\r\nreplica", b"$6\r\nmaster")
    return {"CLUSTER SHARDS": text.replace(b"$4\r\nTMP1", b"$7\r\nreplica"), "CLUSTER INFO": info(1)}


async def test_a_seed_with_an_old_view(cluster: ClusterSandbox) -> None:
    async with fake_node(await old_view(cluster)) as fake:
        for _ in range(5):
            seeds = [fake.address, *(node.address for node in cluster.nodes[:2])]
            async with await ConnectionManager.create(startup_nodes=seeds) as manager:
                await works(manager, cluster)
                assert [node.endpoint for node in manager.get_primaries()] == [
                    node.address for node in cluster.nodes[:3]
                ]


async def test_a_known_node_with_an_old_view(cluster: ClusterSandbox) -> None:
    """It stands in the place of a primary, by the address map, and is asked again and again."""
    async with fake_node({**MASTER, **await old_view(cluster)}) as fake:
        async with await ConnectionManager.create(
            startup_nodes=cluster.startup_nodes, address_map={cluster.nodes[1].address: fake.address}
        ) as manager:
            known = manager.topology
            assert [node.endpoint for node in manager.get_primaries()] == [
                cluster.nodes[0].address,
                fake.address,
                cluster.nodes[2].address,
            ]
            fake.heard.clear()
            for _ in range(30):
                await manager.refresh()
                assert manager.topology == known
            assert fake.heard.count("CLUSTER SHARDS") >= 15
            keys = one_key_each(cluster)[::2]
            assert await manager.mset(dict.fromkeys(keys, "value"))


async def test_the_only_node_that_answers_has_an_old_view(server_name: str) -> None:
    async with ClusterSandbox(server=server_name, replicas=0) as sandbox:
        async with fake_node(await old_view(sandbox)) as fake:
            async with await ConnectionManager.create(
                startup_nodes=[*sandbox.startup_nodes, fake.address], socket_connect_timeout=0.3
            ) as manager:
                known = manager.topology.nodes
                for node in sandbox.nodes:
                    await node.kill()
                events: list[str] = []
                manager.add_listener(lambda event: events.append(type(event).__name__))
                await eventually(lambda: "StaleViewRefused" in events, "the old view is refused")
                assert manager.topology.nodes == known
                assert manager.stats().stale_answers > 0


async def test_redirects_to_nowhere(cluster: ClusterSandbox) -> None:
    """One shard's primary sends every key to a port where nobody listens, and later does no more."""
    key = one_key_each(cluster)[0]
    real: Any = await cluster.nodes[0].execute("CLUSTER", "SHARDS")
    with closed_port() as closed:
        replies = {
            "CLUSTER SHARDS": encode(real),
            "CLUSTER INFO": info(999),
            **MASTER,
            "GET": f"-MOVED {key_slot(key.encode())} 127.0.0.1:{closed}\r\n".encode(),
        }
        async with fake_node(replies) as fake:
            async with await ConnectionManager.create(
                startup_nodes=[cluster.nodes[0].address],
                address_map={cluster.nodes[0].address: fake.address},
                failover_timeout=0.5,
            ) as manager:
                with pytest.raises(Exception, match="did not run within failover_timeout"):
                    await manager.get(key)
                replies["GET"] = encode("value")
                assert await manager.get(key) == b"value"
