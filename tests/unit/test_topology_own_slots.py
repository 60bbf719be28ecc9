"""What a node says of its own slots in CLUSTER NODES."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ha_manager.topology.own_slots import OwnSlots, parse_own_slots
from ha_manager.topology.replies import BadReplyError

OTHER = "1f{n} 10.0.0.{n}:6379@16379,host{n} master - 0 1700000000000 {n} connected 16000-16383"


def nodes(*slots: str, flags: str = "myself,master") -> str:
    """CLUSTER NODES with the node's own line between two others."""
    own = f"00aa 10.0.0.9:6379@16379,, {flags} - 0 0 5 connected {' '.join(slots)}".rstrip()
    return "\n".join([OTHER.format(n=1), own, OTHER.format(n=2), ""])


@pytest.mark.parametrize("encoded", [False, True])
@pytest.mark.parametrize(
    ("slots", "owned"),
    [((), set()), (("0",), {0}), (("16383",), {16383}), (("5-7", "9", "100-101"), {5, 6, 7, 9, 100, 101})],
)
def test_the_slots_of_the_node_itself(slots: tuple[str, ...], owned: set[int], encoded: bool) -> None:
    reply = nodes(*slots)
    found = parse_own_slots(reply.encode() if encoded else reply)
    assert (found.node_id, found.owned, found.leaving) == ("00aa", owned, {})


def test_slots_on_their_way() -> None:
    found = parse_own_slots(nodes("5-7", "[6->-ffee]", "[9-<-0123]"))
    assert found == OwnSlots("00aa", frozenset({5, 6, 7}), {6: "ffee"}, frozenset({9}), "5")


def test_a_replica_owns_none() -> None:
    assert parse_own_slots(nodes(flags="myself,slave")).owned == frozenset()


@given(st.sets(st.integers(0, 16383), max_size=60))
def test_every_set_of_slots(slots: set[int]) -> None:
    assert parse_own_slots(nodes(*map(str, sorted(slots)))).owned == slots


@pytest.mark.parametrize(
    "reply",
    ["", OTHER.format(n=1), "myself", nodes("7-5"), nodes("16384"), nodes("0-99999"), None, []],
    ids=repr,
)
def test_what_makes_no_sense(reply: Any) -> None:
    with pytest.raises(BadReplyError):
        parse_own_slots(reply)


@given(st.text() | st.binary() | st.integers() | st.none() | st.lists(st.integers()))
def test_nothing_else_is_raised(reply: Any) -> None:
    with suppress(BadReplyError):
        parse_own_slots(reply)


@given(st.lists(st.text("0123456789->[]<abc", max_size=12)))
def test_nothing_else_is_raised_for_odd_words(words: list[str]) -> None:
    with suppress(BadReplyError):
        found = parse_own_slots(nodes(*words))
        assert all(0 <= slot < 16384 for slot in found.owned)
