"""Commands that the table does not know: their servers are asked once, or the servers redirect."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from redis.exceptions import ResponseError

from ha_manager import ConnectionManager, CrossSlotError
from ha_manager.routing import RequestPolicy
from ha_manager.routing.commands import describe
from ha_manager.sandbox import ClusterSandbox
from tests.cluster.cluster_support import counts, one_key_each, reset_counts
from tests.conftest import SERVERS

RENAMED = {"HGET": "FETCH", "DEL": "REMOVE", "EVAL": "COMPUTE", "SINTER": "COMMON", "OBJECT": "THING"}


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=SERVERS)
async def renamed(request: pytest.FixtureRequest) -> AsyncIterator[ClusterSandbox]:
    """A cluster whose servers have commands that nobody else has."""
    config = {"rename-command": [f"{old} {new}" for old, new in RENAMED.items()]}
    async with ClusterSandbox(server=request.param, replicas=0, config=config) as sandbox:
        yield sandbox


@asynccontextmanager
async def connected(sandbox: ClusterSandbox, **options: Any) -> AsyncIterator[ConnectionManager]:
    async with await ConnectionManager.create(startup_nodes=sandbox.startup_nodes, **options) as manager:
        await reset_counts(sandbox.nodes)
        yield manager


async def check(manager: ConnectionManager, sandbox: ClusterSandbox) -> None:
    """Use each of the commands on keys of each of the shards."""
    keys = one_key_each(sandbox)
    for key in keys:
        await manager.hset(key, "field", f"of {key}")
        assert await manager.execute_command("FETCH", key, "field") == f"of {key}".encode()
        assert await manager.execute_command("fetch", key.encode(), "none") is None
        computed = await manager.execute_command("COMPUTE", "return KEYS[1]", 1, key)
        assert computed == key.encode()
        assert await manager.execute_command("THING", "ENCODING", key) is not None
        await manager.sadd(f"{{{key}}}set", "a", "b")
        assert await manager.execute_command("COMMON", f"{{{key}}}set", f"{{{key}}}set") is not None


async def test_servers_tell_of_them(renamed: ClusterSandbox) -> None:
    assert {describe((name,)).request for name in RENAMED.values()} == {RequestPolicy.UNKNOWN}
    async with connected(renamed) as manager:
        await check(manager, renamed)
        keys = one_key_each(renamed)
        with pytest.raises(CrossSlotError):
            await manager.execute_command("COMMON", *keys)
        assert await manager.execute_command("REMOVE", *keys, "missing") == 3
        assert manager.stats().retried == 0
        asked = await counts(renamed.nodes, "command|info")
        await check(manager, renamed)
        assert await counts(renamed.nodes, "command|info") == asked
        assert sum(asked) == len(RENAMED)


async def test_without_the_right_to_ask(renamed: ClusterSandbox) -> None:
    """The first argument counts as the key; where it is none, the server redirects."""
    for node in renamed.nodes:
        await node.execute("ACL", "SETUSER", "curt", "on", "nopass", "~*", "+@all", "-command")
    async with connected(renamed, username="curt", password="any") as manager:
        await check(manager, renamed)
        assert await manager.execute_command("REMOVE", one_key_each(renamed)[2]) == 1


@pytest.mark.parametrize(
    "words", [("NOSUCH",), ("NOSUCH", "key"), ("NOSUCH", "key", b"\xff", 3), ("", "key")]
)
async def test_what_no_server_has(manager: ConnectionManager, words: tuple[Any, ...]) -> None:
    for _ in range(2):
        with pytest.raises(ResponseError, match="unknown command"):
            await manager.execute_command(*words)
    with pytest.raises(ResponseError, match="unknown command"):
        await manager.execute_command(*words, target_nodes="all")
    assert await manager.ping()


async def test_subcommands_that_the_table_does_not_know(manager: ConnectionManager) -> None:
    for words in (("CONFIG", "NOSUCH"), ("CLUSTER", "NOSUCH", 5), ("OBJECT", "NOSUCH", "key")):
        with pytest.raises(ResponseError, match=r"(?i)unknown subcommand"):
            await manager.execute_command(*words)
