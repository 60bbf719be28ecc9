"""One server: by host and port, Unix socket, IPv6, and every form of URL."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from ha_manager import ConfigurationError, ConnectionManager
from ha_manager.sandbox import SentinelSandbox, StandaloneSandbox
from tests.integration.support import address_of


async def works(manager: ConnectionManager) -> None:
    """Set and get a key, and close."""
    async with manager:
        assert await manager.set("key", "value")
        assert await manager.get("key") == b"value"


async def test_host_and_port(empty: StandaloneSandbox) -> None:
    await works(await ConnectionManager.create(**address_of(empty.node)))
    await works(await ConnectionManager.create(host="localhost", port=empty.node.port))
    await works(await ConnectionManager.create(port=empty.node.port))


async def test_unix_socket(empty: StandaloneSandbox) -> None:
    manager = await ConnectionManager.create(unix_socket_path=str(empty.unix_socket))
    assert str(empty.unix_socket) in repr(manager)
    assert (await manager.client_info())["flags"] == "U"
    await works(manager)


async def test_a_unix_socket_that_is_not_there(empty: StandaloneSandbox) -> None:
    with pytest.raises(RedisConnectionError, match=r"nowhere\.sock"):
        await ConnectionManager.create(unix_socket_path=str(empty.directory / "nowhere.sock"))


def _loopback6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.fixture(params=["127.0.0.1 ::1"] if _loopback6() else [])
def both_families(request: pytest.FixtureRequest) -> str:
    """What a server must bind to be reached by IPv6 as well."""
    return str(request.param)


async def test_ipv6(server_name: str, both_families: str) -> None:
    async with StandaloneSandbox(server=server_name, config={"bind": both_families}) as sandbox:
        port = sandbox.node.port
        manager = await ConnectionManager.create(host="::1", port=port)
        assert repr(manager).startswith(f"<ConnectionManager [::1]:{port} ")
        await works(manager)
        await works(await ConnectionManager.create(host="[::1]", port=port))
        await works(await ConnectionManager.from_url(f"redis://[::1]:{port}/0"))


async def test_redis_url(empty: StandaloneSandbox) -> None:
    manager = await ConnectionManager.from_url(f"{empty.url}/3?client_name=by-url&protocol=3")
    info = await manager.client_info()
    assert (info["db"], info["name"]) == (3, "by-url")
    await works(manager)
    assert await empty.node.ask(("SELECT", 3), ("GET", "key")) == ["OK", "value"]


async def test_unix_url(empty: StandaloneSandbox) -> None:
    manager = await ConnectionManager.from_url(f"unix://{empty.unix_socket}?db=2")
    assert (await manager.client_info())["db"] == 2
    await works(manager)


async def test_sentinel_url(sentinel_set: SentinelSandbox) -> None:
    manager = await ConnectionManager.from_url(sentinel_set.url + "/4", decode_responses=True)
    assert (await manager.client_info())["db"] == 4
    assert manager.primary == (await sentinel_set.primary()).address
    async with manager:
        assert await manager.echo("hello") == "hello"


async def test_a_url_with_a_login(server_name: str) -> None:
    async with StandaloneSandbox(server=server_name, username="me", password="p@ss/word") as sandbox:
        address = f"{sandbox.node.host}:{sandbox.node.port}"
        await works(await ConnectionManager.from_url(f"redis://me:p%40ss%2Fword@{address}"))


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("http://127.0.0.1:6379", "known scheme"),
        ("127.0.0.1:6379", "known scheme"),
        ("redis+sentinel://127.0.0.1:26379", "cluster_name"),
    ],
)
async def test_urls_that_cannot_be_used(url: str, named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        await ConnectionManager.from_url(url)


@pytest.mark.parametrize("options", [{}, {"hots": "127.0.0.1"}, {"host": "h", "sentinels": [("h", 1)]}])
async def test_options_that_cannot_be_used(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        await ConnectionManager.create(**options)
