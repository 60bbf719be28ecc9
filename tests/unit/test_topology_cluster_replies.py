"""What a cluster's nodes say of it: who is primary, where it is, what it owns."""

from __future__ import annotations

import random
from typing import Any

import pytest
from cluster_reply_forms import ASKED, FORMS, Form, node, shard

from ha_manager.config import Endpoint
from ha_manager.topology.cluster_replies import ClusterInfo, parse_info, parse_shards, parse_slots
from ha_manager.topology.model import NodeInfo, Role, Shard
from ha_manager.topology.replies import BadReplyError

REPLICA = "replica"


def shards(*reply: Any, tls: bool = False) -> tuple[Shard, ...]:
    return parse_shards(list(reply), ASKED, tls=tls)


def only(*nodes: dict[str, Any], tls: bool = False, **more: Any) -> Shard:
    (found,) = shards(shard(*nodes, **more), tls=tls)
    return found


def slots(*reply: Any, tls: bool = False) -> tuple[Shard, ...]:
    return parse_slots(list(reply), ASKED, tls=tls)


def primary_of(found: Shard) -> Endpoint | None:
    return found.primary.endpoint if found.primary else None


@pytest.fixture(params=FORMS.values(), ids=FORMS.keys())
def form(request: pytest.FixtureRequest) -> Form:
    """One of the forms that the same reply comes in."""
    found: Form = request.param
    return found


# What both replies say


def test_shards_in_every_form(form: Form) -> None:
    reply = [
        shard(
            node(7001, hostname="", availability_zone="a"),
            node(7003, REPLICA, availability_zone="b"),
            node(7002, REPLICA),
            slots=(0, 99, 200, 299),
            id="s1",
        )
    ]
    assert parse_shards(form(reply), ASKED, tls=False) == (
        Shard(
            NodeInfo(Endpoint("10.0.0.1", 7001), Role.PRIMARY, "id7001", "a"),
            (
                NodeInfo(Endpoint("10.0.0.1", 7002), Role.REPLICA, "id7002"),
                NodeInfo(Endpoint("10.0.0.1", 7003), Role.REPLICA, "id7003", "b"),
            ),
            (range(100), range(200, 300)),
            "s1",
        ),
    )


def test_slots_in_every_form(form: Form) -> None:
    primary = ["10.0.0.1", 7001, "id1", {"hostname": "h", "availability-zone": "a"}]
    replica = ["10.0.0.2", 7002, "id2", {}]
    reply = [[200, 299, primary, replica], [0, 99, primary, replica]]
    assert parse_slots(form(reply), ASKED, tls=False) == (
        Shard(
            NodeInfo(Endpoint("10.0.0.1", 7001), Role.PRIMARY, "id1", "a"),
            (NodeInfo(Endpoint("10.0.0.2", 7002), Role.REPLICA, "id2"),),
            (range(100), range(200, 300)),
        ),
    )


def test_slots_of_servers_before_there_were_ids_and_metadata() -> None:
    (with_id, without_id) = slots([0, 9, ["a", 1, "id1"]], [10, 19, ["b", 2]])
    assert with_id.primary == NodeInfo(Endpoint("a", 1), Role.PRIMARY, "id1")
    assert without_id.primary == NodeInfo(Endpoint("b", 2), Role.PRIMARY)


def test_numbers_may_come_in_digits() -> None:
    (found,) = shards({"slots": ["0", b"9"], "nodes": [node(0, port="7001", replication_offset=b"5")]})
    assert (primary_of(found), found.slots) == (Endpoint("10.0.0.1", 7001), (range(10),))


def test_both_replies_about_one_cluster_are_the_same_shards() -> None:
    by_shards = shards(
        shard(node(7002), slots=(8000, 16383)), shard(node(7001), node(7003, REPLICA), slots=(0, 7999))
    )
    by_slots = slots(
        [8000, 9000, ["10.0.0.1", 7002, "id7002", {}]],
        [0, 7999, ["10.0.0.1", 7001, "id7001", {}], ["10.0.0.1", 7003, "id7003", {}]],
        [9001, 16383, ["10.0.0.1", 7002, "id7002", {}]],
    )
    assert by_shards == by_slots


