"""No password in a log line, a repr, an exception or an event, whatever goes wrong."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from loguru import logger
from redis.exceptions import RedisError

from ha_manager import ConnectionManager
from ha_manager.sandbox import SentinelSandbox
from tests.integration.listeners import babble, closed_port, listener
from tests.integration.support import eventually

NODE_SECRET, SENTINEL_SECRET, WRONG_SECRET = "hush-node-4711", "hush-sentinel-4712", "hush-wrong-4713"
RIGHT: dict[str, Any] = {
    "username": "app",
    "password": NODE_SECRET,
    "sentinel_username": "watcher",
    "sentinel_password": SENTINEL_SECRET,
}


@pytest_asyncio.fixture(loop_scope="session")
async def guarded(server_name: str) -> AsyncIterator[SentinelSandbox]:
    """A small deployment of its own, with logins everywhere; the test may break it."""
    async with SentinelSandbox(server=server_name, replicas=1, sentinels=1, **RIGHT) as sandbox:
        yield sandbox


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """Everything that ha_manager logs, down to TRACE, with the values that loguru shows of tracebacks."""
    lines: list[str] = []
    sink = logger.add(lambda line: lines.append(str(line)), level="TRACE", backtrace=True, diagnose=True)
    logger.enable("ha_manager")
    yield lines
    logger.disable("ha_manager")
    logger.remove(sink)


def assert_secret(*shown: object) -> None:
    text = "\n".join(str(part) for part in shown)
    assert "hush-" not in text


def everything_about(error: BaseException) -> str:
    """What a user could see of an exception and of those that it came from."""
    return "".join(traceback.format_exception(error)) + repr(error)


async def test_while_all_is_well_and_when_the_primary_goes(
    guarded: SentinelSandbox, logged: list[str]
) -> None:
    options: dict[str, Any] = {"cluster_name": guarded.name, "sentinels": guarded.sentinels, **RIGHT}
    async with await ConnectionManager.create(**options, read_from="prefer_replica") as manager:
        events: list[Any] = []
        manager.add_listener(events.append)
        await manager.set("key", "value")
        await manager.config_set("requirepass", WRONG_SECRET)
        await manager.refresh()
        await guarded.kill_primary()
        await eventually(lambda: events, "an event about the loss")
        waiting = asyncio.ensure_future(manager.with_options(failover_timeout=0.3).set("key", "value"))
        (outcome,) = await asyncio.gather(waiting, return_exceptions=True)
        assert isinstance(outcome, RedisError)
        assert_secret(everything_about(outcome))
        assert_secret(repr(manager), manager.stats(), manager.topology, *map(repr, events))
        view = manager.with_options(in_doubt="retry")
        assert_secret(repr(view), *map(repr, asyncio.all_tasks()))
    assert logged
    assert_secret(*logged)


@pytest.mark.parametrize("wrong", ["password", "sentinel_password"])
@pytest.mark.parametrize("protocol", [2, 3])
async def test_when_the_login_is_refused(
    guarded: SentinelSandbox, logged: list[str], wrong: str, protocol: int
) -> None:
    options = {"cluster_name": guarded.name, "sentinels": guarded.sentinels, **RIGHT, wrong: WRONG_SECRET}
    with pytest.raises(RedisError) as caught:
        await ConnectionManager.create(**options, protocol=protocol, failover_timeout=0.3)
    assert_secret(everything_about(caught.value), *logged)


@pytest.mark.parametrize("protocol", [2, 3])
async def test_when_there_is_no_server(logged: list[str], protocol: int) -> None:
    with closed_port() as closed:
        async with listener(babble) as talking:
            for port in (closed, talking):
                with pytest.raises(RedisError) as caught:
                    await ConnectionManager.from_url(
                        f"redis://app:{NODE_SECRET}@127.0.0.1:{port}", protocol=protocol
                    )
                assert_secret(everything_about(caught.value), *logged)


async def test_in_a_url_that_is_wrong(logged: list[str]) -> None:
    for url in (
        f"redis://app:{NODE_SECRET}@127.0.0.1:port",
        f"redis://app:{NODE_SECRET}/x@127.0.0.1:1",
        f"radis://app:{NODE_SECRET}@127.0.0.1",
        f"redis://127.0.0.1:1?pasword={NODE_SECRET}",
        f"redis://127.0.0.1:1?password={NODE_SECRET}&db=x",
    ):
        with pytest.raises(RedisError) as caught:
            await ConnectionManager.from_url(url)
        # The caller's own frame shows its source line; the message and the chain may not show the value.
        assert_secret(repr(caught.value), repr(caught.value.__cause__), repr(caught.value.__context__))
    assert_secret(*logged)
