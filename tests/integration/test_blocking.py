"""Commands that block: on connections of their own, bounded, and harmless when cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
import pytest_asyncio

from ha_manager import ConnectionManager
from ha_manager.sandbox import ServerProcess, StandaloneSandbox
from tests.integration.support import address_of, all_closed, clients_named, eventually

NAME = "blocking-test"


@pytest.fixture
def node(empty: StandaloneSandbox) -> ServerProcess:
    return empty.node


@pytest_asyncio.fixture(loop_scope="session")
async def few(node: ServerProcess) -> AsyncIterator[ConnectionManager]:
    """At most 8 leased connections; the ordinary time limits are shorter than some of the blocking."""
    options = {"client_name": NAME, "max_connections": 8, "command_timeout": 0.5, "heartbeat": 0.2}
    async with await ConnectionManager.create(**address_of(node), **options) as manager:
        yield manager
    await all_closed(node, NAME)


async def blocked(node: ServerProcess) -> int:
    """How many of our connections are blocked now, by the server's word."""
    return sum("b" in client["flags"] for client in await clients_named(node, NAME))


async def wait_blocked(node: ServerProcess, count: int) -> None:
    async def so_many() -> bool:
        return await blocked(node) == count

    await eventually(so_many, f"{count} blocked connections")


BLOCKING: dict[str, tuple[Callable[[Any], Coroutine[Any, Any, Any]], tuple[str, ...], Any]] = {
    "BLPOP": (lambda m: m.blpop("list", 20), ("RPUSH", "list", "x"), (b"list", b"x")),
    "BRPOP": (lambda m: m.brpop(["other", "list"], 20), ("RPUSH", "list", "x"), (b"list", b"x")),
    "BLMOVE": (lambda m: m.blmove("list", "to", 20), ("RPUSH", "list", "x"), b"x"),
    "BLMPOP": (
        lambda m: m.blmpop(20, 1, "list", direction="LEFT"),
        ("RPUSH", "list", "x"),
        [b"list", [b"x"]],
    ),
    "BZPOPMIN": (lambda m: m.bzpopmin("zset", 20), ("ZADD", "zset", "1", "x"), (b"zset", b"x", 1.0)),
    "XREAD": (
        lambda m: m.xread({"stream": "$"}, block=20000),
        ("XADD", "stream", "1-1", "f", "v"),
        [[b"stream", [(b"1-1", {b"f": b"v"})]]],
    ),
    "DIRECT": (lambda m: m.execute_command(b"blpop", "list", 20), ("RPUSH", "list", "x"), [b"list", b"x"]),
}


@pytest.mark.parametrize("which", BLOCKING)
async def test_it_delays_nobody_and_outlives_the_ordinary_time_limits(
    node: ServerProcess, few: ConnectionManager, which: str
) -> None:
    start, wake, expected = BLOCKING[which]
    task = asyncio.ensure_future(start(few))
    await wait_blocked(node, 1)
    for number in range(100):
        assert await few.incr("counter") == number + 1
    if which == "BLPOP":
        await asyncio.sleep(0.8)  # longer than command_timeout, and than two heartbeats
    assert not task.done()
    assert await few.execute_command(*wake)
    assert await asyncio.wait_for(task, 10) == expected


async def test_xread_without_block_needs_no_lease(node: ServerProcess, few: ConnectionManager) -> None:
    await few.xadd("stream", {"f": "v"}, id="1-1")
    assert await few.xread({"stream": "0"})
    assert len(await clients_named(node, NAME)) == 1


async def test_a_blocking_command_that_finds_nothing(few: ConnectionManager) -> None:
    assert await few.blpop("list", 0.05) is None
    assert await few.bzpopmin("zset", 0.05) is None


async def test_two_hundred_share_the_bounded_connections(node: ServerProcess, few: ConnectionManager) -> None:
    tasks = [asyncio.ensure_future(few.blpop("list", 30)) for _ in range(200)]
    await wait_blocked(node, 8)
    assert few.stats().nodes[0].leased == 8
    assert await few.ping()
    for number in range(200):
        await few.rpush("list", number)
    found: Any = await asyncio.wait_for(asyncio.gather(*tasks), 20)
    assert sorted(int(value) for _, value in found) == list(range(200))
    assert len(await clients_named(node, NAME)) <= 9
    assert few.stats().nodes[0].leased == 0


async def test_a_cancelled_blpop_eats_nothing(node: ServerProcess, few: ConnectionManager) -> None:
    tasks = [asyncio.ensure_future(few.blpop("list", 30)) for _ in range(8)]
    await wait_blocked(node, 8)
    for task in tasks:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results)

    async def only_the_shared_one() -> bool:
        return len(await clients_named(node, NAME)) == 1

    await eventually(only_the_shared_one, "the cancelled ones' connections closed")
    await few.rpush("list", *range(8))
    assert await few.llen("list") == 8
    assert few.stats().nodes[0].leased == 0
    assert await few.blpop("list", 1) == (b"list", b"0")


async def test_cancelled_while_waiting_in_turn(node: ServerProcess, few: ConnectionManager) -> None:
    first = [asyncio.ensure_future(few.blpop("list", 30)) for _ in range(8)]
    await wait_blocked(node, 8)
    queued = [asyncio.ensure_future(few.blpop("list", 30)) for _ in range(20)]
    await asyncio.sleep(0)
    for task in queued:
        task.cancel()
    await asyncio.gather(*queued, return_exceptions=True)
    await few.rpush("list", *range(9))
    found: Any = await asyncio.wait_for(asyncio.gather(*first), 10)
    assert sorted(int(value) for _, value in found) == list(range(8))
    assert await few.lrange("list", 0, -1) == [b"8"]


async def test_a_leased_connection_is_used_again(node: ServerProcess, few: ConnectionManager) -> None:
    await few.rpush("list", *range(20))
    for number in range(20):
        assert await few.blpop("list", 1) == (b"list", b"%d" % number)
    assert len(await clients_named(node, NAME)) == 2


async def test_unblock(node: ServerProcess, few: ConnectionManager) -> None:
    task = asyncio.ensure_future(few.blpop("list", 30))
    await wait_blocked(node, 1)
    (client,) = [c for c in await clients_named(node, NAME) if "b" in c["flags"]]
    assert await few.client_unblock(int(client["id"]))
    assert await asyncio.wait_for(task, 10) is None


async def test_an_error_reply_of_a_blocking_command(few: ConnectionManager) -> None:
    await few.set("key", "value")
    with pytest.raises(Exception, match="WRONGTYPE"):
        await few.blpop("key", 1)
    assert await few.ping()
