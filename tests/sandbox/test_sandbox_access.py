"""Users, passwords and TLS, for the data servers and for the Sentinels."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from ha_manager.errors import ConfigurationError
from ha_manager.sandbox import (
    Access,
    Credentials,
    Deployment,
    SentinelSandbox,
    StandaloneSandbox,
    available_servers,
    find_server,
)
from ha_manager.sandbox.admin import ask

WITH_TLS = [name for name in available_servers() if find_server(name).supports_tls()]
WITHOUT_TLS = [name for name in available_servers() if name not in WITH_TLS]

PASSWORD_OPTIONS: list[dict[str, str]] = [
    {"password": "p#1"},
    {"username": "app", "password": "p:2"},
    {"sentinel_password": "s>3"},
    {"username": "app", "password": "p4", "sentinel_username": "watch", "sentinel_password": "s4"},
]


async def fails_over(sandbox: SentinelSandbox) -> None:
    """A failover needs every kind of login: Sentinel to node, replica to primary, Sentinel to Sentinel."""
    old = await sandbox.kill_primary()
    await sandbox.wait_for_primary(other_than=old)
    assert await sandbox.wait_healthy() is not old


async def test_passwords(server: str) -> None:
    # At the same time, because a failover is mostly waiting.
    async with asyncio.TaskGroup() as group:
        for options in PASSWORD_OPTIONS:
            group.create_task(passwords_are_needed_and_enough(server, options))


async def passwords_are_needed_and_enough(server: str, options: dict[str, Any]) -> None:
    async with SentinelSandbox(server=server, **options) as sandbox:
        strangers = {
            "password": sandbox.nodes,
            "sentinel_password": sandbox.sentinel_nodes,
        }
        for option, processes in strangers.items():
            for process in processes:
                (reply,) = await ask(Access(*process.address), ("CLIENT", "ID"), timeout=5)
                refused = isinstance(reply, ResponseError) and str(reply).startswith("NOAUTH")
                assert refused == (option in options), options
        await fails_over(sandbox)


async def test_with_a_user_the_default_user_is_off(server: str) -> None:
    async with StandaloneSandbox(server=server, username="app", password="secret") as sandbox:
        default = Access(*sandbox.node.address, Credentials(password="secret"))
        with pytest.raises(ResponseError, match="WRONGPASS"):
            await ask(default, ("PING",), timeout=5)
        assert await sandbox.execute(sandbox.node, "ACL", "WHOAMI") == "app"


async def test_a_restart_keeps_the_passwords(server: str) -> None:
    options: dict[str, Any] = {"username": "app", "password": "p", "sentinel_password": "s"}
    async with SentinelSandbox(server=server, sentinels=1, replicas=1, **options) as sandbox:
        replica = sandbox.nodes[1]
        await sandbox.execute(replica, "CONFIG", "REWRITE")
        await sandbox.execute(sandbox.sentinel_nodes[0], "SENTINEL", "FLUSHCONFIG")
        for process in (replica, sandbox.sentinel_nodes[0]):
            await sandbox.restart(process)
        assert await sandbox.wait_healthy() is sandbox.nodes[0]


@pytest.mark.parametrize("text", ["", "with space", 'quo"te', "new\nline", "back\\slash"])
@pytest.mark.parametrize("option", ["password", "sentinel_password"])
def test_a_password_that_no_configuration_file_can_hold(option: str, text: str) -> None:
    options: dict[str, Any] = {option: text}
    with pytest.raises(ConfigurationError, match=option):
        SentinelSandbox(**options)


def test_a_username_needs_a_password() -> None:
    with pytest.raises(ConfigurationError, match="needs a password"):
        StandaloneSandbox(username="app")


async def test_no_repr_shows_a_password(server: str) -> None:
    async with StandaloneSandbox(server=server, password="hunter2") as sandbox:
        shown = repr([sandbox, sandbox.processes, sandbox.node.access, sandbox.url])
        assert "hunter2" not in shown
        assert sandbox.node.config_path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("tls_server", WITH_TLS)
@pytest.mark.parametrize(("tls", "sentinel_tls"), [(True, True), (True, False), (False, True)])
async def test_tls_of_nodes_and_sentinels(tls_server: str, tls: bool, sentinel_tls: bool) -> None:
    async with SentinelSandbox(
        server=tls_server,
        tls=tls,
        sentinel_tls=sentinel_tls,
        password="p",
        sentinel_password="s",
    ) as sandbox:
        assert sandbox.url.startswith("rediss+sentinel://" if tls else "redis+sentinel://")
        for processes, wanted in ((sandbox.nodes, tls), (sandbox.sentinel_nodes, sentinel_tls)):
            spoken = await asyncio.gather(*(speaks_tls(node.address, sandbox.ca_cert) for node in processes))
            assert spoken == [wanted] * 3
        await fails_over(sandbox)
        # What the Sentinels give out are the addresses that clients reach the data servers at.
        primary = await sandbox.primary()
        for sentinel in sandbox.sentinel_nodes:
            named = await sandbox.execute(sentinel, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", sandbox.name)
            assert named == [primary.host, str(primary.port)]


@pytest.mark.parametrize("tls_server", WITH_TLS)
async def test_a_client_certificate_can_be_demanded(tls_server: str) -> None:
    async with StandaloneSandbox(server=tls_server, tls=True, config={"tls-auth-clients": True}) as sandbox:
        assert sandbox.url == f"rediss://127.0.0.1:{sandbox.node.port}"
        context = ssl.create_default_context(cafile=sandbox.ca_cert)
        with pytest.raises(RedisConnectionError):
            await ask(Access(*sandbox.node.address, tls=context), ("PING",), timeout=5)
        context.load_cert_chain(sandbox.client_cert, sandbox.client_key)
        assert await ask(Access(*sandbox.node.address, tls=context), ("PING",), timeout=5) == ["PONG"]


@pytest.mark.parametrize("plain_server", WITHOUT_TLS)
@pytest.mark.parametrize("option", ["tls", "sentinel_tls"])
async def test_a_server_without_tls_is_named(plain_server: str, option: str) -> None:
    options: dict[str, Any] = {option: True}
    with pytest.raises(ConfigurationError, match=f"{plain_server} was built without TLS"):
        await SentinelSandbox(server=plain_server, **options).__aenter__()


async def test_without_tls_there_are_no_certificates(server: str) -> None:
    async with StandaloneSandbox(server=server) as sandbox:
        assert isinstance(sandbox, Deployment)
        with pytest.raises(ConfigurationError, match="only with tls=True"):
            _ = sandbox.ca_cert


async def speaks_tls(address: tuple[str, int], ca_cert: Path) -> bool:
    context = ssl.create_default_context(cafile=ca_cert)
    try:
        await ask(Access(*address, tls=context), ("PING",), timeout=1)
    except (RedisConnectionError, RedisTimeoutError):  # a plain port waits for the rest of a command line
        return False
    return True
