"""Response callbacks, redis-py's markers for them, its module namespaces and its scripts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis.asyncio
from redis.client import EMPTY_RESPONSE
from redis.commands.helpers import get_protocol_version
from redis.exceptions import ResponseError

from ha_manager import ConnectionManager
from ha_manager.sandbox import StandaloneSandbox
from tests.integration.support import address_of

MODES = pytest.mark.parametrize("protocol", [2, 3])
MODULES: tuple[Callable[[Any], Any], ...] = (
    lambda client: client.json().get("key"),
    lambda client: client.ft("index").info(),
    lambda client: client.ts().get("key"),
    lambda client: client.bf().info("key"),
    lambda client: client.cf().info("key"),
    lambda client: client.cms().info("key"),
    lambda client: client.topk().info("key"),
    lambda client: client.tdigest().info("key"),
)


async def test_a_callback_of_ones_own(manager: Any) -> None:
    await manager.set("key", "value")
    assert await manager.get("key") == b"value"
    manager.set_response_callback("get", lambda reply, **options: (reply, options))
    assert await manager.get("key") == (b"value", {})
    assert await manager.execute_command("GET", "key", extra=1) == (b"value", {"extra": 1})
    del manager.response_callbacks["GET"]
    assert await manager.get("key") == b"value"


async def test_an_async_callback(manager: Any) -> None:
    async def look_up(reply: Any, **_: Any) -> Any:
        return await manager.get(reply)

    await manager.mset({"key": "other", "other": "found"})
    manager.set_response_callback("GETEX", look_up)
    assert await manager.getex("key") == b"found"


async def test_a_callback_that_fails_harms_only_its_caller(manager: Any) -> None:
    def broken(_reply: Any, **_: Any) -> Any:
        raise KeyError("mine")

    manager.set_response_callback("GET", broken)
    with pytest.raises(KeyError, match="mine"):
        await manager.get("key")
    assert await manager.ping() is True


async def test_an_error_reply_does_not_reach_the_callback(manager: Any) -> None:
    seen: list[Any] = []
    manager.set_response_callback("INCR", seen.append)
    await manager.set("key", "text")
    with pytest.raises(ResponseError, match="not an integer"):
        await manager.execute_command("INCR", "key")
    assert seen == []


async def test_a_view_has_the_callbacks_of_its_manager(manager: Any) -> None:
    manager.set_response_callback("GET", lambda reply, **_: ("mine", reply))
    view = manager.with_options(in_doubt="retry")
    assert await view.get("key") == ("mine", None)
    view.set_response_callback("GET", lambda reply, **_: ("the view's", reply))
    assert await view.get("key") == ("the view's", None)
    assert await manager.get("key") == ("mine", None)


@MODES
async def test_never_decode(empty: StandaloneSandbox, protocol: int) -> None:
    async with await ConnectionManager.create(
        **address_of(empty.node), protocol=protocol, decode_responses=True
    ) as manager:
        await manager.set("key", "value")
        dumped = await manager.dump("key")
        assert isinstance(dumped, bytes)
        assert await manager.get("key") == "value"
        assert await manager.restore("copy", 0, dumped)
        assert await manager.get("copy") == "value"


async def test_empty_response(manager: Any) -> None:
    await manager.set("key", "value")
    assert await manager.execute_command("HGETALL", "key", **{EMPTY_RESPONSE: {}}) == {}
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        await manager.execute_command("HGETALL", "key")


async def test_names_in_every_form(manager: Any) -> None:
    await manager.hset("hash", mapping={"f": "v"})
    for name in ("HGETALL", "hgetall"):
        assert await manager.execute_command(name, "hash") == {b"f": b"v"}
    expected = await manager.config_get("port")
    assert expected.keys() == {"port"}
    assert await manager.execute_command("CONFIG GET", "port") == expected
    assert await manager.execute_command("config get", "port") == expected
    flat = [part.encode() for part in ("port", expected["port"])]
    assert await manager.execute_command("CONFIG", "GET", "port") == flat
    assert await manager.execute_command(b"CONFIG GET", "port") == flat
    assert await manager.execute_command(b"HGETALL", "hash") == [b"f", b"v"]


async def test_arguments_that_are_bytes_in_other_clothes(manager: Any) -> None:
    await manager.set(bytearray(b"key"), memoryview(b"value"))
    await manager.rpush("list", memoryview(b"abcdef")[2:4])
    assert await manager.get(memoryview(b"key")) == b"value"
    assert await manager.lrange(bytearray(b"list"), 0, -1) == [b"cd"]


@MODES
async def test_modules_answer_as_with_redis_py(empty: StandaloneSandbox, protocol: int) -> None:
    options = {**address_of(empty.node), "protocol": protocol}
    async with await ConnectionManager.create(**options) as manager, redis.asyncio.Redis(**options) as stock:
        for ask in MODULES:
            with pytest.raises(ResponseError, match="unknown command") as theirs:
                await ask(stock)
            with pytest.raises(ResponseError, match="unknown command") as ours:
                await ask(manager)
            assert type(ours.value) is type(theirs.value)
            assert str(ours.value) == str(theirs.value)


OF_CLUSTERS = {"CLUSTER SHARDS", "CLUSTER SLOTS"}
"""Known to redis-py's cluster clients only; a manager is both."""


