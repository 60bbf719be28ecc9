"""Commands whose keys lie in several slots: split, sent at once, merged; or refused."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from redis.exceptions import ClusterCrossSlotError, NoPermissionError

from ha_manager import ConnectionManager, CrossSlotError
from ha_manager.sandbox import ClusterSandbox
from tests.cluster.cluster_support import counts, one_key_each, reset_counts
from tests.integration.support import address_of

KEYS = [f"k{number}" for number in range(1000)]


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("decode", [False, True])
async def test_values_come_in_order(cluster: ClusterSandbox, protocol: int, decode: bool) -> None:
    async with await ConnectionManager.create(
        startup_nodes=cluster.startup_nodes, protocol=protocol, decode_responses=decode
    ) as manager:
        assert await manager.mset({key: f"of {key}" for key in KEYS}) is True
        wanted = [*KEYS, *KEYS[:50], "missing", KEYS[3], KEYS[3], "missing"]
        random.shuffle(wanted)
        values = [None if key == "missing" else f"of {key}" for key in wanted]
        if not decode:
            values = [value and value.encode() for value in values]  # type: ignore[misc]
        assert await manager.mget(wanted) == values
        assert await manager.mget_nonatomic(wanted) == values
        assert await manager.mget(*wanted[:3], *wanted[:3]) == values[:3] * 2


async def test_sums(manager: ConnectionManager) -> None:
    await manager.mset(dict.fromkeys(KEYS, "value"))
    assert await manager.exists(*KEYS, *KEYS[:10], "missing") == 1010
    assert await manager.touch(*KEYS[:100], "missing") == 100
    assert await manager.delete(*KEYS[:300], *KEYS[:5], "missing") == 300
    assert await manager.unlink(*KEYS[300:600], "missing") == 300
    assert await manager.exists(*KEYS) == 400
    assert await manager.dbsize() == 400
    assert await manager.delete("missing") == 0


async def test_the_last_value_of_a_key_wins(manager: ConnectionManager) -> None:
    await manager.execute_command("MSET", "a", 1, "b", 2, "c", 3, "a", 4)
    assert await manager.mget("a", "b", "c") == [b"4", b"2", b"3"]


async def test_one_message_for_each_slot_and_none_astray(
    manager: ConnectionManager, cluster: ClusterSandbox
) -> None:
    await reset_counts(cluster.nodes)
    await manager.mset(dict.fromkeys(KEYS, "value"))
    assert sum(await counts(cluster.nodes[:3], "mset")) == len({manager.keyslot(key) for key in KEYS})
    await reset_counts(cluster.nodes)
    await manager.mget([f"{{same}}{key}" for key in KEYS])
    assert sum(await counts(cluster.nodes, "mget")) == 1
    assert manager.stats().retried == 0
    assert "moved" not in manager.stats().refreshes


async def test_names_of_all_types(manager: Any) -> None:
    await manager.mset({"text": 1, b"bytes": 2, 3: 3, 4.5: 4})
    names = ["text", b"bytes", 3, 4.5, memoryview(b"text")]
    assert await manager.mget(names) == [b"1", b"2", b"3", b"4", b"1"]
    for name, value in zip(names, [b"1", b"2", b"3", b"4", b"1"], strict=True):
        assert await manager.get(name) == value


async def test_many_at_once(manager: ConnectionManager) -> None:
    async def one(task: int) -> None:
        own = [f"{task}:{key}" for key in KEYS[:30]]
        for turn in range(5):
            await manager.mset({key: f"{turn}{key}" for key in own})
            assert await manager.mget(own) == [f"{turn}{key}".encode() for key in own]
        assert await manager.delete(*own) == 30

    await asyncio.gather(*(one(task) for task in range(20)))


@pytest.mark.parametrize("words", ["MGET", "DEL", "EXISTS", "TOUCH", "UNLINK", "mget"])
async def test_forbidden(cluster: ClusterSandbox, words: str) -> None:
    async with await ConnectionManager.create(
        startup_nodes=cluster.startup_nodes, cross_slot=False
    ) as manager:
        await manager.mset_nonatomic({"a": 1, "b": 2})
        with pytest.raises(CrossSlotError, match="cross_slot=False") as caught:
            await manager.execute_command(words, "a", "b")
        assert isinstance(caught.value, ClusterCrossSlotError)
        assert await manager.execute_command(words, "{tag}a", "{tag}b") is not None
        assert await manager.mget_nonatomic("a", "b") == [b"1", b"2"]
        with pytest.raises(CrossSlotError):
            await manager.mset({"a": 3, "b": 3})
        assert await manager.mget_nonatomic(["b", "a", "c"]) == [b"2", b"1", None]


UNSPLITTABLE: list[tuple[Any, ...]] = [
    ("MSETNX", "a", 1, "b", 2),
    ("RENAME", "a", "b"),
    ("SINTER", "a", "b"),
    ("SDIFFSTORE", "a", "b", "c"),
    ("SMOVE", "a", "b", "x"),
    ("ZUNION", 2, "a", "b"),
    ("ZRANGESTORE", "a", "b", 0, 1),
    ("PFCOUNT", "a", "b"),
    ("BITOP", "AND", "a", "b", "c"),
    ("LCS", "a", "b"),
    ("COPY", "a", "b"),
    ("LMOVE", "a", "b", "LEFT", "LEFT"),
    ("BLPOP", "a", "b", 1),
    ("BLMPOP", 1, 2, "a", "b", "LEFT"),
    ("EVAL", "return 1", 2, "a", "b"),
    ("FCALL", "f", 2, "a", "b"),
    ("SORT", "a", "STORE", "b"),
    ("GEORADIUS", "a", 15, 37, 200, "km", "STORE", "b"),
    ("XREAD", "COUNT", 1, "STREAMS", "a", "b", 0, 0),
    ("XREADGROUP", "GROUP", "g", "c", "STREAMS", "a", "b", ">", ">"),
    ("MIGRATE", "127.0.0.1", 1, "", 0, 100, "KEYS", "a", "b"),
]


@pytest.mark.parametrize("words", UNSPLITTABLE, ids=lambda words: words[0])
async def test_what_cannot_be_split(
    manager: ConnectionManager, cluster: ClusterSandbox, words: tuple[Any, ...]
) -> None:
    await reset_counts(cluster.nodes)
    with pytest.raises(CrossSlotError, match="hash tag") as caught:
        await manager.execute_command(*words)
    assert isinstance(caught.value, ClusterCrossSlotError)
    assert words[0] in str(caught.value)
    assert sum(await counts(cluster.nodes, words[0].lower())) == 0


async def test_a_part_that_fails_names_its_keys(manager: ConnectionManager, cluster: ClusterSandbox) -> None:
    keys = one_key_each(cluster, "open-")
    locked = one_key_each(cluster, "locked-")
    await manager.acl_setuser(
        "half", enabled=True, nopass=True, keys=["open-*"], commands=["+@all"], reset=True
    )
    await manager.mset(dict.fromkeys([*keys, *locked], "value"))
    try:
        async with await ConnectionManager.create(
            startup_nodes=cluster.startup_nodes, username="half", password="any"
        ) as half:
            mixed = [keys[0], locked[0], keys[1], locked[1]]
            for call in (half.delete(*mixed), half.mget_nonatomic(mixed)):
                with pytest.raises(NoPermissionError) as caught:
                    await call
                assert set(caught.value.failed_keys) == set(locked[:2])  # type: ignore[attr-defined]
                assert "failed for these keys" in caught.value.__notes__[0]
            assert await manager.exists(*keys, *locked) == 4
            with pytest.raises(NoPermissionError):
                await half.mset_nonatomic(dict.fromkeys(mixed, "x"))
            assert await manager.mget(mixed) == [b"x", b"value", b"x", b"value"]
    finally:
        await manager.acl_deluser("half")


async def test_nonatomic_as_in_redis_py(manager: ConnectionManager) -> None:
    assert await manager.mset_nonatomic({"{a}1": 1, "{a}2": 2, "{b}1": 3}) == [True, True]
    assert await manager.mget_nonatomic(["{a}1", "{b}1"], "{a}2") == [b"1", b"3", b"2"]
    assert await manager.mget_nonatomic("{a}1") == [b"1"]
    assert await manager.mget_nonatomic([]) == []
    assert await manager.mset_nonatomic({}) == []
    view = manager.with_options(in_doubt="retry")
    assert await view.mget_nonatomic("{b}1", "{a}1") == [b"3", b"1"]


async def test_nonatomic_on_a_single_server(standalone: Any) -> None:
    async with await ConnectionManager.create(**address_of(standalone.node)) as manager:
        assert await manager.mset_nonatomic({"{a}1": 1, "{b}1": 3}) == [True, True]
        assert await manager.mget_nonatomic("{a}1", "none", "{b}1") == [b"1", None, b"3"]
