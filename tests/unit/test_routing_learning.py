"""Commands learnt from COMMAND INFO: every shape in which servers have told it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ha_manager.routing import RequestPolicy, ResponsePolicy, key_positions, learn, learn_subcommands

RANGE = {"lastkey": -1, "keystep": 1, "limit": 0}


def key_spec(begin: dict[str, Any], find: dict[str, Any], *flags: str) -> dict[str, Any]:
    kind = "keyword" if "keyword" in begin else "index"
    way = "keynum" if "keynumidx" in find else "range"
    return {
        "flags": list(flags),
        "begin_search": {"type": kind, "spec": begin},
        "find_keys": {"type": way, "spec": find},
    }


def entry(
    *specs: dict[str, Any], name: str = "mod.cmd", flags: tuple[str, ...] = (), **more: Any
) -> list[Any]:
    return [name, -2, list(flags), 0, 0, 0, [], more.get("tips", []), list(specs), more.get("sub", [])]


def flat(value: Any) -> Any:
    """As RESP2 shapes it: maps as flat lists, text as bytes."""
    if isinstance(value, dict):
        return [flat(word) for pair in value.items() for word in pair]
    if isinstance(value, list):
        return [flat(item) for item in value]
    return value.encode() if isinstance(value, str) else value


SHAPES = pytest.mark.parametrize("shape", [lambda value: value, flat], ids=["RESP3", "RESP2"])


@SHAPES
def test_key_specifications(shape: Any) -> None:
    told = entry(
        key_spec({"index": 1}, {"lastkey": 0, "keystep": 1, "limit": 0}),
        key_spec({"index": 2}, {"keynumidx": 0, "firstkey": 1, "keystep": 2}),
        key_spec({"keyword": "also", "startfrom": 3}, RANGE),
        {
            "flags": [],
            "begin_search": {"type": "unknown", "spec": {}},
            "find_keys": {"type": "unknown", "spec": {}},
        },
        flags=("write", "blocking"),
    )
    spec = learn(shape(told))
    args = "MOD.CMD k 2 a 1 b 2 ALSO c d".split()
    assert key_positions(spec, args) == (1, 3, 5, 8, 9)
    assert (spec.name, spec.repeatable, spec.blocking) == ("MOD.CMD", False, True)
    assert (spec.request, spec.response) == (RequestPolicy.KEYED, ResponsePolicy.FIRST)


@SHAPES
@pytest.mark.parametrize(
    ("first", "last", "step", "found"),
    [(1, 1, 1, (1,)), (1, -1, 1, (1, 2, 3, 4)), (1, -1, 2, (1, 3)), (2, 3, 1, (2, 3)), (1, -2, 1, (1, 2, 3))],
)
def test_old_servers_tell_only_first_last_and_step(
    shape: Any, first: int, last: int, step: int, found: tuple[int, ...]
) -> None:
    spec = learn(shape(["old.cmd", -2, ["readonly"], first, last, step]))
    assert key_positions(spec, ["OLD.CMD", "a", "b", "c", "d"]) == found
    assert spec.first_key == (1 if found == (1,) else 0)
    assert (spec.repeatable, spec.on_replica, spec.request) == (True, True, RequestPolicy.KEYED)


def test_keys_that_an_old_server_cannot_tell() -> None:
    spec = learn(["old.cmd", -2, ["movablekeys"], 0, 0, 0])
    assert spec.request is RequestPolicy.KEYED
    assert key_positions(spec, ("OLD.CMD", "k")) == ()


@pytest.mark.parametrize(
    ("tips", "policies"),
    [
        ([], (RequestPolicy.DEFAULT, ResponsePolicy.PER_NODE)),
        (["request_policy:all_shards"], (RequestPolicy.ALL_PRIMARIES, ResponsePolicy.CONCAT)),
        (
            ["nondeterministic_output", "request_policy:all_nodes", "response_policy:agg_logical_or"],
            (RequestPolicy.ALL_NODES, ResponsePolicy.AGG_LOGICAL_OR),
        ),
        (
            ["request_policy:special", "response_policy:special"],
            (RequestPolicy.DEFAULT, ResponsePolicy.PER_NODE),
        ),
        (["request_policy:of_tomorrow"], (RequestPolicy.DEFAULT, ResponsePolicy.PER_NODE)),
    ],
)
def test_tips_of_a_command_without_keys(tips: list[str], policies: tuple[Any, Any]) -> None:
    spec = learn(flat(entry(tips=tips)))
    assert (spec.request, spec.response) == policies


@pytest.mark.parametrize(
    ("find", "request_policy"),
    [
        (RANGE, RequestPolicy.MULTI_SHARD),
        ({**RANGE, "lastkey": 0}, RequestPolicy.KEYED),
        ({"keynumidx": 0, "firstkey": 1, "keystep": 1}, RequestPolicy.KEYED),
    ],
)
def test_only_what_can_be_cut_is_cut(find: dict[str, int], request_policy: RequestPolicy) -> None:
    spec = learn(entry(key_spec({"index": 1}, find), tips=["request_policy:multi_shard"]))
    assert spec.request is request_policy


def test_a_channel_decides_the_slot() -> None:
    spec = learn(flat(entry(key_spec({"index": 1}, {**RANGE, "lastkey": 0}, "not_key"))))
    assert spec.first_key == 1


@SHAPES
def test_subcommands(shape: Any) -> None:
    inner = entry(key_spec({"index": 2}, {**RANGE, "lastkey": 0}), name="mod|get", flags=("readonly",))
    outer = shape(entry(name="mod", sub=[inner]))
    assert learn(outer).varies
    (name,) = learn_subcommands(outer)
    assert (name, learn_subcommands(outer)[name].first_key) == ("MOD GET", 2)


def test_flags_may_be_a_set() -> None:
    told = entry()
    told[2] = {"readonly"}
    assert learn(told).repeatable


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=4) | st.binary(max_size=4),
        lambda inner: st.lists(inner, max_size=10) | st.dictionaries(st.text(max_size=4), inner),
        max_leaves=20,
    )
)
def test_garbage_raises_value_error_or_happens_to_be_an_entry(garbage: Any) -> None:
    try:
        spec = learn(garbage)
    except ValueError as error:
        assert "no entry" in str(error)
    else:
        assert isinstance(garbage[0], str | bytes)
        assert spec.name == spec.name.upper()


@pytest.mark.parametrize("told", [None, [], {}, "get", b"get", 1, [None, 1, [], 0, 0, 0], ["get", 1, [], 0]])
def test_what_is_no_entry_raises_value_error(told: Any) -> None:
    with pytest.raises(ValueError, match="no entry"):
        learn(told)


@pytest.mark.parametrize("at", [2, 7, 8, 9], ids=["flags", "tips", "key specifications", "subcommands"])
def test_an_entry_with_a_part_that_is_no_list_is_no_entry(at: int) -> None:
    told = entry(key_spec({"index": 1}, RANGE))
    told[at] = 1
    with pytest.raises(ValueError, match="no entry"):
        learn(told)
