"""The same call through redis-py's ``RedisCluster`` and through a manager: same value, type and error."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import pytest
import pytest_asyncio
import redis
import redis.asyncio
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.crc import key_slot

from ha_manager import ConnectionManager
from ha_manager.sandbox import ClusterSandbox
from tests.cluster.cluster_support import replicas_shown
from tests.cluster.parity_calls import CALLS, DATA
from tests.cluster.parity_differences import DIFFERENCES, Difference
from tests.conftest import SERVERS
from tests.integration.parity_call import Call, difference
from tests.integration.parity_data import RESET

_ADDRESS = re.compile(r"127\.0\.0\.1:\d+")
_LIBRARY = re.compile(r'"#!lua name=(\w+)[^"]*"')
INTENDED = {name: found for found in DIFFERENCES for name in found.calls}
INSTALLED = tuple(int(part) for part in redis.__version__.split(".")[:2])

# Calls whose results are redis-py's newer ones with every version of it.
AS_SINCE = {"cluster_shards()": (6, 0)}

# What redis-py's cluster client has only since a later version than the oldest that is supported (5.2).
SINCE = {"publish": (6, 0), "pubsub": (6, 0)}


@dataclass
class Trio:
    """redis-py's cluster client, its clients of the single primaries, and a manager; same options."""

    stock: Any
    single: Any
    manager: ConnectionManager
    raw: list[tuple[range, Any]]

    settings_changed = True

    async def run(self, one: Call, client: Any) -> Any:
        """Put the cluster into the state that every call starts from, and run it."""
        await asyncio.gather(*(_prepare(slots, raw, self.settings_changed) for slots, raw in self.raw))
        self.settings_changed = one.method.startswith(CHANGES_SETTINGS)
        return _by_name(await one.on(client))


CHANGES_SETTINGS = ("acl", "client", "config", "function", "script", "execute_command")


async def _prepare(slots: range, client: Any, settings_too: bool) -> None:
    pipe = client.pipeline(transaction=False)
    # A pause would hold up all that follows.
    reset = [("CLIENT", "UNPAUSE"), *RESET] if settings_too else RESET[:1]
    for command in (*reset, *(command for command in DATA if key_slot(command[1].encode()) in slots)):
        pipe.execute_command(*command)
    # ACL DELUSER and others may fail where there is nothing to undo.
    await pipe.execute(raise_on_error=False)


MODES = {
    f"resp{protocol}-{'str' if decode else 'bytes'}": {"protocol": protocol, "decode_responses": decode}
    for protocol, decode in product((2, 3), (False, True))
}


