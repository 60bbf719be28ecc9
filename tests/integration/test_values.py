"""Values of every size and every byte."""

from __future__ import annotations

import asyncio
import random

import pytest
from redis.exceptions import DataError

from ha_manager import ConnectionManager
from ha_manager.sandbox import StandaloneSandbox
from tests.integration.support import address_of

EVERY_BYTE = bytes(range(256))


@pytest.mark.parametrize("protocol", [2, 3])
async def test_sixteen_megabytes_both_ways(empty: StandaloneSandbox, protocol: int) -> None:
    large = random.Random(1).randbytes(1 << 24)
    async with await ConnectionManager.create(
        **address_of(empty.node), protocol=protocol, client_name="large"
    ) as manager:
        small = [manager.echo(str(number)) for number in range(100)]
        replies = await asyncio.gather(manager.set("large", large), *small, manager.get("large"))
        assert replies[1:-1] == [str(number).encode() for number in range(100)]
        assert replies[-1] == large
        assert await manager.get("large") == large
        assert await manager.strlen("large") == 1 << 24


async def test_large_values_at_once(manager: ConnectionManager) -> None:
    values = {f"key{number}": bytes([number]) * (1 << 20) for number in range(20)}
    await asyncio.gather(*(manager.set(key, value) for key, value in values.items()))
    assert await asyncio.gather(*map(manager.get, values)) == list(values.values())


async def test_large_text(empty: StandaloneSandbox) -> None:
    text = "äöü€𝄞" * 200_000
    async with await ConnectionManager.create(**address_of(empty.node), decode_responses=True) as manager:
        assert await manager.set("text", text)
        assert await manager.get("text") == text


async def test_a_hundred_thousand_arguments(manager: ConnectionManager) -> None:
    values = [b"%d" % number for number in range(100_000)]
    assert await manager.rpush("list", *values) == 100_000
    assert await manager.lrange("list", 0, -1) == values
    assert await manager.mget([b"missing"] * 100_000) == [None] * 100_000


async def test_empty_values(manager: ConnectionManager) -> None:
    assert await manager.set("", "")
    assert await manager.get("") == b""
    await manager.hset("hash", mapping={"": ""})
    assert await manager.hgetall("hash") == {b"": b""}
    assert await manager.lrange("missing", 0, -1) == []
    assert await manager.echo("") == b""


async def test_every_byte_in_keys_and_values(manager: ConnectionManager) -> None:
    for byte in range(256):
        key = bytes([byte])
        await manager.set(key, key + b"\r\n$5\r\n" + key)
    assert await manager.dbsize() == 256
    for byte in range(256):
        key = bytes([byte])
        assert await manager.get(key) == key + b"\r\n$5\r\n" + key
    await manager.set(EVERY_BYTE, EVERY_BYTE)
    assert await manager.get(EVERY_BYTE) == EVERY_BYTE
    assert EVERY_BYTE in await manager.keys("*")


async def test_numbers(manager: ConnectionManager) -> None:
    for number in (0, -1, 2**63, 10**30, 0.1, 1e300, -0.0):
        await manager.set("number", number)
        assert await manager.get("number") == repr(number).encode()


async def test_a_view_of_memory_that_is_not_contiguous(manager: ConnectionManager) -> None:
    """Its bytes are what bytes() says they are, and nothing of the memory around it."""
    for view in (memoryview(b"abcdef")[::2], memoryview(b"abcdef")[::-1]):
        await manager.set("key", view)
        assert await manager.get("key") == bytes(view)


@pytest.mark.parametrize("value", [None, True, ["list"], {"a": 1}, object(), ("a",)])
async def test_what_is_no_value(manager: ConnectionManager, value: object) -> None:
    with pytest.raises(DataError, match=f"'{type(value).__name__}'"):
        await manager.set("key", value)  # type: ignore[arg-type]
    assert await manager.exists("key") == 0
    assert await manager.ping()


async def test_text_that_cannot_be_encoded(manager: ConnectionManager) -> None:
    with pytest.raises(DataError, match="utf-8"):
        await manager.set("key", "half a pair: \ud800")
    assert await manager.ping()
