"""Passwords and ACL users, of the data servers and of the Sentinels, right, wrong and missing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from redis.credentials import CredentialProvider, UsernamePasswordCredentialProvider
from redis.exceptions import AuthenticationError, NoPermissionError

from ha_manager import ConnectionManager
from ha_manager.sandbox import SentinelSandbox, ServerProcess, StandaloneSandbox
from tests.integration.support import address_of, clients_named, clients_of, no_more_clients_than, tasks_now

NODE_LOGIN: dict[str, Any] = {"username": "app", "password": "node-secret"}
SENTINEL_LOGIN: dict[str, Any] = {"sentinel_username": "watcher", "sentinel_password": "sentinel-secret"}
PROTOCOLS = pytest.mark.parametrize("protocol", [2, 3])


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def users(server_name: str) -> AsyncIterator[StandaloneSandbox]:
    """A server with an ACL user; the default user is off."""
    async with StandaloneSandbox(server=server_name, **NODE_LOGIN) as sandbox:
        yield sandbox


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def password_only(server_name: str) -> AsyncIterator[StandaloneSandbox]:
    """A server whose default user has a password."""
    async with StandaloneSandbox(server=server_name, password="just-a-password") as sandbox:
        yield sandbox


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def guarded_set(server_name: str) -> AsyncIterator[SentinelSandbox]:
    """Data servers with one login, Sentinels with another."""
    async with SentinelSandbox(server=server_name, replicas=1, **NODE_LOGIN, **SENTINEL_LOGIN) as sandbox:
        yield sandbox


async def assert_refused(node: ServerProcess, **options: Any) -> str:
    """``create`` raises AuthenticationError, and leaves neither a task nor a connection behind."""
    tasks, clients = tasks_now(), {client["id"] for client in await clients_of(node)}
    with pytest.raises(AuthenticationError) as caught:
        await ConnectionManager.create(**options)
    assert tasks_now() == tasks
    await no_more_clients_than(clients, node)
    return str(caught.value)


@PROTOCOLS
@pytest.mark.parametrize(
    "login",
    [
        {},
        {"password": "node-secret"},
        {"username": "app", "password": "wrong"},
        {"username": "nobody", "password": "node-secret"},
    ],
    ids=["missing", "user missing", "wrong password", "wrong user"],
)
async def test_an_acl_user_refused(users: StandaloneSandbox, login: dict[str, str], protocol: int) -> None:
    message = await assert_refused(users.node, **address_of(users.node), **login, protocol=protocol)
    assert f"127.0.0.1:{users.node.port}" in message
    assert "node-secret" not in message


@PROTOCOLS
async def test_an_acl_user(users: StandaloneSandbox, protocol: int) -> None:
    async with await ConnectionManager.create(
        **address_of(users.node), **NODE_LOGIN, protocol=protocol
    ) as manager:
        assert await manager.acl_whoami() in ("app", b"app")
        assert await manager.blpop("nothing", 0.01) is None


@PROTOCOLS
async def test_a_password_alone(password_only: StandaloneSandbox, protocol: int) -> None:
    options = {**address_of(password_only.node), "protocol": protocol}
    await assert_refused(password_only.node, **options)
    await assert_refused(password_only.node, **options, password="wrong")
    async with await ConnectionManager.create(**options, password="just-a-password") as manager:
        assert await manager.set("key", "value")
    async with await ConnectionManager.create(
        **options, username="default", password="just-a-password"
    ) as manager:
        assert await manager.get("key") == b"value"


async def test_a_user_with_few_rights(users: StandaloneSandbox) -> None:
    rules = ("on", ">few-secret", "~mine:*", "+get", "+set", "+ping")
    await users.node.execute("ACL", "SETUSER", "few", *rules)
    async with await ConnectionManager.create(
        **address_of(users.node), username="few", password="few-secret", lib_name=None
    ) as manager:
        assert await manager.set("mine:key", "value")
        assert await manager.get("mine:key") == b"value"
        for refused in (manager.get("other"), manager.hget("mine:key", "field"), manager.flushall()):
            with pytest.raises(NoPermissionError):
                await refused
    await users.node.execute("ACL", "DELUSER", "few")


class Rotating(CredentialProvider):
    """Gives another user at each connect; counts how often it was asked."""

    def __init__(self, *logins: tuple[str, ...]) -> None:
        self._logins = logins
        self.asked = 0

    def get_credentials(self) -> Any:
        raise AssertionError("an asyncio client asks by get_credentials_async")

    async def get_credentials_async(self) -> Any:
        login = self._logins[self.asked % len(self._logins)]
        self.asked += 1
        return login


async def test_a_credential_provider(users: StandaloneSandbox, password_only: StandaloneSandbox) -> None:
    fixed = UsernamePasswordCredentialProvider("app", "node-secret")
    async with await ConnectionManager.create(**address_of(users.node), credential_provider=fixed) as manager:
        assert await manager.acl_whoami() in ("app", b"app")
    short = Rotating(("just-a-password",))
    async with await ConnectionManager.create(
        **address_of(password_only.node), credential_provider=short
    ) as manager:
        assert await manager.ping()


async def test_an_async_provider_is_asked_at_each_connect(users: StandaloneSandbox) -> None:
    await users.node.execute("ACL", "SETUSER", "second", "on", ">second-secret", "~*", "+@all")
    provider = Rotating(("app", "node-secret"), ("second", "second-secret"))
    async with await ConnectionManager.create(
        **address_of(users.node), credential_provider=provider, client_name="rotating"
    ) as manager:
        assert await manager.acl_whoami() in ("app", b"app")
        await manager.rpush("list", "x")
        assert await manager.blpop("list", 1)
        assert provider.asked == 2
        logged_in = [client["user"] for client in await clients_named(users.node, "rotating")]
        assert sorted(logged_in) == ["app", "second"]


async def test_a_provider_that_fails(users: StandaloneSandbox) -> None:
    class Broken(CredentialProvider):
        async def get_credentials_async(self) -> Any:
            raise AuthenticationError("the vault is sealed")

        def get_credentials(self) -> Any:
            raise AuthenticationError("the vault is sealed")

    message = await assert_refused(users.node, **address_of(users.node), credential_provider=Broken())
    assert "the vault is sealed" in message


def _options(sandbox: SentinelSandbox) -> dict[str, Any]:
    return {"cluster_name": sandbox.name, "sentinels": sandbox.sentinels}


@PROTOCOLS
async def test_both_logins_right(guarded_set: SentinelSandbox, protocol: int) -> None:
    async with await ConnectionManager.create(
        **_options(guarded_set), **NODE_LOGIN, **SENTINEL_LOGIN, protocol=protocol, read_from="prefer_replica"
    ) as manager:
        assert await manager.acl_whoami() in ("app", b"app")
        assert manager.primary == (await guarded_set.primary()).address
        await manager.refresh()
        assert len(await manager.sentinels()) == 2


@PROTOCOLS
@pytest.mark.parametrize(
    "login",
    [{}, {"sentinel_password": "sentinel-secret"}, SENTINEL_LOGIN | {"sentinel_password": "wrong"}],
    ids=["missing", "user missing", "wrong"],
)
async def test_the_sentinels_login_wrong(
    guarded_set: SentinelSandbox, login: dict[str, str], protocol: int
) -> None:
    sentinel = guarded_set.sentinel_nodes[0]
    message = await assert_refused(
        sentinel, **_options(guarded_set), **NODE_LOGIN, **login, protocol=protocol
    )
    assert any(f":{port}" in message for _, port in guarded_set.sentinels)


@PROTOCOLS
@pytest.mark.parametrize(
    "login", [{}, NODE_LOGIN | {"password": "sentinel-secret"}], ids=["missing", "wrong"]
)
async def test_the_nodes_login_wrong(
    guarded_set: SentinelSandbox, login: dict[str, str], protocol: int
) -> None:
    primary = await guarded_set.primary()
    message = await assert_refused(
        primary, **_options(guarded_set), **SENTINEL_LOGIN, **login, protocol=protocol, failover_timeout=1
    )
    assert f"127.0.0.1:{primary.port}" in message


async def test_a_provider_for_the_sentinels(guarded_set: SentinelSandbox) -> None:
    nodes, sentinels = Rotating(("app", "node-secret")), Rotating(("watcher", "sentinel-secret"))
    async with await ConnectionManager.create(
        **_options(guarded_set), credential_provider=nodes, sentinel_credential_provider=sentinels
    ) as manager:
        assert await manager.ping()
        assert nodes.asked >= 1
        assert sentinels.asked >= 1
