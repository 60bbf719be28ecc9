"""Commands whose keys stand where another argument says: each goes to the right node at once."""

from __future__ import annotations

from typing import Any

import pytest

from ha_manager import ConnectionManager
from ha_manager.sandbox import ClusterSandbox
from tests.cluster.cluster_support import counts, one_key_each, reset_counts

LIBRARY = """#!lua name=movable
redis.register_function{
    function_name='echo', callback=function(keys, args) return args[1] end, flags={'no-writes'}
}"""
SCRIPT = "return redis.call('GET', KEYS[1])"

# "{k}" stands for a key; what else begins with it lies in the same slot.
CALLS: list[tuple[Any, ...]] = [
    ("EVAL", SCRIPT, 1, "{k}", "another", "third"),
    ("EVAL", "return {KEYS[1], KEYS[2]}", 2, "{k}", "{k}2", "another"),
    ("EVAL_RO", SCRIPT, 1, "{k}", "another"),
    ("FCALL", "echo", 1, "{k}", "another"),
    ("FCALL_RO", "echo", 1, "{k}", "another"),
    ("XREAD", "COUNT", 1, "STREAMS", "{k}stream", "0"),
    ("XREAD", "BLOCK", 1, "COUNT", 1, "STREAMS", "{k}stream", "{k}stream2", "$", "$"),
    ("XREADGROUP", "GROUP", "STREAMS", "me", "COUNT", 1, "STREAMS", "{k}stream", ">"),
    ("SORT", "{k}list", "BY", "nosort", "STORE", "{k}sorted"),
    ("SORT", "{k}list", "ALPHA", "STORE", "{k}sorted"),
    ("SORT", "{k}list", "BY", "store"),
    ("GEORADIUS", "{k}geo", 15, 37, 200, "km", "STORE", "{k}found"),
    ("ZUNIONSTORE", "{k}union", 2, "{k}zset", "{k}zset2", "WEIGHTS", 1, 2),
    ("ZINTER", 2, "{k}zset", "{k}zset2"),
    ("ZMPOP", 1, "{k}zset", "MIN"),
    ("LMPOP", 2, "{k}list", "{k}list2", "LEFT", "COUNT", 1),
    ("BLMPOP", 1, 2, "{k}list", "{k}list2", "LEFT"),
    ("BZMPOP", 1, 1, "{k}zset", "MAX"),
    ("BLPOP", "{k}none", "{k}list", 1),
    ("SINTERCARD", 2, "{k}set", "{k}set2", "LIMIT", 5),
    ("BITOP", "NOT", "{k}bits", "{k}"),
    ("OBJECT", "ENCODING", "{k}"),
    ("MEMORY", "USAGE", "{k}"),
    ("XINFO", "STREAM", "{k}stream"),
    ("XGROUP", "CREATECONSUMER", "{k}stream", "STREAMS", "other"),
    ("MIGRATE", "127.0.0.1", 1, "{k}missing", 0, 100),
    ("MIGRATE", "127.0.0.1", 1, "", 0, 100, "REPLACE", "KEYS", "{k}missing", "{k}none"),
    ("SPUBLISH", "{k}", "message"),
]
DATA: list[tuple[Any, ...]] = [
    ("SET", "{k}", "value"),
    ("RPUSH", "{k}list", 3, 1, 2, 3, 4, 5),
    ("SADD", "{k}set", "a"),
    ("ZADD", "{k}zset", 1, "a", 2, "b", 3, "c"),
    ("ZADD", "{k}zset2", 1, "a", 2, "b", 3, "c"),
    ("GEOADD", "{k}geo", 13.36, 38.11, "Palermo"),
    ("XGROUP", "CREATE", "{k}stream", "STREAMS", "$", "MKSTREAM"),
]


def for_key(words: tuple[Any, ...], key: str) -> list[Any]:
    return [word.replace("{k}", f"{{{key}}}") if isinstance(word, str) else word for word in words]


@pytest.mark.parametrize("words", CALLS, ids=lambda words: "-".join(map(str, words[:2]))[:24])
async def test_each_goes_to_the_owner_of_its_keys(
    manager: ConnectionManager, cluster: ClusterSandbox, words: tuple[Any, ...]
) -> None:
    await manager.function_load(LIBRARY, replace=True)
    name = words[0].lower()
    if name in ("object", "memory", "xinfo", "xgroup"):
        name = f"{name}|{words[1].lower()}"
    for number, key in enumerate(one_key_each(cluster)):
        for command in DATA:
            await manager.execute_command(*for_key(command, key))
        await reset_counts(cluster.nodes)
        await manager.execute_command(*for_key(words, key))
        assert [count > 0 for count in await counts(cluster.nodes[:3], name)] == [
            place == number for place in range(3)
        ]
    assert manager.stats().retried == 0


async def test_scripts_without_keys_go_to_a_primary(
    manager: ConnectionManager, cluster: ClusterSandbox
) -> None:
    await reset_counts(cluster.nodes)
    assert await manager.eval("return 7", 0) == 7
    assert sum(await counts(cluster.nodes[:3], "eval")) == 1


async def test_registered_scripts(manager: ConnectionManager, cluster: ClusterSandbox) -> None:
    """redis-py's Script loads itself where it is missing, on whichever node the key is."""
    await manager.script_flush()
    untyped: Any = manager  # redis-py types the "self" of this one as its own client
    script = untyped.register_script(SCRIPT)
    for key in one_key_each(cluster):
        await manager.set(key, f"of {key}")
        assert await script(keys=[key]) == f"of {key}".encode()
    sha = await manager.script_load("return KEYS[1]")
    for key in one_key_each(cluster):
        assert await manager.evalsha(sha, 1, key) == key.encode()
