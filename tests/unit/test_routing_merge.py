"""Several nodes' replies made one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.cluster import parse_pubsub_numsub, parse_scan_result
from redis.exceptions import ResponseError

from ha_manager.routing import ResponsePolicy, merge

P = ResponsePolicy
numbers = st.lists(st.integers(), min_size=1)
flags = st.lists(st.booleans(), min_size=1)
names = st.sampled_from([b"a", b"b", b"c"])
lists = st.lists(st.lists(names), min_size=1)


@pytest.mark.parametrize("policy", P)
def test_one_reply_of_its_own_shape_stays_as_it_is(policy: ResponsePolicy) -> None:
    shapes: dict[ResponsePolicy, Any] = {
        P.CONCAT: [1, 1],
        P.UNION: [1, 2],
        P.MERGED_MAPPING: [("a", 1)],
        P.RUNNING: {"running_script": None},
        P.SCAN: (0, []),
    }
    reply = shapes.get(policy, 1)
    expected = ({"n": 0}, []) if policy is P.SCAN else reply
    assert merge(policy, [reply], ["n"]) == expected


@pytest.mark.parametrize("policy", set(P) - {P.ONE_SUCCEEDED})
def test_the_first_error_is_raised(policy: ResponsePolicy) -> None:
    with pytest.raises(ResponseError, match="first"):
        merge(policy, [[], ResponseError("first"), ResponseError("second")], ["a", "b", "c"])


@pytest.mark.parametrize("policy", P)
def test_no_reply_is_no_answer(policy: ResponsePolicy) -> None:
    with pytest.raises(ValueError, match="no reply"):
        merge(policy, [])


def test_one_success_is_enough() -> None:
    idle, stuck = ResponseError("NOTBUSY No scripts in execution right now."), ResponseError("UNKILLABLE")
    assert merge(P.ONE_SUCCEEDED, [idle, b"OK", stuck]) == b"OK"
    with pytest.raises(ResponseError, match="NOTBUSY"):
        merge(P.ONE_SUCCEEDED, [idle, idle])
    with pytest.raises(ResponseError, match="UNKILLABLE"):
        merge(P.ONE_SUCCEEDED, [idle, stuck])


@given(numbers)
def test_numbers(replies: list[int]) -> None:
    assert merge(P.AGG_SUM, replies) == sum(replies)
    assert merge(P.AGG_MIN, replies) == min(replies)
    assert merge(P.AGG_MAX, replies) == max(replies)


@given(
    st.integers(1, 4).flatmap(lambda n: st.lists(st.lists(st.integers(), min_size=n, max_size=n), min_size=1))
)
def test_lists_of_numbers_element_by_element(replies: list[list[int]]) -> None:
    columns = range(len(replies[0]))
    assert merge(P.AGG_SUM, replies) == [sum(reply[at] for reply in replies) for at in columns]
    assert merge(P.AGG_MIN, replies) == [min(reply[at] for reply in replies) for at in columns]


@given(flags)
def test_logic_keeps_the_type(replies: list[bool]) -> None:
    assert merge(P.AGG_LOGICAL_AND, replies) is all(replies)
    assert merge(P.AGG_LOGICAL_OR, replies) is any(replies)
    as_numbers = merge(P.AGG_LOGICAL_AND, [int(reply) for reply in replies])
    assert (type(as_numbers), as_numbers) == (int, int(all(replies)))
    in_lists = merge(P.AGG_LOGICAL_AND, [[reply, True] for reply in replies])
    assert in_lists == [all(replies), True]


@given(flags)
def test_all_succeeded(replies: list[bool]) -> None:
    assert merge(P.ALL_SUCCEEDED, replies) is all(replies)


def test_all_succeeded_gives_what_one_server_gives() -> None:
    assert merge(P.ALL_SUCCEEDED, [b"PONG", b"PONG"]) == b"PONG"
    assert merge(P.SAME, ["sha", "sha"]) == "sha"
    assert merge(P.SAME, ["one", "other"]) == "one"
    assert merge(P.FIRST, [1, 2]) == 1


@given(lists)
def test_joined_and_united(replies: list[list[bytes]]) -> None:
    joined = [name for reply in replies for name in reply]
    assert merge(P.CONCAT, replies) == joined
    assert merge(P.CONCAT, [set(reply) for reply in replies]) == set(joined)
    assert merge(P.CONCAT, [dict.fromkeys(reply) for reply in replies]) == dict.fromkeys(joined)
    united = merge(P.UNION, replies)
    assert (len(united), set(united)) == (len(set(joined)), set(joined))
    assert merge(P.UNION, [set(reply) for reply in replies]) == set(joined)


@given(st.lists(st.dictionaries(names, st.integers(0, 5)), min_size=1))
def test_counts_by_name_in_every_shape(replies: list[dict[bytes, int]]) -> None:
    pairs = [list(reply.items()) for reply in replies]
    expected = parse_pubsub_numsub("PUBSUB NUMSUB", dict(enumerate(pairs)))
    assert merge(P.MERGED_MAPPING, pairs) == expected
    assert merge(P.MERGED_MAPPING, replies) == dict(expected)
    if all(replies):
        flat = [[word for pair in reply for word in pair] for reply in pairs]
        assert merge(P.MERGED_MAPPING, flat) == [word for pair in expected for word in pair]


def test_by_node() -> None:
    assert merge(P.PER_NODE, [{"x": 1}]) == {"x": 1}
    assert merge(P.PER_NODE, [1, 2], ["a:1", "b:1"]) == {"a:1": 1, "b:1": 2}
    with pytest.raises(ValueError, match="zip"):
        merge(P.PER_NODE, [1, 2], ["a:1"])


def test_a_scan_of_all_nodes_is_as_in_redis_py() -> None:
    replies = {"a:1": (0, [b"x"]), "b:1": (7, [b"y", b"z"])}
    of_redis_py = parse_scan_result("SCAN", {name: list(reply) for name, reply in replies.items()})
    assert merge(P.SCAN, list(replies.values()), list(replies)) == of_redis_py


@given(st.lists(st.none() | names, min_size=1))
def test_a_random_key_is_one_that_exists(replies: list[bytes | None]) -> None:
    found = {reply for reply in replies if reply is not None}
    assert merge(P.NON_EMPTY, replies) in (found or {None})


@pytest.mark.parametrize(
    ("idle", "running"),
    [
        ({"running_script": None}, {"running_script": {"name": "f"}}),
        ({b"running_script": None, b"engines": {}}, {b"running_script": {b"name": b"f"}}),
        ([b"running_script", None, b"engines", []], [b"running_script", [b"name", b"f"], b"engines", []]),
    ],
)
def test_the_script_that_runs_is_found(idle: Any, running: Any) -> None:
    assert merge(P.RUNNING, [idle, running, idle]) == running
    assert merge(P.RUNNING, [idle, idle]) == idle