# Where a node is


@pytest.mark.parametrize(
    ("told", "host"),
    [
        ({}, "10.0.0.1"),
        ({"endpoint": "node.example", "hostname": "node.example"}, "node.example"),
        ({"endpoint": "10.0.0.7", "hostname": "node.example"}, "10.0.0.7"),
        ({"endpoint": "::1"}, "::1"),
        ({"endpoint": ""}, ASKED.host),
        ({"endpoint": None}, ASKED.host),
        ({"endpoint": None, "hostname": "node.example"}, ASKED.host),
        ({"endpoint": "?"}, "10.0.0.1"),
        ({"endpoint": "?", "hostname": ""}, "10.0.0.1"),
        ({"endpoint": "?", "ip": ""}, ASKED.host),
        ({"endpoint": "?", "ip": ...}, ASKED.host),
        ({"endpoint": ...}, "10.0.0.1"),
        ({"endpoint": ..., "hostname": "node.example"}, "node.example"),
        ({"endpoint": ..., "hostname": "", "ip": ""}, ASKED.host),
    ],
)
def test_the_host_in_shards(told: dict[str, Any], host: str) -> None:
    assert primary_of(only(node(7001, **told))) == Endpoint(host, 7001)


@pytest.mark.parametrize(
    ("told", "metadata", "host"),
    [
        ("10.0.0.1", {}, "10.0.0.1"),
        ("10.0.0.1", {"hostname": "node.example"}, "10.0.0.1"),
        ("node.example", {"ip": "10.0.0.1"}, "node.example"),
        ("::1", {}, "::1"),
        ("", {}, ASKED.host),
        (None, {}, ASKED.host),
        (None, {"ip": "10.0.0.1"}, ASKED.host),
        ("?", {"ip": "10.0.0.1"}, "10.0.0.1"),
        ("?", {"ip": "10.0.0.1", "hostname": ""}, "10.0.0.1"),
        ("?", {}, ASKED.host),
    ],
)
def test_the_host_in_slots(told: str | None, metadata: dict[str, str], host: str) -> None:
    (found,) = slots([0, 9, [told, 7001, "id", metadata]])
    assert primary_of(found) == Endpoint(host, 7001)


@pytest.mark.parametrize(
    ("told", "tls", "port"),
    [
        ({"tls_port": 8001}, True, 8001),
        ({"tls_port": 8001}, False, 7001),
        ({}, True, 7001),
        ({"port": ..., "tls_port": 8001}, True, 8001),
    ],
)
def test_the_port(told: dict[str, Any], tls: bool, port: int) -> None:
    assert primary_of(only(node(7001, **told), tls=tls)) == Endpoint("10.0.0.1", port)


@pytest.mark.parametrize(
    ("told", "tls"),
    [
        ({"port": 0}, False),
        ({"port": ...}, False),
        ({"port": ..., "tls_port": 1}, False),
        ({"tls_port": 0}, True),
    ],
)
def test_a_node_without_a_port_for_us_cannot_be_used(told: dict[str, Any], tls: bool) -> None:
    assert only(node(7001, **told), tls=tls).nodes == ()
    assert only(node(7001), node(7002, REPLICA, **told), tls=tls).replicas == ()


def test_in_slots_as_well() -> None:
    a, b = slots([0, 9, ["a", 0, "id1"], ["b", 1, "id2"]], [10, 19, ["a", 0, "id3"], ["c", 2, "id4"]])
    assert (a.primary, b.primary) == (None, None)
    assert [n.endpoint for n in (*a.replicas, *b.replicas)] == [Endpoint("b", 1), Endpoint("c", 2)]


# Who is primary, and who can be read from


@pytest.mark.parametrize("health", ["online", "loading", "something new"])
def test_a_replica_that_may_be_promoted_stays(health: str) -> None:
    found = only(node(7001), node(7002, REPLICA, health=health), node(7003, REPLICA))
    assert [replica.endpoint.port for replica in found.replicas] == [7002, 7003]


