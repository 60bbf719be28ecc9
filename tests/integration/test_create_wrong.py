"""Addresses that are not what was asked for: the error says what is there, and nothing is left behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ReadOnlyError
from redis.exceptions import TimeoutError as RedisTimeoutError

from ha_manager import (
    ClusterUnreachableError,
    ConnectionManager,
    FailoverTimeoutError,
    SentinelsUnreachableError,
    UnknownServiceError,
    WrongDeploymentError,
)
from ha_manager.sandbox import SentinelSandbox, StandaloneSandbox
from tests.integration.listeners import Handler, babble, closed_port, hang_up, keep_silent, listener
from tests.integration.support import address_of, all_closed, tasks_now


@pytest_asyncio.fixture(loop_scope="session", autouse=True)
async def no_task_left() -> AsyncIterator[None]:
    before = tasks_now()
    yield
    assert tasks_now() - before <= {asyncio.current_task()}


async def test_a_replica_names_its_primary(sentinel_set: SentinelSandbox) -> None:
    primary, (replica, *_) = await sentinel_set.primary(), await sentinel_set.replicas()
    with pytest.raises(WrongDeploymentError) as caught:
        await ConnectionManager.create(**address_of(replica), client_name="lost")
    assert f"{replica.host}:{replica.port} is a replica" in str(caught.value)
    assert f"{primary.host}:{primary.port}" in str(caught.value)
    assert 'read_from="replica"' in str(caught.value)
    await all_closed(replica, "lost")


async def test_a_replica_can_be_read_from(sentinel_set: SentinelSandbox) -> None:
    primary, (replica, *_) = await sentinel_set.primary(), await sentinel_set.replicas()
    await primary.ask(("SET", "known", "yes"), ("WAIT", 2, 5000))
    async with await ConnectionManager.create(**address_of(replica), read_from="replica") as manager:
        assert await manager.get("known") == b"yes"
        assert manager.primary is None
        for write in (manager.set("known", "no"), manager.execute_command("NOSUCH")):
            with pytest.raises(ReadOnlyError):
                await write
        assert await manager.get("known") == b"yes"


async def test_a_sentinel_names_its_services(sentinel_set: SentinelSandbox) -> None:
    sentinel = sentinel_set.sentinel_nodes[0]
    with pytest.raises(WrongDeploymentError) as caught:
        await ConnectionManager.create(**address_of(sentinel))
    for part in ("is a Sentinel", sentinel_set.name, "cluster_name=", "sentinels="):
        assert part in str(caught.value)


async def test_a_cluster_that_was_not_set_up(server_name: str) -> None:
    async with StandaloneSandbox(server=server_name, config={"cluster-enabled": True}) as sandbox:
        with pytest.raises(ClusterUnreachableError, match="the cluster is not set up"):
            await ConnectionManager.create(**address_of(sandbox.node), client_name="lost")
        await all_closed(sandbox.node, "lost")


async def test_nothing_listens() -> None:
    with closed_port() as port, pytest.raises(RedisConnectionError, match=f"127.0.0.1:{port}"):
        await ConnectionManager.create(host="127.0.0.1", port=port)


async def test_a_host_that_does_not_exist() -> None:
    with pytest.raises(RedisConnectionError, match=r"no-such-host\.invalid"):
        await ConnectionManager.create(host="no-such-host.invalid")


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize(
    ("handler", "error"),
    [(babble, RedisConnectionError), (hang_up, RedisConnectionError), (keep_silent, RedisTimeoutError)],
)
async def test_no_redis_server(protocol: int, handler: Handler, error: type[Exception]) -> None:
    began = asyncio.get_running_loop().time()
    async with listener(handler) as port:
        with pytest.raises(error, match=f"127.0.0.1:{port}"):
            await ConnectionManager.create(
                host="127.0.0.1", port=port, protocol=protocol, socket_connect_timeout=0.3
            )
    # Bounded by socket_connect_timeout, and not by failover_timeout, which is 30 s.
    assert asyncio.get_running_loop().time() - began < 10


async def test_a_sentinels_address_is_a_data_server(empty: StandaloneSandbox) -> None:
    with pytest.raises(RedisConnectionError) as caught:
        await ConnectionManager.create(
            cluster_name="mymaster", sentinels=[empty.node.address], failover_timeout=0.5
        )
    assert f"127.0.0.1:{empty.node.port}" in str(caught.value)


async def test_a_service_that_no_sentinel_knows(sentinel_set: SentinelSandbox) -> None:
    with pytest.raises(UnknownServiceError, match="wrongname"):
        await ConnectionManager.create(cluster_name="wrongname", sentinels=sentinel_set.sentinels)


async def test_no_sentinel_answers() -> None:
    with closed_port() as port, pytest.raises(SentinelsUnreachableError, match=f"127.0.0.1:{port}"):
        await ConnectionManager.create(cluster_name="mymaster", sentinels=[("127.0.0.1", port)])


@pytest.mark.parametrize("handler", [babble, hang_up, keep_silent])
async def test_one_good_sentinel_among_bad_ones(sentinel_set: SentinelSandbox, handler: Handler) -> None:
    options: dict[str, Any] = {"cluster_name": sentinel_set.name, "socket_connect_timeout": 0.5}
    with closed_port() as closed:
        async with listener(handler) as bad:
            sentinels = [("127.0.0.1", bad), ("127.0.0.1", closed), sentinel_set.sentinels[0]]
            async with await ConnectionManager.create(sentinels=sentinels, **options) as manager:
                assert manager.primary == (await sentinel_set.primary()).address
                assert await manager.ping()


async def test_a_primary_that_cannot_be_reached(sentinel_set: SentinelSandbox) -> None:
    """The Sentinels' word alone is not enough: the primary itself must answer."""
    with closed_port() as port, pytest.raises(FailoverTimeoutError, match=f"{port}"):
        await ConnectionManager.create(
            cluster_name=sentinel_set.name,
            sentinels=sentinel_set.sentinels,
            failover_timeout=0.5,
            address_map=lambda address: address if address in sentinel_set.sentinels else ("127.0.0.1", port),
        )


async def test_a_cancelled_create_leaves_nothing(sentinel_set: SentinelSandbox) -> None:
    async with listener(keep_silent) as port:
        task = asyncio.ensure_future(ConnectionManager.create(host="127.0.0.1", port=port))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
