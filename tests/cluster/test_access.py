"""TLS, passwords, and users who may do little, in clusters."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from redis.exceptions import AuthenticationError, NoPermissionError
from redis.exceptions import ConnectionError as RedisConnectionError

from ha_manager import ConnectionManager
from ha_manager.sandbox import ClusterSandbox, find_server
from ha_manager.topology import Deployment
from tests.cluster.cluster_support import (
    admitted,
    counts,
    one_key_each,
    replicas_shown,
    replicated,
    reset_counts,
)
from tests.conftest import SERVERS
from tests.integration.support import address_of, eventually, tasks_now

WITH_TLS = [name for name in SERVERS if find_server(name).supports_tls()]
LOGIN: dict[str, Any] = {"username": "app", "password": "secret"}


async def works(manager: ConnectionManager, sandbox: ClusterSandbox) -> None:
    keys = one_key_each(sandbox)
    assert len(manager.get_nodes()) == len(sandbox.nodes)
    assert await manager.flushall()
    assert await manager.mset(dict.fromkeys(keys, "value"))
    current = manager.with_options(read_from="primary")
    assert await asyncio.gather(*map(current.get, keys)) == [b"value"] * 3
    assert await current.dbsize() == 3
    with manager.ensure_replication(timeout_ms=3000):
        assert await manager.set(keys[0], "value")


# TLS


def test_some_server_here_speaks_tls() -> None:
    """Otherwise none of the tests below would run, and nobody would notice."""
    assert WITH_TLS, "no server with TLS: install redis-server or valkey-server"


@pytest_asyncio.fixture(params=WITH_TLS)
async def secure(request: pytest.FixtureRequest) -> AsyncIterator[ClusterSandbox]:
    """A cluster that speaks TLS only, with a password."""
    async with ClusterSandbox(server=request.param, tls=True, password="secret") as sandbox:
        yield sandbox


async def test_tls(secure: ClusterSandbox, tmp_path: Path) -> None:
    from ha_manager.sandbox.certificates import make_certificates

    seeds, ca = secure.startup_nodes, str(secure.ca_cert)
    good: dict[str, Any] = {"ssl": True, "ssl_ca_certs": ca, "password": "secret"}
    async with await ConnectionManager.create(startup_nodes=seeds, read_from="replica", **good) as manager:
        await works(manager, secure)
        keys = one_key_each(secure)
        await replicated(secure)
        await admitted(manager, keys)
        assert await manager.mget(keys) == [b"value"] * 3
        slot = manager.keyslot(keys[0])
        await secure.migrate_slots([slot], secure.nodes[1])
        assert await manager.with_options(read_from="primary").get(keys[0]) == b"value"
    url = secure.url.replace("://", "://:secret@")
    assert url.startswith("rediss+cluster://")
    async with await ConnectionManager.from_url(url, ssl_ca_certs=ca) as manager:
        await works(manager, secure)
    async with await ConnectionManager.create(**address_of(secure.nodes[5]), **good) as manager:
        await works(manager, secure)
    before = tasks_now()
    other = make_certificates(tmp_path / "tls").ca_cert
    for wrong in ({"ssl_ca_certs": str(other)}, {"ssl": False, "ssl_ca_certs": None}):
        with pytest.raises(RedisConnectionError):
            await ConnectionManager.create(
                startup_nodes=seeds,
                socket_connect_timeout=2,
                failover_timeout=2,
                **{name: value for name, value in {**good, **wrong}.items() if value is not None},
            )
    with pytest.raises(AuthenticationError):
        await ConnectionManager.create(startup_nodes=seeds, **{**good, "password": "wrong"})
    assert tasks_now() == before


# Logins


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=SERVERS)
async def guarded(request: pytest.FixtureRequest) -> AsyncIterator[ClusterSandbox]:
    """A cluster with an ACL user who may do everything, and several who may not."""
    async with ClusterSandbox(server=request.param, **LOGIN) as sandbox:
        await replicas_shown(sandbox)
        yield sandbox


async def test_logins(guarded: ClusterSandbox) -> None:
    seeds = guarded.startup_nodes
    async with await ConnectionManager.create(startup_nodes=seeds, **LOGIN) as manager:
        await works(manager, guarded)
        assert "secret" not in repr(manager) + repr(manager.stats())
    async with await ConnectionManager.from_url(guarded.url.replace("://", "://app:secret@")) as manager:
        await works(manager, guarded)
    before = tasks_now()
    for wrong in ({}, {"password": "secret"}, {"username": "app", "password": "wrong"}):
        with pytest.raises(AuthenticationError) as caught:
            await ConnectionManager.create(startup_nodes=seeds, **wrong)
        assert "secret" not in str(caught.value)
    assert tasks_now() == before


async def with_user(sandbox: ClusterSandbox, *rights: str) -> dict[str, Any]:
    """Makes a user on every node, and returns the login."""
    for node in sandbox.nodes:
        await node.execute("ACL", "SETUSER", "few", "reset", "on", ">pass", "~*", "&*", "+@all", *rights)
    return {"username": "few", "password": "pass"}


LACKING = [
    ("-cluster|shards",),
    ("-cluster|info",),
    ("-role",),
    ("-info",),
    ("-cluster|info", "-role", "-info"),
    ("-cluster|shards", "-cluster|info", "-role", "-info", "-command", "-client", "-hello"),
]


@pytest.mark.parametrize("rights", LACKING, ids=" ".join)
async def test_users_without_some_rights(guarded: ClusterSandbox, rights: tuple[str, ...]) -> None:
    login = await with_user(guarded, *rights)
    async with await ConnectionManager.create(
        startup_nodes=guarded.startup_nodes, read_from="prefer_replica", failover_timeout=5, **login
    ) as manager:
        await works(manager, guarded)
        await manager.refresh()
        for node in guarded.nodes:
            await node.execute("CLIENT", "KILL", "USER", "few")
        careless = manager.with_options(in_doubt="retry", read_from="primary")
        for key in one_key_each(guarded):
            assert await careless.set(key, "after the connections were lost")
        await works(manager, guarded)


async def test_a_user_who_may_not_ask_for_the_topology(guarded: ClusterSandbox) -> None:
    login = await with_user(guarded, "-cluster")
    with pytest.raises(NoPermissionError, match="cluster"):
        await ConnectionManager.create(startup_nodes=guarded.startup_nodes, **login)


# One node, which only later turns out to be a cluster's


@pytest.mark.parametrize("protocol", [2, 3])
async def test_what_redirects_is_a_cluster(guarded: ClusterSandbox, protocol: int) -> None:
    """Neither INFO nor ROLE nor CLUSTER INFO are allowed: the first MOVED tells."""
    login = await with_user(guarded, "-info", "-role", "-cluster|info")
    async with await ConnectionManager.create(
        **address_of(guarded.nodes[0]), protocol=protocol, refresh_interval=None, **login
    ) as manager:
        assert manager.topology.deployment is Deployment.STANDALONE
        keys = one_key_each(guarded)
        assert await asyncio.gather(*(manager.set(key, key) for key in keys * 20)) == [True] * 60
        await eventually(lambda: manager.topology.deployment is Deployment.CLUSTER, "it became a cluster")
        await eventually(lambda: len(manager.stats().nodes) >= 3, "the primaries are connected to")
        await works(manager, guarded)
        retried = manager.stats().retried
        await reset_counts(guarded.nodes)
        assert await asyncio.gather(*map(manager.get, keys * 20)) == [b"value"] * 60
        assert await counts(guarded.nodes, "get") == [20, 20, 20, 0, 0, 0]
        assert manager.stats().retried == retried
        view = manager.with_options(in_doubt="retry")
        assert await view.mget(keys) == [b"value"] * 3


async def test_one_that_redirects_and_tells_nothing(guarded: ClusterSandbox) -> None:
    """Without any right to ask, each redirect is followed for itself."""
    login = await with_user(guarded, "-info", "-role", "-cluster")
    async with await ConnectionManager.create(**address_of(guarded.nodes[0]), **login) as manager:
        for _ in range(3):
            for key in one_key_each(guarded):
                assert await manager.set(key, key)
                assert await manager.get(key) == key.encode()
        assert manager.topology.deployment is Deployment.STANDALONE
