"""Replies about the cluster that are nonsense, as a whole or in one place: BadReplyError and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from cluster_reply_forms import ASKED, FORMS, node, shard
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ha_manager.topology.cluster_replies import ClusterInfo, parse_info, parse_shards, parse_slots
from ha_manager.topology.model import SLOT_COUNT, Role, Shard
from ha_manager.topology.replies import BadReplyError

# More than Python writes out, also where a test that fails shows it.
HUGE = st.integers(4400, 4500).map(lambda digits: 10**digits)

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | HUGE
    | st.floats()
    | st.text()
    | st.binary()
    | st.sampled_from(["slots", "nodes", b"nodes", "id", "port", "endpoint", "role", "master", "0", "?"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.binary(), inner),
    max_leaves=12,
)

SHARDS = [
    shard(
        node(7001, tls_port=8001, hostname="h", availability_zone="a"),
        node(7002, "replica", health="loading"),
        slots=(0, 99, 200, 299),
        id="s1",
    ),
    shard(node(7003), node(7004, "replica"), slots=(100, 199)),
    shard(node(7005, health="failed"), slots=()),
]
SLOTS = [
    [0, 99, ["10.0.0.1", 7001, "id1", {"hostname": "h"}], ["", 7002, "id2", {}]],
    [200, 299, ["10.0.0.1", 7001, "id1", {"hostname": "h"}], [None, 7002, "id2", {}]],
    [100, 199, ["10.0.0.3", 7003, "id3"]],
]
INFO = "cluster_state:ok\r\ncluster_slots_assigned:1\r\ncluster_current_epoch:2\r\ncluster_my_epoch:3\r\n"

Parse = Callable[..., Any]
PARSERS: list[tuple[Parse, Any]] = [(parse_shards, SHARDS), (parse_slots, SLOTS)]


def places(reply: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to every part of a reply."""
    yield path
    if isinstance(reply, Mapping):
        for name, value in reply.items():
            yield from places(value, (*path, name))
    elif isinstance(reply, list):
        for index, value in enumerate(reply):
            yield from places(value, (*path, index))


def spoilt(reply: Any, path: tuple[Any, ...], nonsense: Any) -> Any:
    """The reply with ``nonsense`` in one place."""
    if not path:
        return nonsense
    step, *rest = path
    copy = dict(reply) if isinstance(reply, Mapping) else list(reply)
    copy[step] = spoilt(copy[step], tuple(rest), nonsense)
    return copy


def check(shards: tuple[Shard, ...]) -> None:
    """What holds of every parsed reply, however it was spoilt."""
    lowest = [found.slots[0].start if found.slots else SLOT_COUNT for found in shards]
    assert lowest == sorted(lowest)
    for found in shards:
        addresses = [member.endpoint for member in found.nodes]
        assert found.primary is None or found.primary.role is Role.PRIMARY
        assert all(replica.role is Role.REPLICA for replica in found.replicas)
        assert len(set(addresses)) == len(addresses)
        assert all(not address.is_unix and 0 < address.port < 65536 for address in addresses)
        assert all(slots and slots[0] >= 0 and slots[-1] < SLOT_COUNT for slots in found.slots)
        assert all(a.stop < b.start for a, b in zip(found.slots, found.slots[1:], strict=False))


def judged(parse: Parse, reply: Any, *, tls: bool) -> None:
    try:
        found = parse(reply, ASKED, tls=tls)
    except BadReplyError as error:
        assert str(error)
        return
    check(found)


@pytest.mark.parametrize(("parse", "good"), PARSERS)
@given(reply=anything, tls=st.booleans())
def test_nonsense(parse: Parse, good: Any, reply: Any, tls: bool) -> None:
    judged(parse, reply, tls=tls)
    judged(parse, [reply], tls=tls)


@pytest.mark.parametrize(("parse", "good"), PARSERS)
@settings(max_examples=300, deadline=None)
@given(data=st.data(), nonsense=anything, tls=st.booleans())
def test_nonsense_in_one_place(
    parse: Parse, good: Any, data: st.DataObject, nonsense: Any, tls: bool
) -> None:
    whole = FORMS[data.draw(st.sampled_from(sorted(FORMS)))](good)
    place = data.draw(st.sampled_from(list(places(whole))))
    judged(parse, spoilt(whole, place, nonsense), tls=tls)


@pytest.mark.parametrize(("parse", "good"), PARSERS)
@pytest.mark.parametrize("form", sorted(FORMS))
def test_what_is_spoilt_was_good(parse: Parse, good: Any, form: str) -> None:
    found = parse(FORMS[form](good), ASKED, tls=False)
    assert [len(shard.slots) for shard in found] == [2, 1]
    check(found)


@given(reply=anything)
@example(reply=INFO + "cluster_known_nodes:" + "9" * 5000)
@example(reply=INFO + "cluster_known_nodes:\u00b2")
@example(reply=INFO + "cluster_known_nodes:\u0661")
def test_nonsense_for_info(reply: Any) -> None:
    with pytest.raises(BadReplyError):
        parse_info(reply)


@given(value=st.text(alphabet="0123456789 -.\u0661", min_size=1, max_size=25))
def test_nonsense_in_info(value: str) -> None:
    try:
        found = parse_info(INFO + "cluster_known_nodes:" + value)
    except BadReplyError:
        assert not (value.isdecimal() and value.isascii()) or int(value) >= 2**64
        return
    assert found == ClusterInfo(
        state_ok=True, current_epoch=2, my_epoch=3, known_nodes=int(value), slots_assigned=1
    )
