"""The same call through redis-py and through a manager, on one server: same value, type and error."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from itertools import product
from typing import Any

import pytest
import pytest_asyncio
import redis
import redis.asyncio
from redis.exceptions import DataError

from ha_manager import ConnectionManager, UnsafeCommandError
from ha_manager.sandbox import StandaloneSandbox
from tests.integration.parity_call import Call, call, difference
from tests.integration.parity_data import prepare
from tests.integration.parity_more import MORE_CALLS
from tests.integration.parity_values import VALUE_CALLS
from tests.integration.support import address_of

# Every difference that is meant: the call, the error in its place, and the reason.
INTENDED: list[tuple[Call, type[Exception], str]] = [
    (call("select", 1), UnsafeCommandError, "the next caller on the same connection would be in database 1"),
    (call("auth", "secret"), UnsafeCommandError, "other callers would run as another user"),
    (call("reset"), UnsafeCommandError, "other callers would lose their database and login"),
    (call("quit"), UnsafeCommandError, "other callers would lose their connection"),
    (call("readonly"), UnsafeCommandError, "a cluster node would answer others with what may be old"),
    (call("readwrite"), UnsafeCommandError, "as READONLY"),
    (call("client_reply", "OFF"), UnsafeCommandError, "other callers would wait for replies in vain"),
    (call("client_tracking_on"), UnsafeCommandError, "invalidations would go to a connection nobody reads"),
    (call("client_tracking_off"), UnsafeCommandError, "as CLIENT TRACKING ON"),
    (call("client_no_evict", "ON"), UnsafeCommandError, "it is a property of the connection"),
    (call("client_no_touch", "ON"), UnsafeCommandError, "it is a property of the connection"),
    (call("execute_command", "MULTI"), UnsafeCommandError, "other callers' commands would be queued"),
    (call("execute_command", "SUBSCRIBE", "c"), UnsafeCommandError, "other callers would get no replies"),
]

# Calls that work here with every redis-py, and with some of its versions raise DataError.
MORE_THAN_SOME: list[tuple[Call, str]] = [
    (call("execute_command", "GET", bytearray(b"string")), "redis-py 5.2 takes no bytearray, 8.1 does"),
]

# Methods that redis-py has only since a later version than the oldest that is supported (5.2).
SINCE: dict[str, tuple[int, int]] = {"hgetdel": (6, 0), "hgetex": (6, 0), "hsetex": (6, 0)}

CALLS = [*VALUE_CALLS, *MORE_CALLS]
INSTALLED = tuple(int(part) for part in redis.__version__.split(".")[:2])


def _known(calls: list[Call]) -> list[Any]:
    """The calls that the installed redis-py has, each with an id of its own."""
    seen: Counter[str] = Counter()
    params = []
    for one in calls:
        seen[one.method] += 1
        if hasattr(redis.asyncio.Redis, one.method):
            params.append(pytest.param(one, id=f"{one.method}-{seen[one.method]}"))
    return params


def test_no_call_is_lost_without_a_reason() -> None:
    lacking = {one.method for one in CALLS if not hasattr(redis.asyncio.Redis, one.method)}
    explained = {method for method, version in SINCE.items() if version > INSTALLED}
    assert lacking == explained
    assert len(_known(CALLS)) > 300


@pytest_asyncio.fixture(
    scope="session",
    loop_scope="session",
    params=product((2, 3), (False, True)),
    ids=lambda mode: f"resp{mode[0]}-{'str' if mode[1] else 'bytes'}",
)
async def pair(
    standalone: StandaloneSandbox, request: pytest.FixtureRequest
) -> AsyncIterator[tuple[Any, ConnectionManager]]:
    """A stock client and a manager with the same options on the same server."""
    protocol, decode = request.param
    options = {**address_of(standalone.node), "protocol": protocol, "decode_responses": decode}
    async with (
        redis.asyncio.Redis(**options) as stock,
        await ConnectionManager.create(**options) as manager,
    ):
        yield stock, manager


@pytest.mark.parametrize("one", _known(CALLS))
async def test_same_result(pair: tuple[Any, ConnectionManager], one: Call) -> None:
    stock, manager = pair
    await prepare(stock)
    theirs = await one.on(stock)
    await prepare(stock)
    ours = await one.on(manager)
    found = difference(theirs, ours, shape_only=one.volatile)
    assert found is None, f"{one}: {found}"


@pytest.mark.parametrize(
    ("one", "error"), [pytest.param(one, error, id=str(one)) for one, error, _reason in INTENDED]
)
async def test_the_intended_differences(
    pair: tuple[Any, ConnectionManager], one: Call, error: type[Exception]
) -> None:
    _stock, manager = pair
    ours = await one.on(manager)
    assert type(ours) is error, f"{one} gave {ours!r}"
    assert await manager.echo("still there") in ("still there", b"still there")


@pytest.mark.parametrize("one", [pytest.param(one, id=str(one)) for one, _reason in MORE_THAN_SOME])
async def test_what_only_some_versions_of_redis_py_take(
    pair: tuple[Any, ConnectionManager], one: Call
) -> None:
    stock, manager = pair
    await prepare(stock)
    theirs, ours = await one.on(stock), await one.on(manager)
    assert ours in ("value", b"value")
    assert type(theirs) is DataError or difference(theirs, ours, shape_only=False) is None
