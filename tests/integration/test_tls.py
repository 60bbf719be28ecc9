"""TLS to the data servers, to the Sentinels, to both; certificates that do not fit."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from ha_manager import ConnectionManager, SentinelsUnreachableError
from ha_manager.sandbox import SentinelSandbox, StandaloneSandbox, find_server
from tests.conftest import SERVERS
from tests.integration.listeners import listener
from tests.integration.proxy import forward_to
from tests.integration.support import address_of, tasks_now

WITH_TLS = [name for name in SERVERS if find_server(name).supports_tls()]


def test_some_server_here_speaks_tls() -> None:
    """Otherwise none of the tests below would run, and nobody would notice."""
    assert WITH_TLS, "no server with TLS: install redis-server or valkey-server"


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=WITH_TLS)
async def secure(request: pytest.FixtureRequest) -> AsyncIterator[StandaloneSandbox]:
    """One server that speaks TLS only, and has a password."""
    async with StandaloneSandbox(server=request.param, tls=True, password="secret") as sandbox:
        yield sandbox


@pytest_asyncio.fixture(
    scope="session",
    loop_scope="session",
    params=[(True, False), (False, True), (True, True)],
    ids=["nodes", "sentinels", "both"],
)
async def secure_set(request: pytest.FixtureRequest) -> AsyncIterator[SentinelSandbox]:
    """A small Sentinel deployment that speaks TLS in part or as a whole."""
    tls, sentinel_tls = request.param
    async with SentinelSandbox(
        server=WITH_TLS[0], replicas=1, sentinels=2, tls=tls, sentinel_tls=sentinel_tls
    ) as sandbox:
        sandbox.wanted = _options(sandbox, tls, sentinel_tls)  # type: ignore[attr-defined]
        yield sandbox


def _options(sandbox: SentinelSandbox, tls: bool, sentinel_tls: bool) -> dict[str, Any]:
    options: dict[str, Any] = {"cluster_name": sandbox.name, "sentinels": sandbox.sentinels}
    if tls:
        options |= {"ssl": True, "ssl_ca_certs": str(sandbox.ca_cert)}
    if sentinel_tls:
        options |= {"sentinel_ssl": True}
    if sentinel_tls and not tls:
        options |= {"sentinel_ssl_ca_certs": str(sandbox.ca_cert)}
    return options


@pytest.fixture(scope="session")
def other_ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority that signed nobody's certificate."""
    from ha_manager.sandbox.certificates import make_certificates

    return make_certificates(tmp_path_factory.mktemp("other") / "tls").ca_cert


def secure_options(sandbox: StandaloneSandbox, **more: Any) -> dict[str, Any]:
    return {
        **address_of(sandbox.node),
        "password": "secret",
        "ssl": True,
        "ssl_ca_certs": str(sandbox.ca_cert),
        **more,
    }


async def test_through_sentinels(secure_set: SentinelSandbox) -> None:
    wanted = secure_set.wanted  # type: ignore[attr-defined]
    async with await ConnectionManager.create(**wanted, read_from="prefer_replica") as manager:
        assert await manager.set("key", "value")
        await manager.wait(1, 5000)
        assert await manager.get("key") == b"value"
        assert manager.primary == (await secure_set.primary()).address
        await manager.refresh()
        assert len(await manager.sentinels()) == 1
        assert await manager.blpop("nothing", 0.01) is None


async def test_without_the_tls_that_is_needed(secure_set: SentinelSandbox) -> None:
    wanted = secure_set.wanted  # type: ignore[attr-defined]
    plain = {name: value for name, value in wanted.items() if "ssl" not in name}
    before = tasks_now()
    with pytest.raises(RedisError) as caught:
        await ConnectionManager.create(**plain, failover_timeout=1, socket_connect_timeout=0.5)
    assert isinstance(caught.value, RedisConnectionError)
    assert "127.0.0.1:" in str(caught.value)
    assert tasks_now() == before


