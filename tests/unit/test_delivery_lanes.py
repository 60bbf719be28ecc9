"""From a slot, or a command's words, to a lane."""

from __future__ import annotations

import gc
from array import array
from collections.abc import Sequence
from typing import Any

import pytest
from delivery_fakes import FakeNode
from executor_rig import HIGH, LOW
from hypothesis import given
from hypothesis import strategies as st
from unit_support import A, B, C

from ha_manager.delivery import Backlog, Lane, Lanes
from ha_manager.observe import Counters, EventBus
from ha_manager.routing import SLOT_COUNT, describe, key_slot
from ha_manager.transport import Connection


class Rig:
    """Two shards, or one server; every lane is ready."""

    def __init__(self, *, clustered: bool = True) -> None:
        self.lanes = Lanes(Backlog(10, EventBus(), Counters()))
        self.low = self.ready(self.lanes.default, FakeNode(A))
        if clustered:
            self.high = self.ready(self.lanes.make(), FakeNode(B))
            self.lanes.arrange([self.low, self.high], [[LOW], [HIGH]])

    def ready(self, lane: Lane, node: FakeNode) -> Lane:
        lane.assign(node.as_node)
        lane.confirm()
        return lane

    def take(self, *args: Any) -> Connection | None:
        """What the fast path finds for a command; ``None`` also if it may not use that path."""
        taker = self.lanes.taker(describe([arg if isinstance(arg, str) else "x" for arg in args]))
        return None if taker is None else taker(args)

    def owner(self, key: bytes) -> Lane:
        return self.low if key_slot(key) in LOW else self.high


class Planner:
    """Counts how often it had to forget."""

    def __init__(self) -> None:
        self.forgotten = 0

    def forget_plans(self) -> None:
        self.forgotten += 1


# Slots


def test_without_a_cluster_every_slot_is_the_same() -> None:
    rig = Rig(clustered=False)
    assert {rig.lanes.of(slot) for slot in (None, 0, SLOT_COUNT - 1)} == {rig.low}


@given(st.integers(0, SLOT_COUNT - 1))
def test_each_slot_has_its_lane(slot: int) -> None:
    rig = Rig()
    assert rig.lanes.of(slot) is (rig.low if slot in LOW else rig.high)


def test_slots_without_an_owner_belong_to_nobody() -> None:
    rig = Rig()
    rig.lanes.arrange([rig.low, rig.high], [[range(3), range(5, 7)], [range(7, 9)]])
    found = [rig.lanes.of(slot) for slot in range(10)]
    nobody = rig.lanes.nobody
    assert found == [rig.low] * 3 + [nobody] * 2 + [rig.low] * 2 + [rig.high] * 2 + [nobody]
    assert nobody not in rig.lanes.all


def test_without_a_slot_the_default_lane_is_used_while_it_can_be() -> None:
    rig = Rig()
    assert rig.lanes.of(None) is rig.low
    rig.low.doubt()
    assert rig.lanes.of(None) is rig.high
    rig.high.doubt()
    assert rig.lanes.of(None) is rig.low, "to wait there"
    rig.low.confirm()
    rig.lanes.default = rig.high
    rig.high.confirm()
    assert rig.lanes.of(None) is rig.high


def test_the_lane_of_a_primary_is_found_by_its_address() -> None:
    rig = Rig()
    assert [rig.lanes.with_primary(endpoint) for endpoint in (A, B, C)] == [rig.low, rig.high, None]
    rig.low.assign(None)
    assert rig.lanes.with_primary(A) is None


# The fast path

keys = st.text(max_size=12) | st.text("{}ab", max_size=8) | st.binary(max_size=12)


@given(keys, st.sampled_from(["GET", "SET", "HGET", "ZADD", "DEL", "MGET", "MSET"]))
def test_a_key_leads_to_its_owner(key: str | bytes, command: str) -> None:
    rig = Rig()
    encoded = key.encode() if isinstance(key, str) else key
    words = ("MSET", key, "v") if command == "MSET" else (command, key)
    taker = rig.lanes.taker(describe([command]))
    assert taker is not None
    assert taker(words) is rig.owner(encoded).writer()


@pytest.mark.parametrize("key", ["{a}x", b"{a}x", "x{a}", "{a}{b}", "{a", "a}", "{}a", "é{a}"])
def test_hash_tags_count_as_in_the_servers(key: str | bytes) -> None:
    rig = Rig()
    encoded = key.encode() if isinstance(key, str) else key
    assert rig.take("GET", key) is rig.owner(encoded).reader()


@pytest.mark.parametrize(
    "key", [7, 7.5, True, None, memoryview(b"x"), bytearray(b"x"), array("b", [1]), ("x",)], ids=repr
)
def test_keys_of_other_types_are_left_to_the_careful_way(key: object) -> None:
    assert Rig().take("GET", key) is None