@pytest.mark.parametrize("health", ["failed", "fail"])
def test_a_replica_that_failed_is_left_out(health: str) -> None:
    found = only(node(7001), node(7002, REPLICA, health=health), node(7003, REPLICA))
    assert [replica.endpoint.port for replica in found.replicas] == [7003]


def test_a_node_without_a_word_about_its_health_is_online() -> None:
    assert len(only(node(7001, health=...), node(7002, REPLICA, health=...)).nodes) == 2


@pytest.mark.parametrize("health", ["failed", "fail", "loading"])
def test_a_primary_that_is_down_stays_while_its_slots_wait(health: str) -> None:
    assert primary_of(only(node(7001, health=health), node(7002, REPLICA))) == Endpoint("10.0.0.1", 7001)


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"health": "failed", "replication_offset": 9}, {}),
        ({"health": "loading", "replication_offset": 9}, {}),
        ({"health": "failed", "replication_offset": 9}, {"health": "loading"}),
        ({"replication_offset": 8}, {"replication_offset": 9}),
    ],
)
def test_of_two_primaries_only_the_new_one_counts(
    first: bool, old: dict[str, Any], new: dict[str, Any]
) -> None:
    pair = [node(7001, **old), node(7002, **new)]
    found = only(*(pair if first else reversed(pair)), node(7003, REPLICA))
    assert [member.endpoint.port for member in found.nodes] == [7002, 7003]


def test_a_shard_without_a_primary() -> None:
    found = only(node(7002, REPLICA))
    assert found.primary is None
    assert [replica.endpoint.port for replica in found.replicas] == [7002]
    assert only() == Shard(None)


@pytest.mark.parametrize("word", ["slave", "replica"])
def test_words_for_a_replica(word: str) -> None:
    assert only(node(7001), node(7002, word)).replicas[0].role is Role.REPLICA


def test_an_address_is_named_once() -> None:
    found = only(node(7001), node(7001, REPLICA, id="x"), node(7002, REPLICA), node(7002, REPLICA, id="y"))
    assert [member.endpoint.port for member in found.nodes] == [7001, 7002]


def test_a_shard_without_slots_is_kept_for_its_working_primary() -> None:
    found = only(node(7001), node(7002, REPLICA), slots=())
    assert (len(found.nodes), found.slots) == (2, ())


@pytest.mark.parametrize(
    "nodes",
    [
        [],
        [node(7001, health="fail")],
        [node(7001, health="failed"), node(7002, REPLICA)],
        [node(7002, REPLICA)],
    ],
)
def test_what_is_left_of_a_replaced_server_is_not_a_shard(nodes: list[dict[str, Any]]) -> None:
    assert shards(shard(*nodes, slots=())) == ()


# The order


def test_the_order_of_a_reply_does_not_matter() -> None:
    reply = [
        shard(
            node(7000 + number),
            node(8001, REPLICA, ip="b"),
            node(8000, REPLICA),
            slots=(number * 9, number * 9 + 8),
        )
        for number in range(20)
    ]
    reply += [shard(node(9001), slots=()), shard(node(9000), slots=())]
    expected = shards(*reply)
    ports = [found.nodes[0].endpoint.port for found in expected]
    assert ports == [*range(7000, 7020), 9000, 9001]
    for seed in range(10):
        mixed = [
            dict(entry, nodes=random.Random(seed).sample(entry["nodes"], len(entry["nodes"])))
            for entry in reply
        ]
        random.Random(seed).shuffle(mixed)
        assert shards(*mixed) == expected


def test_ranges_are_sorted_and_joined() -> None:
    found = only(node(7001), slots=(300, 399, 0, 99, 100, 199, 350, 360, 16383, 16383))
    assert found.slots == (range(200), range(300, 400), range(16383, 16384))


# What is refused


