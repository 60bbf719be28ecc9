"""``address_map``: servers that announce addresses at which this client cannot, or may not, reach them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ha_manager import ConnectionManager
from ha_manager.sandbox import SentinelSandbox
from tests.integration.listeners import keep_silent, listener
from tests.integration.proxy import Proxies, proxied
from tests.integration.support import clients_named, eventually

NAME = "behind-a-proxy"


def as_mapping(proxies: Proxies) -> Any:
    return dict(proxies.outside)


def as_texts(proxies: Proxies) -> Any:
    return {f"{a}:{b}": f"{c}:{d}" for (a, b), (c, d) in proxies.outside.items()}


def as_function(proxies: Proxies) -> Any:
    return lambda address: proxies.outside.get(tuple(address), address)


@pytest.mark.parametrize("form", [as_mapping, as_texts, as_function])
@pytest.mark.parametrize("mapped_seed", [True, False], ids=["seed as announced", "seed as reached"])
async def test_every_node_and_every_sentinel_is_reached_through_the_map(
    sentinel_set: SentinelSandbox, form: Any, mapped_seed: bool
) -> None:
    async with proxied(sentinel_set.processes) as proxies:
        announced = sentinel_set.sentinels[0]
        async with await ConnectionManager.create(
            cluster_name=sentinel_set.name,
            sentinels=[announced if mapped_seed else proxies.outside[announced]],
            address_map=form(proxies),
            read_from="replica",
            client_name=NAME,
        ) as manager:
            outside = set(proxies.outside.values())
            assert manager.primary == proxies.outside[(await sentinel_set.primary()).address]
            assert len(manager.topology.replicas) == 2
            assert {node.endpoint for node in manager.topology.nodes} < outside
            assert set(manager.stats().sentinels) == {
                proxies.outside[address] for address in sentinel_set.sentinels
            }
            await manager.set("key", "value")
            await eventually(_all_up(manager), "both replicas connected and in step")
            assert await manager.wait(2, 5000) == 2
            for _ in range(20):
                assert await manager.get("key") == b"value"
            await manager.refresh()
            await _every_connection_came_through_a_proxy(sentinel_set, proxies)


def _all_up(manager: ConnectionManager) -> Any:
    return lambda: [node.state for node in manager.stats().nodes] == ["up"] * 3


async def _every_connection_came_through_a_proxy(sandbox: SentinelSandbox, proxies: Proxies) -> None:
    for server in sandbox.processes:

        async def connected(server: Any = server) -> Any:
            return await clients_named(server, NAME)

        await eventually(connected, f"a connection to {server.name}")
        for client in await clients_named(server, NAME):
            assert client["addr"] in proxies.peers[server.address], server


async def test_a_single_server(sentinel_set: SentinelSandbox) -> None:
    primary = await sentinel_set.primary()
    async with proxied([primary]) as proxies:
        async with await ConnectionManager.create(
            host="redis.example.invalid", port=1, address_map={("redis.example.invalid", 1): primary.address}
        ) as manager:
            assert manager.primary == primary.address
            assert await manager.ping()
        async with await ConnectionManager.create(
            host=primary.host, port=primary.port, address_map=proxies.outside, client_name=NAME
        ) as manager:
            assert manager.primary == proxies.outside[primary.address]
            (client,) = await clients_named(primary, NAME)
            assert client["addr"] in proxies.peers[primary.address]


async def test_learnt_sentinels_that_cannot_be_reached_hold_nothing_up(
    sentinel_set: SentinelSandbox,
) -> None:
    """Sentinels in containers announce addresses of a network of their own: the given ones must do.

    All three answer at the addresses that were given. Waiting for the others would add
    socket_connect_timeout to every failover.
    """
    async with (
        proxied(sentinel_set.sentinel_nodes) as proxies,
        listener(keep_silent) as first,
        listener(keep_silent) as second,
        listener(keep_silent) as third,
    ):
        silent = [("127.0.0.1", port) for port in (first, second, third)]
        unreachable = dict(zip(sentinel_set.sentinels, silent, strict=True))
        async with await ConnectionManager.create(
            cluster_name=sentinel_set.name,
            sentinels=list(proxies.outside.values()),
            address_map=unreachable,
            socket_connect_timeout=20,
        ) as manager:
            for _ in range(3):
                await asyncio.wait_for(manager.refresh(), 5)
