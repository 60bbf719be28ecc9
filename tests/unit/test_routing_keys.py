"""Where the keys are. What servers say themselves is compared in ``tests/integration``."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ha_manager.routing import describe, key_positions, slot_argument
from ha_manager.routing.table import rows

COMMANDS = {
    "GET k": (1,),
    "OBJECT ENCODING k": (2,),
    "MEMORY USAGE k": (2,),
    "DEBUG OBJECT k": (2,),
    "XGROUP CREATE k g $": (2,),
    "MSET a 1 b 2": (1, 3),
    "MSETEX 2 a 1 b 2 EX 5": (2, 4),
    "EVAL s 2 a b c": (3, 4),
    "EVAL s 0 a": (),
    "FCALL f 1 a b": (3,),
    "XREAD COUNT 1 STREAMS a b 0 0": (4, 5),
    "XREAD streams a 0": (2,),
    "XREADGROUP GROUP g STREAMS STREAMS a b > >": (5, 6),
    "BLPOP a b 0": (1, 2),
    "BLMPOP 0 2 a b LEFT": (3, 4),
    "LMPOP 1 a LEFT": (2,),
    "ZUNIONSTORE d 2 a b WEIGHTS 1 2": (1, 3, 4),
    "SINTERCARD 2 a b LIMIT 1": (2, 3),
    "BITOP AND d a b": (2, 3, 4),
    "LCS a b": (1, 2),
    "SORT a": (1,),
    "SORT a BY STORE": (1,),
    "SORT a BY store GET x LIMIT 0 1 ASC STORE d": (1, 11),
    "SORT a STORE c STORE d": (1, 5),
    "GEORADIUS k 1 2 3 m STORE a": (1, 7),
    "GEORADIUSBYMEMBER k STORE 3 m STOREDIST a": (1, 6),
    "MIGRATE h 1 k 0 1": (3,),
    "MIGRATE h 1 k 0 1 AUTH KEYS": (3,),
    "MIGRATE h 1 _ 0 1 COPY AUTH2 u KEYS KEYS KEYS b": (11, 12),
    "SPUBLISH c m": (1,),
    "CLUSTERSCAN 0": (1,),
    "JSON.MGET a b $": (1, 2),
    "JSON.MSET a $ 1 b $ 2": (1, 4),
    "TS.MADD a 1 1 b 1 1": (1, 4),
    "TDIGEST.MERGE d 2 a b": (1, 3, 4),
    "TS.MGET FILTER a=b": (),
    "PING": (),
    "CONFIG GET a": (),
    "NOSUCH k": (),
}


def words_of(command: str) -> list[str]:
    return ["" if word == "_" else word for word in command.split()]


def positions(*args: Any) -> tuple[int, ...]:
    return key_positions(describe(args), args)


@pytest.mark.parametrize("command", COMMANDS)
def test_keys_are_found_in_text_and_in_bytes(command: str) -> None:
    words = words_of(command)
    assert positions(*words) == COMMANDS[command]
    assert positions(*(word.encode() for word in words)) == COMMANDS[command]
    assert positions(words[0], *(memoryview(word.encode()) for word in words[1:])) == COMMANDS[command]


def test_numbers_may_be_numbers() -> None:
    assert positions("EVAL", "s", 2, "a", b"b", 3) == (3, 4)
    assert positions("SINTERCARD", 1, 5) == (2,)


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("GET", ()),
        ("OBJECT ENCODING", ()),
        ("EVAL s", ()),
        ("EVAL s many a", ()),
        ("EVAL s -1 a", ()),
        ("EVAL s 99999999999999999999 a b", (3, 4)),
        ("XREAD COUNT 1", ()),
        ("XREAD STREAMS", ()),
        ("XREAD STREAMS a", ()),
        ("MSET a", (1,)),
        ("MSET a 1 b", (1, 3)),
        ("BLPOP a", ()),
        ("SORT", ()),
        ("SORT a STORE", (1,)),
        ("MIGRATE h 1 _ 0 1", ()),
        ("MIGRATE h 1 _ 0 1 KEYS", ()),
        ("MIGRATE", ()),
        ("JSON.MGET a", ()),
    ],
)
def test_of_malformed_commands_what_is_there_is_found(command: str, found: tuple[int, ...]) -> None:
    assert positions(*words_of(command)) == found


values = st.one_of(
    st.sampled_from(["STORE", "KEYS", "STREAMS", "2", "1", "", "BY"]),
    st.text(max_size=3),
    st.binary(max_size=3),
    st.binary(max_size=3).map(memoryview),
    st.integers(),
    st.floats(),
    st.none(),
)


@given(st.sampled_from(sorted(rows())), st.lists(values, max_size=8))
def test_nothing_raises_and_every_position_is_an_argument(name: str, arguments: list[Any]) -> None:
    args = (*name.split(), *arguments)
    found = positions(*args)
    assert len(set(found)) == len(found)
    assert all(0 < position < len(args) for position in found)
    assert slot_argument(args) is None or isinstance(slot_argument(args), int)


@pytest.mark.parametrize(
    ("value", "slot"),
    [(0, 0), ("7", 7), (b"16383", 16383), (16384, None), (-1, None), ("x", None), (None, None)],
)
def test_the_slot_that_is_an_argument(value: Any, slot: int | None) -> None:
    assert slot_argument(("CLUSTER", "COUNTKEYSINSLOT", value)) == slot
    assert slot_argument(("CLUSTER", "COUNTKEYSINSLOT")) is None


@pytest.mark.parametrize(
    ("command", "first_key"),
    [("GET k", 1), ("HSET k f v", 1), ("OBJECT ENCODING k", 2), ("SPUBLISH c m", 1), ("SORT_RO k", 1)]
    + [(name, 0) for name in ("DEL a", "MGET a", "EXISTS a", "RENAME a b", "EVAL s 1 a", "SORT a", "PING")],
)
def test_the_only_key_at_a_fixed_place(command: str, first_key: int) -> None:
    assert describe(command.split()).first_key == first_key