async def test_a_wrong_authority_for_sentinels(secure_set: SentinelSandbox, other_ca: Path) -> None:
    wanted = secure_set.wanted  # type: ignore[attr-defined]
    wrong = {name: str(other_ca) if name.endswith("ca_certs") else value for name, value in wanted.items()}
    with pytest.raises(RedisConnectionError, match="certificate verify failed") as caught:
        await ConnectionManager.create(**wrong, failover_timeout=1)
    if "sentinel_ssl" in wanted:
        assert isinstance(caught.value, SentinelsUnreachableError)


@pytest.mark.parametrize("protocol", [2, 3])
async def test_one_server(secure: StandaloneSandbox, protocol: int) -> None:
    async with await ConnectionManager.create(**secure_options(secure, protocol=protocol)) as manager:
        large = bytes(range(256)) * 20_000
        assert await manager.set("large", large)
        assert await manager.get("large") == large


async def test_a_url(secure: StandaloneSandbox) -> None:
    url = f"rediss://:secret@localhost:{secure.node.port}/1?ssl_ca_certs={secure.ca_cert}"
    async with await ConnectionManager.from_url(url) as manager:
        assert (await manager.client_info())["db"] == 1


async def test_a_client_certificate(secure: StandaloneSandbox) -> None:
    await secure.node.execute("CONFIG", "SET", "tls-auth-clients", "yes")
    try:
        shown = {"ssl_certfile": str(secure.client_cert), "ssl_keyfile": str(secure.client_key)}
        async with await ConnectionManager.create(**secure_options(secure, **shown)) as manager:
            assert await manager.ping()
        with pytest.raises(RedisConnectionError, match=f"127.0.0.1:{secure.node.port}"):
            await ConnectionManager.create(**secure_options(secure))
    finally:
        await secure.node.execute("CONFIG", "SET", "tls-auth-clients", "optional")


async def test_a_context_of_ones_own(secure: StandaloneSandbox) -> None:
    context = ssl.create_default_context(cafile=secure.ca_cert)
    async with await ConnectionManager.create(
        **address_of(secure.node), password="secret", ssl=True, ssl_context=context
    ) as manager:
        assert await manager.ping()


async def test_an_unknown_authority(secure: StandaloneSandbox, other_ca: Path) -> None:
    before = tasks_now()
    for authority in ({"ssl_ca_certs": str(other_ca)}, {"ssl_ca_certs": None}):
        with pytest.raises(RedisConnectionError, match="certificate verify failed") as caught:
            await ConnectionManager.create(**secure_options(secure, **authority))
        assert f"127.0.0.1:{secure.node.port}" in str(caught.value)
    assert tasks_now() == before
    async with await ConnectionManager.create(
        **secure_options(secure, ssl_ca_certs=None, ssl_cert_reqs="none")
    ) as manager:
        assert await manager.ping()


async def test_the_host_name_is_checked(secure: StandaloneSandbox) -> None:
    # The certificate is for 127.0.0.1, ::1 and localhost, and the proxy makes the server 127.0.0.2.
    options = secure_options(secure, host="127.0.0.1")
    for name in ("localhost", "127.0.0.1"):
        async with await ConnectionManager.create(**{**options, "host": name}) as manager:
            assert await manager.ping()
    async with listener(forward_to(secure.node.address), host="127.0.0.2") as port:
        mapped = {**options, "host": "127.0.0.2", "port": port}
        with pytest.raises(RedisConnectionError, match=r"127\.0\.0\.2"):
            await ConnectionManager.create(**mapped)
        async with await ConnectionManager.create(**mapped, ssl_check_hostname=False) as manager:
            assert await manager.ping()


async def test_plain_where_tls_is_spoken(secure: StandaloneSandbox) -> None:
    with pytest.raises(RedisConnectionError, match=f"127.0.0.1:{secure.node.port}"):
        await ConnectionManager.create(**address_of(secure.node), password="secret", socket_connect_timeout=1)


async def test_tls_where_none_is_spoken(empty: StandaloneSandbox) -> None:
    # The server waits for the end of what it takes for a command, so the time limit may end this.
    with pytest.raises(RedisError, match=f"127.0.0.1:{empty.node.port}"):
        await ConnectionManager.create(
            **address_of(empty.node), ssl=True, ssl_cert_reqs="none", socket_connect_timeout=1
        )
