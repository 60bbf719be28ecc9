"""Nodes that are reached at other addresses than they have: host names, and address_map."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from ha_manager import ConnectionManager
from ha_manager.sandbox import ClusterSandbox, ServerProcess
from tests.cluster.cluster_support import admitted, counts, one_key_each, replicated, reset_counts
from tests.conftest import SERVERS
from tests.integration.proxy import Proxies, proxied
from tests.integration.support import address_of, clients_named

NAME = "behind-a-proxy"


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=SERVERS)
async def named(request: pytest.FixtureRequest) -> AsyncIterator[ClusterSandbox]:
    """A cluster whose nodes tell clients a host name."""
    async with ClusterSandbox(server=request.param, announce_hostname="localhost") as sandbox:
        yield sandbox


async def test_announced_host_names(named: ClusterSandbox) -> None:
    keys = one_key_each(named)
    async with await ConnectionManager.create(
        startup_nodes=named.startup_nodes, read_from="replica"
    ) as manager:
        assert {node.endpoint.host for node in manager.get_nodes()} == {"localhost"}
        assert {node.endpoint.port for node in manager.get_nodes()} == {node.port for node in named.nodes}
        await manager.mset(dict.fromkeys(keys, "value"))
        await replicated(named)
        await admitted(manager, keys)
        await reset_counts(named.nodes)
        assert await manager.mget(keys) == [b"value"] * 3
        assert await counts(named.nodes, "mget") == [0, 0, 0, 1, 1, 1]
        first = manager.get_node("localhost", named.nodes[0].port)
        assert await manager.config_get("port", target_nodes=first) == {"port": str(named.nodes[0].port)}
        # Their redirects name hosts as well.
        slot = manager.keyslot(keys[0])
        await named.migrate_slots([slot], named.nodes[1])
        writer = manager.with_options(read_from="primary")
        assert await writer.get(keys[0]) == b"value"
        await manager.refresh()
        assert manager.get_node_from_key(keys[0]) == manager.get_node("localhost", named.nodes[1].port)


async def test_one_node_by_its_host_name(named: ClusterSandbox) -> None:
    async with await ConnectionManager.create(host="localhost", port=named.nodes[4].port) as manager:
        for key in one_key_each(named):
            assert await manager.set(key, "value")
        assert await manager.dbsize() == 3


def as_mapping(proxies: Proxies) -> Any:
    return dict(proxies.outside)


def as_function(proxies: Proxies) -> Any:
    return lambda address: proxies.outside.get(tuple(address), address)


@pytest.mark.parametrize("form", [as_mapping, as_function])
@pytest.mark.parametrize("seed", ["as announced", "as reached", "one node"])
async def test_everything_goes_through_the_map(cluster: ClusterSandbox, form: Any, seed: str) -> None:
    keys = one_key_each(cluster)
    async with proxied(cluster.nodes) as proxies:
        seeds = cluster.startup_nodes
        options = {
            "as announced": {"startup_nodes": seeds[:1]},
            "as reached": {"startup_nodes": [proxies.outside[seed] for seed in seeds]},
            "one node": address_of(cluster.nodes[2]),
        }[seed]
        async with await ConnectionManager.create(
            **options, address_map=form(proxies), read_from="replica", client_name=NAME
        ) as manager:
            assert {node.endpoint for node in manager.get_nodes()} == set(proxies.outside.values())
            await manager.mset(dict.fromkeys(keys, "value"))
            await replicated(cluster)
            await admitted(manager, keys)
            assert await manager.mget(keys) == [b"value"] * 3
            with manager.ensure_replication(timeout_ms=2000):
                await manager.set(keys[0], "value")
            assert await manager.dbsize() == 3
            assert sorted([key async for key in manager.scan_iter()]) == sorted(key.encode() for key in keys)
            outside = manager.get_node(*proxies.outside[cluster.nodes[1].address])
            assert await manager.config_get("port", target_nodes=outside) == {
                "port": str(cluster.nodes[1].port)
            }
            for node in cluster.nodes:
                await _only_through_its_proxy(node, proxies)


async def _only_through_its_proxy(node: ServerProcess, proxies: Proxies) -> None:
    clients = await clients_named(node, NAME)
    assert clients
    assert {client["addr"] for client in clients} <= proxies.peers[node.address]


@pytest.mark.parametrize("server", SERVERS)
async def test_redirects_go_through_the_map(server: str) -> None:
    async with ClusterSandbox(server=server, replicas=0) as sandbox, proxied(sandbox.nodes) as proxies:
        async with await ConnectionManager.create(
            startup_nodes=sandbox.startup_nodes,
            address_map=proxies.outside,
            client_name=NAME,
            refresh_interval=None,
        ) as manager:
            keys = [f"{{{one_key_each(sandbox)[0]}}}{number}" for number in range(20)]
            slot = manager.keyslot(keys[0])
            await manager.mset(dict.fromkeys(keys, "value"))
            await sandbox.begin_migration(slot, sandbox.nodes[1])
            await sandbox.move_keys(slot, *keys[:10])
            found = await asyncio.gather(*map(manager.get, keys))
            assert found == [b"value"] * 20
            assert manager.stats().retried == 10  # by ASK
            assert manager.topology.generation == 1
            await sandbox.finish_migration(slot)
            assert await manager.get(keys[0]) == b"value"  # by MOVED
            await manager.refresh()
            assert manager.get_node_from_key(keys[0]) == manager.get_node(
                *proxies.outside[sandbox.nodes[1].address]
            )
            for node in sandbox.nodes:
                await _only_through_its_proxy(node, proxies)
