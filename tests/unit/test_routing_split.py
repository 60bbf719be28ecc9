"""One command over several slots, cut and joined again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ha_manager.routing import Part, describe, join_parts, key_slot, slots_of, split_by_slot

keys = st.lists(st.sampled_from("abcdefgh") | st.text(max_size=3), min_size=1, max_size=12)


def encode(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def split(*args: Any) -> list[Part]:
    return split_by_slot(describe(args), args, encode)


class Store:
    """What MGET, MSET, DEL and EXISTS mean, for comparison with the whole command."""

    def __init__(self, values: dict[bytes, Any]) -> None:
        self.values = values

    def run(self, name: str, *args: Any) -> Any:
        if name.endswith("MSET"):
            step = 3 if name.startswith("JSON") else 2
            for at in range(0, len(args), step):
                self.values[encode(args[at])] = args[at + step - 1]
            return True
        if name.endswith("MGET"):
            return [self.values.get(encode(key)) for key in (args[:-1] if "JSON" in name else args)]
        if name == "EXISTS":
            return sum(encode(key) in self.values for key in args)
        return sum(self.values.pop(encode(key), None) is not None for key in args)


def both_ways(args: tuple[Any, ...], before: dict[bytes, Any], total: int) -> None:
    """Run a command whole, and in parts; the reply and the data are the same."""
    whole, cut = Store(dict(before)), Store(dict(before))
    parts = split(*args)
    reply = join_parts(describe(args), parts, [cut.run(*part.args) for part in parts], total)
    assert reply == whole.run(*args)
    assert cut.values == whole.values
    assert sorted(position for part in parts for position in part.positions) == list(range(total))
    for part in parts:
        assert slots_of(describe(part.args), part.args, encode) == [part.slot]
    assert [part.slot for part in parts] == slots_of(describe(args), args, encode)


@given(st.sampled_from(["MGET", "DEL", "UNLINK", "EXISTS", "TOUCH"]), keys, st.booleans())
def test_commands_on_keys(name: str, names: list[str], in_bytes: bool) -> None:
    before = {encode(key): number + 1 for number, key in enumerate(names[::2])}
    args = [encode(key) for key in names] if in_bytes else names
    both_ways((name, *args), before, len(names))


@given(keys)
def test_values_follow_their_keys(names: list[str]) -> None:
    pairs = [word for number, key in enumerate(names) for word in (key, number)]
    both_ways(("MSET", *pairs), {}, len(names))
    triplets = [word for number, key in enumerate(names) for word in (key, "$", number)]
    both_ways(("JSON.MSET", *triplets), {}, len(names))


@given(keys)
def test_the_path_goes_with_every_part(names: list[str]) -> None:
    both_ways(("JSON.MGET", *names, "$.path"), {encode(key): key for key in names}, len(names))
    assert all(part.args[-1] == "$.path" for part in split("JSON.MGET", *names, "$.path"))


def test_parts_come_in_order_of_first_appearance() -> None:
    a, b = key_slot(b"a"), key_slot(b"b")
    assert split("MSET", "b", 1, "a", 2, "b", 3) == [
        Part(b, ("MSET", "b", 1, "b", 3), (0, 2)),
        Part(a, ("MSET", "a", 2), (1,)),
    ]


def test_one_slot_is_one_part() -> None:
    args = ("MGET", "{x}a", "{x}b")
    assert split(*args) == [Part(key_slot(b"x"), args, (0, 1))]


@pytest.mark.parametrize("command", ["MSET a 1 b", "JSON.MSET a $ 1 b $", "MSET", "MGET", "JSON.MGET $"])
def test_what_is_malformed_stays_whole(command: str) -> None:
    args = tuple(command.split())
    assert [part.args for part in split(*args)] == [args]


@pytest.mark.parametrize(
    "command",
    ["MSETNX a 1 b 2", "MSETEX 2 a 1 b 2", "SUNION a b", "RENAME a b", "GET a", "PING", "NOSUCH a b"],
)
def test_what_is_not_to_be_cut_is_not_cut(command: str) -> None:
    with pytest.raises(ValueError, match=f"{command.split(maxsplit=1)[0]} cannot be split"):
        split(*command.split())


def test_slots_of_any_command() -> None:
    args = ("ZUNIONSTORE", "a", 2, b"b", "a")
    assert slots_of(describe(args), args, encode) == [key_slot(b"a"), key_slot(b"b")]
    assert slots_of(describe(("PING",)), ("PING",), encode) == []


# Joining


def test_the_first_error_is_raised() -> None:
    args = ("MGET", "a", "b")
    errors = [ValueError("one"), ValueError("two")]
    for command in (args, ("DEL", "a", "b"), ("MSET", "a", 1, "b", 2)):
        with pytest.raises(ValueError, match="one"):
            join_parts(describe(command), split(*command), errors, 2)


def test_a_reply_that_is_too_short_is_no_reply() -> None:
    args = ("MGET", "a", "b")
    with pytest.raises(ValueError, match="zip"):
        join_parts(describe(args), split(*args), [[1], []], 2)


@pytest.mark.parametrize(
    ("replies", "joined"),
    [([True, True], True), ([True, False], False), ([b"OK", b"OK"], b"OK"), (["OK", "OK"], "OK")],
)
def test_all_parts_must_succeed(replies: list[Any], joined: Any) -> None:
    args = ("MSET", "a", 1, "b", 2)
    assert join_parts(describe(args), split(*args), replies, 2) == joined
