"""What the options of a connection do, as the server sees it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import DataError

from ha_manager import ConnectionManager
from ha_manager.sandbox import SentinelSandbox, StandaloneSandbox
from tests.integration.support import address_of, clients_named, eventually

MODES = pytest.mark.parametrize("protocol", [2, 3])


@MODES
async def test_client_name_and_protocol(empty: StandaloneSandbox, protocol: int) -> None:
    async with await ConnectionManager.create(
        **address_of(empty.node), client_name="my-app", protocol=protocol, poolsize=3
    ) as manager:
        await eventually(lambda: manager.stats().nodes[0].connections == 3, "three connections")
        await manager.blpop("nothing", 0.01)
        clients = await clients_named(empty.node, "my-app")
        assert len(clients) == 4  # three shared, one leased
        assert {client["resp"] for client in clients} == {str(protocol)}


async def test_client_name_on_every_server(sentinel_set: SentinelSandbox) -> None:
    async with await ConnectionManager.create(
        cluster_name=sentinel_set.name,
        sentinels=sentinel_set.sentinels,
        client_name="everywhere",
        read_from="replica",
    ):
        for node in sentinel_set.processes:
            assert await clients_named(node, "everywhere"), node


async def test_db(empty: StandaloneSandbox) -> None:
    async with await ConnectionManager.create(**address_of(empty.node), db=5) as manager:
        await manager.rpush("list", "x")
        assert await empty.node.ask(("SELECT", 5), ("LRANGE", "list", 0, -1)) == ["OK", ["x"]]
        assert await manager.blpop("list", 1) == (b"list", b"x")  # leased connections are in it too


async def test_a_db_that_is_not_there(empty: StandaloneSandbox) -> None:
    with pytest.raises(RedisConnectionError, match="SELECT"):
        await ConnectionManager.create(**address_of(empty.node), db=9999)


async def test_the_library_is_reported(empty: StandaloneSandbox) -> None:
    version = str(await empty.node.execute("INFO", "server"))
    knows_libraries = "valkey_version" in version  # Redis 7.0 is older than CLIENT SETINFO
    async with await ConnectionManager.create(**address_of(empty.node), client_name="lib") as manager:
        assert await manager.ping()
        (client,) = await clients_named(empty.node, "lib")
        assert client.get("lib-name") == ("ha_manager" if knows_libraries else None)
    options: dict[str, Any] = {"lib_name": "mine", "lib_version": "1.2.3", "client_name": "lib2"}
    async with await ConnectionManager.create(**address_of(empty.node), **options):
        (client,) = await clients_named(empty.node, "lib2")
        expected = ("mine", "1.2.3") if knows_libraries else (None, None)
        assert (client.get("lib-name"), client.get("lib-ver")) == expected
    async with await ConnectionManager.create(**address_of(empty.node), client_name="lib3", lib_name=None):
        (client,) = await clients_named(empty.node, "lib3")
        assert client.get("lib-name", "") == ""


@MODES
async def test_another_encoding(empty: StandaloneSandbox, protocol: int) -> None:
    async with await ConnectionManager.create(
        **address_of(empty.node), protocol=protocol, encoding="latin-1", decode_responses=True
    ) as manager:
        await manager.set("schlüssel", "größe")
        assert await manager.get("schlüssel") == "größe"
        assert await manager.get("schlüssel".encode("latin-1")) == "größe"
        assert await manager.strlen("schlüssel") == 5
        await manager.set("bytes", bytes(range(256)))
        assert await manager.get("bytes") == bytes(range(256)).decode("latin-1")
        with pytest.raises(DataError, match="latin-1"):
            await manager.set("key", "€")
        assert await manager.ping()


async def test_encoding_errors(empty: StandaloneSandbox) -> None:
    await empty.node.execute("SET", "broken", b"a\xffb")
    options = {**address_of(empty.node), "decode_responses": True}
    async with await ConnectionManager.create(**options, encoding_errors="replace") as manager:
        assert await manager.get("broken") == "a\ufffdb"
    async with await ConnectionManager.create(**options, encoding_errors="surrogateescape") as manager:
        assert await manager.get("broken") == "a\udcffb"
        await manager.set("copy", "a\udcffb")
        assert await manager.getrange("copy", 0, -1) == "a\udcffb"
        assert await manager.strlen("copy") == 3


@MODES
async def test_a_decode_error_hits_only_its_caller(empty: StandaloneSandbox, protocol: int) -> None:
    await empty.node.execute("SET", "broken", b"a\xffb")
    await empty.node.execute("RPUSH", "list", "good", b"\xff", "good")
    async with await ConnectionManager.create(
        **address_of(empty.node), protocol=protocol, decode_responses=True, client_name="decoding"
    ) as manager:
        before = await clients_named(empty.node, "decoding")
        asked: list[Any] = []
        for number in range(300):
            asked += [manager.get("broken"), manager.echo(str(number)), manager.lrange("list", 0, -1)]
        results = await asyncio.gather(*asked, return_exceptions=True)
        assert all(isinstance(result, UnicodeDecodeError) for result in results[0::3])
        assert results[1::3] == [str(number) for number in range(300)]
        assert all(isinstance(result, UnicodeDecodeError) for result in results[2::3])
        after = await clients_named(empty.node, "decoding")
        assert [client["id"] for client in after] == [client["id"] for client in before]


async def test_a_decode_error_of_a_blocking_command(empty: StandaloneSandbox) -> None:
    await empty.node.execute("RPUSH", "list", b"\xff", "good")
    async with await ConnectionManager.create(**address_of(empty.node), decode_responses=True) as manager:
        with pytest.raises(UnicodeDecodeError):
            await manager.blpop("list", 1)
        assert await manager.blpop("list", 1) == ("list", "good")


async def test_poolsize(empty: StandaloneSandbox) -> None:
    async with await ConnectionManager.create(
        **address_of(empty.node), poolsize=5, client_name="five"
    ) as manager:
        # The first is enough to begin with, the others are opened behind it.
        await eventually(lambda: manager.stats().nodes[0].connections == 5, "five connections")
        await asyncio.gather(*(manager.incr("counter") for _ in range(1000)))
        assert len(await clients_named(empty.node, "five")) == 5
        assert await manager.get("counter") == b"1000"
