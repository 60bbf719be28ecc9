"""The table's text, and the policies that come of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.cluster import SLOT_ID, RedisCluster

from ha_manager.routing import KeyRule, KeySpec, RequestPolicy, ResponsePolicy, describe
from ha_manager.routing.generate import HEADER, merge_rows, render
from ha_manager.routing.table import Row, format_keys, parse, parse_keys, rows

places = st.integers(1, 9)
stretches = st.builds(
    KeySpec,
    begin=st.integers(-9, 9),
    keyword=st.sampled_from(["", "STREAMS", "KEYS"]),
    last=st.integers(-3, 3),
    step=places,
    limit=st.integers(0, 3),
    is_key=st.booleans(),
)
counted = st.builds(KeySpec, begin=places, count_at=st.integers(0, 3), first=st.integers(0, 3), step=places)
rules = st.builds(
    lambda specs, options: KeyRule(tuple(specs), options),
    st.lists(stretches | counted, max_size=3),
    st.sampled_from(["", "sort"]),
)


@given(st.none() | rules)
def test_what_is_written_is_read_again(rule: KeyRule | None) -> None:
    assert parse_keys(format_keys(rule)) == rule


@pytest.mark.parametrize("text", ["x", "1:", "1#2", "@1", "1:2:3", "1!!", "KEYS"])
def test_nonsense_is_no_key_specification(text: str) -> None:
    with pytest.raises(ValueError, match="no key specification"):
        parse_keys(text)


def test_comments_are_no_rows() -> None:
    assert list(parse(HEADER + "GET r 1 - -\n\nCONFIG|GET - - - -\n")) == [
        Row("GET", "r", "1"),
        Row("CONFIG GET"),
    ]


def test_of_two_servers_the_stricter_marks_and_the_newer_policies_count() -> None:
    old = Row("X", "br", "1", "multi_shard", "agg_min")
    new = Row("X", "w", "1:-1")
    assert merge_rows(None, new) == new
    assert merge_rows(old, new) == Row("X", "bw", "1:-1")
    assert merge_rows(Row("X"), Row("X")) == Row("X")
    assert render([{"X": old}, {"X": new, "A B": Row("A B")}]) == f"{HEADER}A|B - - - -\nX bw 1:-1 - -\n"


@pytest.mark.parametrize("row", list(rows().values()), ids=lambda row: row.name)
def test_every_row_can_be_read(row: Row) -> None:
    """A slip of the pen in the supplement would otherwise be taken for silence."""
    tips = {"-", "special", "all_nodes", "all_shards", "multi_shard", *(p.value for p in RequestPolicy)}
    merges = {"-", "special", *(policy.value for policy in ResponsePolicy)}
    assert set(row.marks) <= set("rwbcnoh-")
    assert (row.request in tips, row.response in merges) == (True, True)
    keys = parse_keys(row.keys)
    assert keys is None or keys.options in {"", "sort", "migrate"}


@pytest.mark.parametrize("row", list(rows().values()), ids=lambda row: row.name)
def test_policies_make_sense_together(row: Row) -> None:
    spec = describe(row.name.split())
    keyed = spec.request in {RequestPolicy.KEYED, RequestPolicy.MULTI_SHARD}
    assert spec.name == row.name
    assert keyed == (spec.keys is not None)
    assert spec.request not in {RequestPolicy.UNKNOWN, RequestPolicy.SENTINEL}
    if spec.request is RequestPolicy.KEYED:
        assert spec.response is ResponsePolicy.FIRST
    if spec.first_key:
        assert (spec.request, spec.keys) == (RequestPolicy.KEYED, parse_keys(row.keys))


# redis-py

OF_FLAG = {
    RedisCluster.DEFAULT_NODE: RequestPolicy.DEFAULT,
    RedisCluster.PRIMARIES: RequestPolicy.ALL_PRIMARIES,
    RedisCluster.ALL_NODES: RequestPolicy.ALL_NODES,
    RedisCluster.RANDOM: RequestPolicy.ANY,
    SLOT_ID: RequestPolicy.SLOT_ARGUMENT,
}

ELSEWHERE = {
    RequestPolicy.ALL_NODES: (
        "the server's tip: all nodes must be told, or none",
        "ACL DELUSER|ACL SAVE|ACL SETUSER|CLIENT SETINFO|CLIENT SETNAME|CONFIG SET|CONFIG REWRITE|"
        "CONFIG RESETSTAT|SCRIPT FLUSH|SCRIPT LOAD|"
        # Subscribers hang on any node.
        "PUBSUB CHANNELS|PUBSUB NUMPAT|PUBSUB NUMSUB|PUBSUB SHARDCHANNELS|PUBSUB SHARDNUMSUB",
    ),
    RequestPolicy.ALL_PRIMARIES: (
        "the server's tip: each shard has a part of the answer",
        "DBSIZE|KEYS|PING|RANDOMKEY|WAIT|WAITAOF",
    ),
    RequestPolicy.KEYED: ("it has keys", "TFCALL|TFCALLASYNC"),
}
"""Where we send what redis-py sends to its default node, or to all primaries, and why."""


def destinations() -> Iterator[tuple[str, RequestPolicy]]:
    ours = {name: policy for policy, (_, names) in ELSEWHERE.items() for name in names.split("|")}
    for name, flag in RedisCluster.COMMAND_FLAGS.items():
        yield name, ours.get(name, OF_FLAG[flag])


@pytest.mark.parametrize(("name", "request_policy"), list(destinations()))
def test_commands_go_where_redis_py_sends_them_or_there_is_a_reason(
    name: str, request_policy: RequestPolicy
) -> None:
    assert describe(name.split()).request is request_policy


@pytest.mark.parametrize("name", [name for name in RedisCluster.SEARCH_COMMANDS[0] if "," not in name])
def test_searches_go_to_one_node(name: str) -> None:
    with_key = {"FT.SUGADD", "FT.SUGGET", "FT.SUGDEL", "FT.SUGLEN"}
    one_node = {RequestPolicy.KEYED} if name in with_key else {RequestPolicy.ANY, RequestPolicy.DEFAULT}
    assert describe((name,)).request in one_node


@pytest.mark.parametrize(
    ("policy", "names"),
    [
        (ResponsePolicy.AGG_SUM, "DBSIZE|PUBSUB NUMPAT|DEL|EXISTS|TOUCH|UNLINK"),
        (ResponsePolicy.AGG_MIN, "WAIT|WAITAOF"),
        (ResponsePolicy.AGG_LOGICAL_AND, "SCRIPT EXISTS"),
        (ResponsePolicy.AGG_LOGICAL_OR, "CLIENT UNBLOCK"),
        (ResponsePolicy.UNION, "KEYS|PUBSUB CHANNELS|PUBSUB SHARDCHANNELS"),
        (ResponsePolicy.MERGED_MAPPING, "PUBSUB NUMSUB|PUBSUB SHARDNUMSUB"),
        (ResponsePolicy.ONE_SUCCEEDED, "SCRIPT KILL|FUNCTION KILL"),
        (ResponsePolicy.RUNNING, "FUNCTION STATS"),
        (ResponsePolicy.NON_EMPTY, "RANDOMKEY"),
        (ResponsePolicy.SCAN, "SCAN"),
        (ResponsePolicy.CONCAT, "MGET|JSON.MGET"),
        (
            ResponsePolicy.ALL_SUCCEEDED,
            "FLUSHALL|FLUSHDB|FUNCTION LOAD|SCRIPT LOAD|CONFIG SET|PING|SAVE|MSET",
        ),
        (ResponsePolicy.PER_NODE, "INFO|TIME|LASTSAVE|CLIENT LIST|SLOWLOG GET|MEMORY STATS|FUNCTION LIST"),
    ],
    ids=lambda value: getattr(value, "value", ""),
)
def test_how_replies_are_merged(policy: ResponsePolicy, names: str) -> None:
    assert {name: describe(name.split()).response for name in names.split("|")} == dict.fromkeys(
        names.split("|"), policy
    )


@pytest.mark.parametrize("name", ["CLUSTER FAILOVER", "CLUSTER MYID", "CLUSTER ADDSLOTS", "CLUSTER FORGET"])
def test_what_concerns_one_node_needs_its_name(name: str) -> None:
    assert describe((name,)).request is RequestPolicy.NAMED_NODE


def test_a_subcommand_that_is_not_listed_follows_its_container_if_that_says_something() -> None:
    assert describe(("DEBUG", "SLEEP", "0")).request is RequestPolicy.DEFAULT
    assert describe(("CONFIG", "NOSUCH")).request is RequestPolicy.UNKNOWN
    assert describe(("NOSUCH", "k")).request is RequestPolicy.UNKNOWN
    assert describe(("SENTINEL", "MASTERS")).request is RequestPolicy.SENTINEL