@MODES
async def test_modules_choose_their_callbacks_for_the_protocol(
    empty: StandaloneSandbox, protocol: int
) -> None:
    options = {**address_of(empty.node), "protocol": protocol}
    async with await ConnectionManager.create(**options) as manager, redis.asyncio.Redis(**options) as stock:
        for space in ("json", "ts", "bf", "cf", "cms", "topk", "tdigest"):
            ours, theirs = getattr(manager, space)(), getattr(stock, space)()
            assert type(ours) is type(theirs)
            assert manager.response_callbacks.keys() - stock.response_callbacks.keys() == OF_CLUSTERS
        searching = [client.ft("index") for client in (manager, stock)]
        assert type(searching[0]) is type(searching[1])
        # Search decides at each reply how to read it, by the protocol that its client says it speaks.
        versions: Any = [get_protocol_version(one.client) for one in searching]  # type: ignore[no-untyped-call]
        assert versions == [protocol, protocol]
        assert manager.response_callbacks.keys() - stock.response_callbacks.keys() == OF_CLUSTERS
        for name, callback in stock.response_callbacks.items():
            ours = manager.response_callbacks[str(name)]
            assert getattr(ours, "__qualname__", None) == getattr(callback, "__qualname__", None), name


@pytest.mark.parametrize("decode", [False, True])
@MODES
async def test_scripts(empty: StandaloneSandbox, protocol: int, decode: bool) -> None:
    async with await ConnectionManager.create(
        **address_of(empty.node), protocol=protocol, decode_responses=decode
    ) as manager:
        client: Any = manager
        script = client.register_script("return {KEYS[1], ARGV[1], 'ä', redis.call('GET', KEYS[1])}")
        await manager.set("key", "value")
        expected = ["key", "7", "ä", "value"]
        if not decode:
            expected = [text.encode() for text in expected]  # type: ignore[misc]
        assert await script(keys=["key"], args=[7]) == expected
        await manager.script_flush()
        assert await script(keys=["key"], args=[7]) == expected  # it is loaded again
        view: Any = manager.with_options(in_doubt="retry")
        assert await script(keys=["key"], args=[7], client=view) == expected
        assert await manager.script_exists(script.sha) == [True]


async def test_a_module_of_ones_own(manager: Any) -> None:
    manager.load_external_module("shout", lambda text: manager.echo(text.upper()))
    assert await manager.shout("hello") == b"HELLO"


async def test_the_bitfield_builder(manager: Any) -> None:
    field = manager.bitfield("bits")
    assert await field.set("u8", 0, 200).get("u8", 0).incrby("u8", 8, 5).execute() == [0, 200, 5]