@pytest.mark.parametrize(
    "reply",
    [
        None,
        "text",
        [None],
        [{}],
        [{"slots": [], "nodes": None}],
        [{"slots": None, "nodes": []}],
        [{"slots": 5, "nodes": []}],
        *(
            [shard(node(7001), slots=wrong)]
            for wrong in [(0,), (9, 0), (0, 16384), (-1, 5), ("x", 5), (None, 5)]
        ),
        [shard(node(7001), slots=(True, 5))],
        [shard(node(7001), id=5)],
        *(
            [shard(node(7001, **wrong))]
            for wrong in [
                {"role": "sentinel"},
                {"role": ...},
                {"role": None},
                {"port": 65536},
                {"port": -1},
                {"port": "x"},
                {"port": None},
                {"port": [1]},
                {"id": 5},
                {"endpoint": "a b"},
                {"endpoint": "/tmp/x.sock"},
                {"endpoint": "a:1"},
                {"endpoint": 5},
                {"endpoint": ..., "ip": "a/b"},
                {"health": 5},
                {"availability_zone": 5},
                {"replication_offset": "x"},
                {"replication_offset": 10**5000},
                {"replication_offset": "9" * 5000},
            ]
        ),
    ],
)
def test_what_is_not_the_reply_of_cluster_shards(reply: Any) -> None:
    with pytest.raises(BadReplyError):
        parse_shards(reply, ASKED, tls=False)


@pytest.mark.parametrize(
    "reply",
    [
        None,
        {},
        [None],
        [[0, 9]],
        [[0]],
        [[0, 9, []]],
        [[0, 9, ["h"]]],
        [[0, 9, None]],
        [[9, 0, ["h", 1]]],
        [[0, 16384, ["h", 1]]],
        [[0, None, ["h", 1]]],
        [[0, 9, ["h", "x"]]],
        [[0, 9, ["h", 65536]]],
        [[0, 9, ["h h", 1]]],
        [[0, 9, ["h", 1, 5]]],
        [[0, 9, ["h", 1, "id", None]]],
        [[0, 9, ["h", 1, "id", ["odd"]]]],
        [[0, 9, ["h", 1, "id", {"availability-zone": []}]]],
        [[0, 9, ["h", 1], ["h"]]],
    ],
)
def test_what_is_not_the_reply_of_cluster_slots(reply: Any) -> None:
    with pytest.raises(BadReplyError):
        parse_slots(reply, ASKED, tls=False)


# CLUSTER INFO

INFO = (
    "cluster_state:{state}\r\ncluster_slots_assigned:16384\r\ncluster_slots_ok:16000\r\n"
    "cluster_known_nodes:6\r\ncluster_size:3\r\ncluster_current_epoch:18446744073709551615\r\n"
    "cluster_my_epoch:2\r\n"
)


@pytest.mark.parametrize(("state", "ok"), [("ok", True), ("fail", False)])
def test_info(state: str, ok: bool) -> None:
    expected = ClusterInfo(
        state_ok=ok, current_epoch=2**64 - 1, my_epoch=2, known_nodes=6, slots_assigned=16384
    )
    assert parse_info(INFO.format(state=state)) == parse_info(INFO.format(state=state).encode()) == expected


@pytest.mark.parametrize(
    "field",
    [
        "cluster_state",
        "cluster_current_epoch",
        "cluster_my_epoch",
        "cluster_known_nodes",
        "cluster_slots_assigned",
    ],
)
def test_info_without_a_field_or_with_nonsense_in_it(field: str) -> None:
    lines = INFO.format(state="ok").splitlines()
    without = [line for line in lines if not line.startswith(field + ":")]
    assert len(without) == len(lines) - 1
    with pytest.raises(BadReplyError, match=field):
        parse_info("\r\n".join(without))
    if field != "cluster_state":
        with pytest.raises(BadReplyError):
            parse_info("\r\n".join([*without, f"{field}:many"]))


@pytest.mark.parametrize("reply", [None, 5, [], {}, "", b"nonsense"])
def test_what_is_not_the_reply_of_cluster_info(reply: Any) -> None:
    with pytest.raises(BadReplyError):
        parse_info(reply)
