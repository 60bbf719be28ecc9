"""The ways to a cluster: its nodes, a URL, any one node; and clusters that cannot be had like that."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio.cluster import ClusterNode

from ha_manager import (
    ClusterUnreachableError,
    ConnectionManager,
    WrongDeploymentError,
)
from ha_manager.sandbox import ClusterSandbox, StandaloneSandbox
from ha_manager.topology import Deployment
from tests.cluster.cluster_support import PRIMARIES, REPLICAS, one_key_each
from tests.integration.listeners import babble, closed_port, hang_up, keep_silent, listener
from tests.integration.support import address_of, all_closed, tasks_now


async def works(manager: ConnectionManager, cluster: ClusterSandbox) -> None:
    """It knows all nodes, and its commands reach all shards."""
    assert manager.topology.deployment is Deployment.CLUSTER
    assert {node.endpoint for node in manager.get_nodes()} == {node.address for node in cluster.nodes}
    assert len(manager.get_primaries()) == PRIMARIES
    assert len(manager.get_replicas()) == REPLICAS
    assert manager.topology.covered == 16384
    keys = one_key_each(cluster)
    assert await asyncio.gather(*(manager.set(key, key) for key in keys)) == [True] * PRIMARIES
    assert await manager.mget(keys) == [key.encode() for key in keys]
    assert await manager.dbsize() == PRIMARIES


async def test_by_startup_nodes(cluster: ClusterSandbox) -> None:
    pairs = cluster.startup_nodes
    texts = [f"{host}:{port}" for host, port in pairs]
    objects = [ClusterNode(host, port) for host, port in pairs]
    for nodes in (pairs, texts, objects, [pairs[0], texts[1], objects[2]]):
        async with await ConnectionManager.create(startup_nodes=nodes) as manager:
            await works(manager, cluster)


async def test_by_url(cluster: ClusterSandbox) -> None:
    async with await ConnectionManager.from_url(cluster.url) as manager:
        await works(manager, cluster)
    async with await ConnectionManager.from_url(f"{cluster.url}?decode_responses=true&protocol=3") as manager:
        await manager.set("key", "value")
        assert await manager.get("key") == "value"


@pytest.mark.parametrize("number", range(PRIMARIES + REPLICAS))
async def test_by_any_one_node(cluster: ClusterSandbox, number: int) -> None:
    """A plain host and port, of a primary or of a replica, as a single server's would be given."""
    seed = cluster.nodes[number]
    async with await ConnectionManager.create(**address_of(seed)) as manager:
        await works(manager, cluster)
    async with await ConnectionManager.from_url(f"redis://{seed.host}:{seed.port}") as manager:
        await works(manager, cluster)


async def test_by_one_seed_that_is_a_replica(cluster: ClusterSandbox) -> None:
    async with await ConnectionManager.create(startup_nodes=[cluster.nodes[-1].address]) as manager:
        await works(manager, cluster)


async def test_by_the_only_seed_that_can_be_reached(cluster: ClusterSandbox) -> None:
    """The others: nobody listens, a web server, one that says nothing, one that hangs up, no such name."""
    async with listener(babble) as web, listener(keep_silent) as mute, listener(hang_up) as rude:
        with closed_port() as closed:
            strangers = [("127.0.0.1", port) for port in (closed, web, mute, rude)]
            for place in (0, 2, 4):
                seeds = [*strangers[:place], cluster.nodes[1].address, *strangers[place:]]
                async with await ConnectionManager.create(
                    startup_nodes=[*seeds, ("no-such-host.invalid", 1)], socket_connect_timeout=1
                ) as manager:
                    await works(manager, cluster)


async def test_when_no_seed_answers_usefully() -> None:
    before = tasks_now()
    async with listener(babble) as web, listener(hang_up) as rude:
        with closed_port() as closed:
            seeds = [("127.0.0.1", port) for port in (web, rude, closed)]
            with pytest.raises(ClusterUnreachableError) as caught:
                await ConnectionManager.create(startup_nodes=seeds, socket_connect_timeout=1)
            for _, port in seeds:
                assert f"127.0.0.1:{port}" in str(caught.value)
    assert tasks_now() == before


async def test_a_single_server_is_no_cluster(standalone: StandaloneSandbox) -> None:
    before = tasks_now()
    with pytest.raises(WrongDeploymentError, match=r"is a single server.*host="):
        await ConnectionManager.create(startup_nodes=[standalone.node.address])
    assert tasks_now() == before


async def test_nothing_is_left_behind(cluster: ClusterSandbox) -> None:
    before = tasks_now()
    manager = await ConnectionManager.create(
        startup_nodes=cluster.startup_nodes, client_name="leaver", read_from="prefer_replica"
    )
    await works(manager, cluster)
    with manager.ensure_replication():
        await manager.set("key", "value")
    await manager.aclose()
    assert tasks_now() == before
    for node in cluster.nodes:
        await all_closed(node, "leaver")


@pytest.mark.parametrize("protocol", [2, 3])
async def test_options_of_connections(cluster: ClusterSandbox, protocol: int) -> None:
    async with await ConnectionManager.create(
        startup_nodes=cluster.startup_nodes,
        protocol=protocol,
        poolsize=2,
        client_name="named",
        encoding="latin-1",
        decode_responses=True,
    ) as manager:
        for key in one_key_each(cluster, "ä"):
            await manager.set(key, "ö")
            assert await manager.get(key) == "ö"
        assert await manager.client_getname() == "named"
        assert {node.connections for node in manager.stats().nodes} == {2}
