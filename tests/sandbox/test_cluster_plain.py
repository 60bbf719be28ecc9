"""The parts of the cluster sandbox without processes: slots, node tables, views, and judging health."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.crc import key_slot
from redis.exceptions import ResponseError

from ha_manager.errors import ConfigurationError
from ha_manager.sandbox.admin import Reply
from ha_manager.sandbox.cluster_blueprint import ClusterBlueprint
from ha_manager.sandbox.cluster_files import Entry, Seat, node_table, stand_in_table
from ha_manager.sandbox.cluster_health import Expected, complaints, read_report
from ha_manager.sandbox.cluster_program import check_version, names_shards
from ha_manager.sandbox.cluster_view import Picture, read_view, slot_of
from ha_manager.sandbox.programs import ServerProgram

NAMES = {"a": "node-1", "b": "node-2", "r": "node-3"}
ADDRESSES = {"a": ("127.0.0.1", 1), "b": ("127.0.0.1", 2), "r": ("127.0.0.1", 3)}
EXPECTED = Expected(NAMES, ADDRESSES, 16384)
A = "a 127.0.0.1:1@11 master - 0 0 1 connected 0-8191"
B = "b 127.0.0.1:2@12 master - 0 0 2 connected 8192-16383"
R = "r 127.0.0.1:3@13 slave a 0 0 1 connected"
SHARDS: Reply = [
    ["slots", ["0", "8191"], "nodes", [["id", "a"], ["id", "r"]]],
    ["slots", ["8192", "16383"], "nodes", [["id", "b"]]],
]
ROLES: Mapping[str, Reply] = {
    "a": ["master", 1, []],
    "b": ["master", 1, []],
    "r": ["slave", "127.0.0.1", 1, "connected", 1],
}


@given(st.one_of(st.text(), st.binary(), st.text("{}ab")))
def test_slots_are_those_of_redis_py(key: str | bytes) -> None:
    assert slot_of(key) == key_slot(key.encode() if isinstance(key, str) else key)


@pytest.mark.parametrize("slot", [-1, 16384])
def test_slots_out_of_range(slot: int) -> None:
    with pytest.raises(ValueError, match=f"slot {slot} is not from 0 to 16383"):
        slot_of(slot)


@given(st.integers(1, 300))
def test_every_slot_has_one_primary(primaries: int) -> None:
    blueprint = ClusterBlueprint(primaries, 0, 1, full_coverage=True, announce_hostname=None)
    shares = [blueprint.slots_of(number) for number in range(primaries)]
    assert [slot for share in shares for slot in share] == list(range(16384))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_a_node_table_is_read_back() -> None:
    primary, replica = (
        Entry(Seat(1, 2, "localhost", "c" * 40), slots=(range(5), range(9, 10)), epoch=7),
        Entry(Seat(3, 4), primary_id="p" * 40, epoch=7),
    )
    text = node_table(replica, [primary])
    assert "lastVoteEpoch" in text.splitlines()[-1]
    view = read_view("\n".join(text.splitlines()[:-1]))
    mine, other = view[replica.seat.node_id], view[primary.seat.node_id]
    assert (mine.is_primary, mine.primary_id, mine.flags) == (False, "p" * 40, {"myself", "slave"})
    assert (other.is_primary, other.slots, other.epoch) == (True, (range(5), range(9, 10)), 7)


def test_the_stand_in_has_the_slots_until_it_is_replaced() -> None:
    me, other = (
        Entry(Seat(1, 2), slots=(range(5),), epoch=3),
        Entry(Seat(3, 4), slots=(range(5, 9),), epoch=4),
    )
    text, stand_in = stand_in_table(me, [other])
    view = read_view("\n".join(text.splitlines()[:-1]))
    assert text.endswith("vars currentEpoch 2 lastVoteEpoch 0\n")
    assert view[stand_in].slots == (range(5),)
    assert (view[me.seat.node_id].primary_id, view[me.seat.node_id].slots) == (stand_in, ())
    assert (view[other.seat.node_id].epoch, view[other.seat.node_id].slots) == (0, (range(5, 9),))


def test_the_newest_epoch_owns_a_slot_and_most_decide_on_a_role() -> None:
    promoted = "r 127.0.0.1:3@13 master - 0 0 3 connected 0-8191"
    beaten = "a 127.0.0.1:1@11 master,fail - 0 0 1 connected"
    after = read_view("\n".join((beaten, B, promoted)))
    picture = Picture({"a": read_view("\n".join((A, B, R))), "b": after, "r": after})
    assert (picture.owner_of(0), picture.owner_of(9000)) == ("r", "b")
    assert picture.owners() == {**dict.fromkeys(range(8192), "r"), **dict.fromkeys(range(8192, 16384), "b")}
    assert picture.primaries() == ["r", "b"]
    assert picture.primary_of("r") == ""
    assert not picture.all_call_primary("r")
    assert (picture.epoch(), picture.epoch("b")) == (3, 2)


def test_an_old_primary_that_most_call_a_replica_is_one() -> None:
    after = read_view(
        "\n".join(("a :1@11 slave r 0 0 3 connected", B, "r :3@13 master - 0 0 3 connected 0-8191"))
    )
    picture = Picture({"a": read_view("\n".join((A, B, R))), "b": after, "r": after})
    assert picture.primaries() == ["r", "b"]
    assert picture.primary_of("a") == "r"


def test_slots_on_their_way_are_not_owned_twice() -> None:
    line = "a :1@11 myself,master - 0 0 1 connected 0-4 7 [3->-b] [9-<-b]"
    assert read_view(line)["a"].slots == (range(5), range(7, 8))


def replies(
    me: str, *lines: str, state: str = "ok", shards: Reply = SHARDS, role: Reply = None
) -> list[Reply]:
    info = f"cluster_enabled:1\r\ncluster_state:{state}\r\n"
    return [info, "\n".join(lines or (A, B, R)), shards, role or ROLES[me]]


def judged(**changed: list[Reply]) -> list[str]:
    told = {node: changed.get(node, replies(node)) for node in NAMES}
    return complaints({node: read_report(own) for node, own in told.items()}, EXPECTED)


def test_a_healthy_cluster_has_no_complaints() -> None:
    assert judged() == []


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        (replies("a", state="fail"), "node-1 says cluster_state:fail"),
        (replies("a", A, B), "node-1 does not know node-3"),
        (replies("a", A, B.replace("master", "master,fail?"), R), "node-1 sees fail? on node-2"),
        (replies("a", A, B.replace("connected", "disconnected"), R), "node-1 has no bus link to node-2"),
        (
            replies("a", A, B.replace("-16383", "-16382"), R),
            "node-1 knows owners of 16383 slots, not of 16384",
        ),
        (
            replies("a", A, B.replace(" 2 connected", " 1 connected"), R),
            "node-1 sees primaries that share an epoch",
        ),
        (
            replies("a", A, B, R, "x :0@0 master - 0 0 0 connected"),
            "node-1 knows 1 nodes that are not of the sandbox",
        ),
        (replies("a", shards=[]), "node-1 groups the nodes into other shards"),
        (replies("a", role=ROLES["r"]), "node-1 is a primary, and says ROLE slave"),
        (replies("a", A, B, R.replace(" a ", " b ")), "the nodes have 2 different views of roles and slots"),
        (replies("a", role=ResponseError("NOPERM")), "node-1 does not answer"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_missing_is_named(changed: list[Reply], complaint: str) -> None:
    assert complaint in judged(a=changed)


@pytest.mark.parametrize(
    "role", [["slave", "127.0.0.1", 1, "sync", 1], ["slave", "127.0.0.1", 2, "connected", 1]]
)
def test_a_replica_without_its_link(role: Reply) -> None:
    assert judged(r=replies("r", role=role)) == ["node-3 has no link to its primary node-1"]


def test_slots_of_a_node_that_is_down() -> None:
    reports = {node: read_report(replies(node)) for node in ("a", "r")}
    assert "node-1 gives slots to node-2, which does not run" in complaints(reports, EXPECTED)
    assert complaints({**reports, "b": None}, EXPECTED) == ["node-2 does not answer"]
    assert complaints({}, EXPECTED) == ["no node runs"]


@pytest.mark.parametrize(
    ("words", "names"),
    [("Redis server v=7.0.15", False), ("Redis server v=7.2.4", True), ("Valkey v=9.1.2", True)],
)
def test_versions(tmp_path: Path, words: str, names: bool) -> None:
    program = written(tmp_path, words)
    check_version(program)
    assert names_shards(program) == names


@pytest.mark.parametrize("words", ["Redis server v=6.2.7", "something else"])
def test_a_server_that_is_too_old_is_named(tmp_path: Path, words: str) -> None:
    with pytest.raises(ConfigurationError, match=r"some-server is of version .* needs Redis 7\.0"):
        check_version(written(tmp_path, words))


def written(directory: Path, words: str) -> ServerProgram:
    """A program that says these words."""
    path = directory / "some-server"
    path.write_text(f"#!/bin/sh\necho '{words}'\n", encoding="utf-8")
    path.chmod(0o700)
    return ServerProgram("some-server", path)