def _modes_for(server: str) -> list[str]:
    """With several servers, each gets both protocols and both decodings, but not each pair of them."""
    modes = list(MODES)
    if len(SERVERS) == 1:
        return modes
    return [modes[0], modes[3]] if SERVERS.index(server) % 2 else [modes[1], modes[2]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def trios(plain_cluster: ClusterSandbox, server_name: str) -> AsyncIterator[dict[str, Trio]]:
    """A trio for each mode: one fixture with all, or the clusters would be started again for each."""
    await replicas_shown(plain_cluster)
    async with AsyncExitStack() as stack:
        raw = [
            (
                range(16384 * i // 3, 16384 * (i + 1) // 3),
                await stack.enter_async_context(redis.asyncio.Redis(host=node.host, port=node.port)),
            )
            for i, node in enumerate(await plain_cluster.primaries())
        ]
        yield {
            mode: await _trio(stack, plain_cluster.startup_nodes, MODES[mode], raw)
            for mode in _modes_for(server_name)
        }


async def _trio(stack: AsyncExitStack, seeds: list[tuple[str, int]], options: Any, raw: Any) -> Trio:
    enter = stack.enter_async_context
    stock = await enter(RedisCluster(startup_nodes=[ClusterNode(*seed) for seed in seeds], **options))
    manager = await enter(await ConnectionManager.create(startup_nodes=seeds, **options))
    default = stock.get_default_node()
    assert default is not None
    manager.set_default_node(default)
    single = await enter(redis.asyncio.Redis(host=default.host, port=int(default.port), **options))
    return Trio(stock, single, manager, raw)


def _name(one: Call) -> str:
    return _LIBRARY.sub(r"\1", str(one))


def _params() -> list[Any]:
    seen: Counter[str] = Counter()
    params = []
    for one in CALLS:
        seen[one.method] += 1
        if hasattr(RedisCluster, one.method):
            params.append(pytest.param(one, id=f"{one.method}-{seen[one.method]}"))
    return params


def test_no_call_is_lost_without_a_reason() -> None:
    lacking = {one.method for one in CALLS if not hasattr(RedisCluster, one.method)}
    assert all(SINCE.get(name.split("_")[0], (0, 0)) > INSTALLED for name in lacking), lacking
    assert len(_params()) > 150


def _by_name(result: Any) -> Any:
    """The order of nodes has no meaning."""
    if isinstance(result, dict) and result and all(_ADDRESS.fullmatch(str(name)) for name in result):
        return dict(sorted(result.items()))
    return result


def test_every_intended_difference_is_tried() -> None:
    assert set(INTENDED) <= {_name(one) for one in CALLS}


def test_what_redis_py_routes_is_tried() -> None:
    """All that redis-py's table names, but for what is tried elsewhere or cannot be."""
    tried = {one.method.upper().replace("_", " ") for one in CALLS}
    tried |= {one.args[0] for one in CALLS if one.method == "execute_command"}
    routed = {name for name in RedisCluster.COMMAND_FLAGS if not name.startswith(("FT.", "FT,"))}
    left = routed - tried
    assert left <= NOT_COMPARED, sorted(left - NOT_COMPARED)


NOT_COMPARED = {
    # refused here, on purpose (test_intended_refusals)
    *("AUTH", "CLIENT REPLY", "READONLY", "READWRITE"),
    # of modules that no server here has
    *("TFCALL", "TFCALLASYNC", "TFUNCTION DELETE", "TFUNCTION LIST", "TFUNCTION LOAD"),
    # they end, empty or change the node: test_every_command has each of them, or says why not
    *("SHUTDOWN", "BGSAVE", "CLUSTER RESET", "DEBUG", "MODULE LOADEX", "CLIENT SETINFO", "ACL HELP"),
    # the same under redis-py's own name of the method
    *("CLIENT KILL", "CLUSTER COUNT-FAILURE-REPORTS", "CLUSTER COUNTKEYSINSLOT", "CLUSTER DELSLOTSRANGE"),
    *("CLUSTER GETKEYSINSLOT", "CLUSTER REPLICAS", "CLUSTER SET-CONFIG-EPOCH", "CLUSTER SETSLOT"),
    *("MEMORY MALLOC-STATS", "FUNCTION RESTORE"),
    # only redis-py 5 has them
    *("GRAPH.CONFIG", "REDISGEARS_2.REFRESHCLUSTER"),
}


@pytest.mark.parametrize("one", _params())
async def test_same_result(plain_cluster: ClusterSandbox, trios: dict[str, Trio], one: Call) -> None:
    for mode, trio in trios.items():
        await _compare(trio, one, mode)


async def _compare(trio: Trio, one: Call, mode: str) -> None:
    theirs = await trio.run(one, trio.stock)
    ours = await trio.run(one, trio.manager)
    assert not isinstance(ours, AttributeError | TypeError), ours
    intended = INTENDED.get(_name(one))
    if intended is not None:
        await _is_intended(trio, one, intended, theirs, ours)
    elif AS_SINCE.get(_name(one), (0, 0)) <= INSTALLED:
        found = difference(theirs, ours, shape_only=one.volatile)
        assert found is None, f"{mode}, {one}: {found}"


async def _is_intended(trio: Trio, one: Call, intended: Difference, theirs: Any, ours: Any) -> None:
    kwargs = {name: value for name, value in one.kwargs.items() if name != "target_nodes"}
    single = await trio.run(replace(one, kwargs=kwargs), trio.single)
    assert intended.holds(theirs, single, ours), f"{one}: {theirs!r}, {single!r} became {ours!r}"


@pytest.mark.parametrize(
    "words",
    [
        ("AUTH", "secret"),
        ("CLIENT REPLY", "OFF"),
        ("READONLY",),
        ("READWRITE",),
        ("MULTI",),
        ("SUBSCRIBE", "channel"),
        ("SSUBSCRIBE", "channel"),
        ("ASKING",),
    ],
    ids=lambda words: words[0],
)
async def test_intended_refusals(
    plain_cluster: ClusterSandbox, manager: ConnectionManager, words: tuple[str, ...]
) -> None:
    from ha_manager import UnsafeCommandError

    with pytest.raises(UnsafeCommandError):
        await manager.execute_command(*words)
    assert await manager.ping()