def test_a_subclass_of_str_may_encode_itself_as_it_likes() -> None:
    class Odd(str):
        __slots__ = ()

    assert Rig().take("GET", Odd("x")) is None


@pytest.mark.parametrize("words", [("GET",), ("DEL",), ("MSET",)])
def test_a_command_without_its_key_is_left_to_the_careful_way(words: Sequence[str]) -> None:
    assert Rig().take(*words) is None


@pytest.mark.parametrize(
    ("words", "fast"),
    [
        (("DEL", "k"), True),
        (("DEL", "k", "l"), False),
        (("MGET", "k"), True),
        (("MGET", "k", "k"), False),
        (("MSET", "k", "v"), True),
        (("MSET", "k", "v", "l", "w"), False),
        (("MSET", "k"), False),
        (("JSON.MGET", "k", "$"), True),
        (("JSON.MGET", "k", "l", "$"), False),
        (("JSON.MSET", "k", "$", "1"), True),
        (("JSON.MSET", "k", "$", "1", "l", "$", "2"), False),
    ],
    ids=str,
)
def test_commands_of_many_keys_are_fast_with_one(words: tuple[str, ...], fast: bool) -> None:
    rig = Rig()
    taken = rig.take(*words)
    assert taken is (rig.owner(b"k").writer() if fast else None)


@pytest.mark.parametrize(
    "words",
    [
        ("PING",),
        ("DBSIZE",),
        ("SCAN", "0"),
        ("EVAL", "return 1", "1", "k"),
        ("OBJECT", "ENCODING", "k"),
        ("BITOP", "AND", "k", "l"),
        ("XREAD", "STREAMS", "k", "0"),
        ("MSETNX", "k", "v"),
        ("ZUNION", "1", "k"),
        ("NEVERHEARD", "k"),
    ],
    ids=str,
)
def test_what_needs_a_closer_look_has_no_fast_path(words: tuple[str, ...]) -> None:
    assert Rig().lanes.taker(describe(words)) is None


def test_without_a_cluster_every_command_has_a_fast_path() -> None:
    rig = Rig(clustered=False)
    for words in (("PING",), ("EVAL", "x", "0"), ("MSET", "k", "v", "l", "w"), ("GET", 7)):
        assert rig.take(*words) is rig.low.writer()


def test_writes_and_reads_differ_in_a_hold() -> None:
    rig = Rig()
    key = next(str(n) for n in range(100) if rig.owner(b"%d" % n) is rig.low)
    rig.low.hold("why")
    assert rig.take("GET", key) is rig.low.reader() is not None
    assert rig.take("SET", key, "v") is None
    rig.low.doubt()
    assert (rig.take("GET", key), rig.take("SET", key, "v")) == (None, None)


def test_a_slot_without_an_owner_finds_no_connection() -> None:
    rig = Rig()
    rig.lanes.arrange([rig.low, rig.high], [[], []])
    assert rig.take("GET", "k") is None


def test_a_taker_that_was_given_out_follows_the_map() -> None:
    rig = Rig()
    taker = rig.lanes.taker(describe(["GET"]))
    assert taker is not None
    before = taker(("GET", "k"))
    rig.lanes.arrange([rig.low, rig.high], [[HIGH], [LOW]])
    after = taker(("GET", "k"))
    assert {before, after} == {rig.low.reader(), rig.high.reader()}


# Changes


def test_plans_are_forgotten_when_a_server_turns_out_to_be_a_cluster_and_never_again() -> None:
    rig = Rig(clustered=False)
    planner = Planner()
    rig.lanes.tell(planner)
    assert not rig.lanes.clustered
    for _ in range(3):
        rig.lanes.arrange([rig.low], [[LOW]])
        assert (rig.lanes.clustered, planner.forgotten) == (True, 1)


def test_planners_are_not_kept_alive() -> None:
    rig = Rig(clustered=False)
    rig.lanes.tell(Planner())
    gc.collect()
    assert len(rig.lanes._planners) == 0


def test_lanes_that_are_not_listed_any_more_are_abandoned() -> None:
    rig = Rig()
    rig.lanes.arrange([rig.high], [[LOW, HIGH]])
    assert (rig.low.gone, rig.high.gone) == (True, False)
    assert rig.lanes.all == (rig.high,)
    assert rig.lanes.default is rig.high
    assert rig.lanes.of(0) is rig.high


def test_an_abandoned_lane_is_in_no_map_when_its_commands_look_again() -> None:
    rig = Rig()
    seen: list[bool] = []
    rig.low.gate.open = lambda: seen.append(rig.lanes.of(0) is rig.high)  # type: ignore[method-assign]
    rig.lanes.arrange([rig.high], [[LOW, HIGH]])
    assert seen
    assert all(seen)


def test_after_the_end_nothing_can_be_taken() -> None:
    rig = Rig()
    rig.lanes.close()
    assert (rig.take("GET", "k"), rig.low.writer(), rig.high.writer()) == (None, None, None)
    assert rig.lanes.backlog.closed
