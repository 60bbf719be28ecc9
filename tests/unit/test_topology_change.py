"""What changed between two snapshots: which shard goes on as which, who switched, who came and went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit_support import A, B, C, D, E

from ha_manager.config import Endpoint
from ha_manager.topology import Deployment, NodeInfo, Role, Shard, Switch, Topology, diff
from ha_manager.topology.change import predecessors
from ha_manager.topology.model import one_shard

SLOTS = (range(100),)


def shard(primary: Endpoint | None, *replicas: Endpoint, slots: tuple[range, ...] = SLOTS) -> Shard:
    return Shard(
        NodeInfo(primary, Role.PRIMARY) if primary else None,
        tuple(NodeInfo(replica, Role.REPLICA) for replica in replicas),
        slots,
    )


def cluster(*shards: Shard) -> Topology:
    return Topology(Deployment.CLUSTER, shards)


# Cases


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ([shard(A), shard(B)], [shard(B), shard(A)], [1, 0]),
        ([shard(A, B), shard(C)], [shard(B, A), shard(C)], [0, 1]),
        ([shard(A, B), shard(C)], [shard(B), shard(C)], [0, 1]),
        ([shard(A), shard(B)], [shard(A), shard(B), shard(C)], [0, 1, None]),
        ([shard(A), shard(B), shard(C)], [shard(C), shard(A)], [2, 0]),
        ([shard(None, B), shard(C)], [shard(B), shard(C)], [0, 1]),
        ([shard(A, B), shard(C)], [shard(None, B), shard(C)], [0, 1]),
        ([shard(None), shard(C)], [shard(D), shard(C)], [None, 1]),
        ([shard(A), shard(C)], [shard(D, A), shard(C)], [0, 1]),
        ([shard(A, B), shard(C)], [shard(A), shard(B), shard(C)], [0, None, 1]),
        ([shard(A, B), shard(C)], [shard(B), shard(A), shard(C)], [None, 0, 1]),
        ([shard(A, B, D), shard(C)], [shard(E, D), shard(B, A), shard(C)], [None, 0, 1]),
        ([shard(A), shard(B)], [shard(C), shard(C)], [None, None]),
        ([shard(A), shard(B)], [shard(A), shard(A)], [0, None]),
    ],
    ids=[
        "another order",
        "failover",
        "failover, the old primary is gone",
        "a shard more",
        "a shard less",
        "promoted after a while without a primary",
        "the primary is unknown",
        "nothing in common",
        "a newcomer took over",
        "a replica got a shard of its own",
        "a replica got a shard of its own, listed first",
        "a newcomer took a replica along, listed before the promoted one",
        "nonsense about strangers",
        "nonsense about a primary",
    ],
)
def test_which_shard_goes_on(old: Sequence[Shard], new: Sequence[Shard], wanted: list[int | None]) -> None:
    assert predecessors(cluster(*old), cluster(*new)) == wanted


@pytest.mark.parametrize("new", [shard(B), shard(None), shard(None, A)])
def test_the_only_shard_always_goes_on(new: Shard) -> None:
    assert predecessors(cluster(shard(A)), cluster(new)) == [0]


# Any change


@dataclass
class Story:
    """A cluster before and after a change, and which shard is which."""

    old: list[Shard] = field(default_factory=list)
    new: list[Shard] = field(default_factory=list)
    origins: list[int | None] = field(default_factory=list)
    switched: int = 0


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Each shard stays, fails over, or goes; new ones come; replicas and slots move at will."""
    numbers = iter(range(1000))
    fresh = [Endpoint("10.1.0.1", 7000 + number) for number in numbers]
    story = Story()
    kept: list[tuple[int | None, Shard]] = []
    strays: list[NodeInfo] = []
    for index in range(draw(st.integers(1, 5))):
        before = shard(fresh.pop(), *(fresh.pop() for _ in range(draw(st.integers(0, 3)))))
        story.old.append(before)
        fate = draw(st.sampled_from(["stays", "stays", "fails over", "goes"]))
        if fate == "goes":
            continue
        after = before
        if fate == "fails over" and before.replicas:
            assert before.primary is not None
            back = draw(st.booleans())
            old_primary = (before.primary.endpoint,) if back else ()
            heir, *others = (node.endpoint for node in before.replicas)
            after = shard(heir, *others, *old_primary)
            story.switched += 1
        if after.replicas and draw(st.booleans()):
            strays.append(after.replicas[-1])
            after = replace(after, replicas=after.replicas[:-1])
        kept.append((index, replace(after, slots=(range(draw(st.integers(0, 50)), 60),))))
    kept += [(None, shard(fresh.pop())) for _ in range(draw(st.integers(0 if kept else 1, 2)))]
    for stray in strays:
        place = draw(st.integers(0, len(kept) - 1))
        origin, host = kept[place]
        kept[place] = (origin, replace(host, replicas=(*host.replicas, stray)))
    for origin, after in draw(st.permutations(kept)):
        story.origins.append(origin)
        story.new.append(after)
    return story


@given(stories())
def test_every_shard_that_goes_on_is_found(story: Story) -> None:
    found = predecessors(cluster(*story.old), cluster(*story.new))
    if len(story.old) == 1 == len(story.new):
        assert found == [0]
        return
    for origin, index in zip(story.origins, found, strict=True):
        # A new shard may pass for the heir of one that is gone; nobody waits there any more.
        assert index == origin or (origin is None and index not in story.origins)


endpoints = st.sampled_from([A, B, C, D, E])
shards = st.builds(
    lambda primary, replicas: shard(primary, *replicas),
    st.none() | endpoints,
    st.lists(endpoints, max_size=3),
)
clusters = st.lists(shards, min_size=1, max_size=4).map(lambda found: cluster(*found))


@given(clusters, clusters)
def test_whatever_servers_say_no_shard_goes_on_twice(old: Topology, new: Topology) -> None:
    found = predecessors(old, new)
    claimed = [index for index in found if index is not None]
    assert len(found) == len(new.shards)
    assert len(set(claimed)) == len(claimed)
    assert all(0 <= index < len(old.shards) for index in claimed)


@given(clusters)
def test_nothing_changes_nothing(topology: Topology) -> None:
    primaries = [shard.primary for shard in topology.shards]
    if None in primaries or len(set(primaries)) < len(primaries):
        return
    assert predecessors(topology, topology) == list(range(len(topology.shards)))
    change = diff(topology, topology)
    assert (change.added, change.removed, change.switches) == ((), (), ())


# The difference


single = st.builds(
    lambda primary, replicas: one_shard(Deployment.SENTINEL, primary, tuple(replicas)),
    st.none() | endpoints,
    st.lists(endpoints, max_size=3),
)


@given(st.none() | single | clusters, single | clusters)
def test_diff_leads_from_the_old_nodes_to_the_new(old: Topology | None, new: Topology) -> None:
    change = diff(old, new)
    before = {node.endpoint for node in old.nodes} if old else set()
    assert (before | set(change.added)) - set(change.removed) == {node.endpoint for node in new.nodes}
    assert not set(change.added) & before
    assert set(change.removed) <= before


@given(single, single)
def test_one_shard_switches_when_its_primary_is_another(old: Topology, new: Topology) -> None:
    switched = new.primary is not None and new.primary != old.primary
    wanted = (Switch(old.primary, new.primary, new.shards[0].slots),) if switched and new.primary else ()
    assert diff(old, new).switches == wanted


@given(single | clusters)
def test_the_first_snapshot_is_no_switch(topology: Topology) -> None:
    assert diff(None, topology).switches == ()


@given(stories())
def test_each_failover_of_a_cluster_is_one_switch(story: Story) -> None:
    if len(story.old) == 1:
        return
    survivors = {story.old[origin].primary for origin in story.origins if origin is not None}
    addresses = {node.endpoint for node in survivors if node is not None}
    switches = diff(cluster(*story.old), cluster(*story.new)).switches
    of_survivors = [switch for switch in switches if switch.old in addresses]
    assert len(of_survivors) == story.switched


def test_a_switch_tells_the_slots_that_it_concerns() -> None:
    old = cluster(shard(A, B, slots=(range(10),)), shard(C, slots=(range(10, 20),)))
    new = cluster(shard(B, A, slots=(range(5), range(7, 10))), shard(C, slots=(range(10, 20),)))
    change = diff(old, new)
    assert change.switches == (Switch(A, B, (range(5), range(7, 10))),)
    assert (change.added, change.removed) == ((), ())


def test_slots_that_move_are_no_switch() -> None:
    old = cluster(shard(A, slots=(range(10),)), shard(C, slots=(range(10, 20),)))
    new = cluster(shard(A, slots=(range(9),)), shard(C, slots=(range(9, 20),)))
    assert diff(old, new).switches == ()


def test_a_primary_that_is_lost_is_no_switch_and_its_heir_is_one_from_nobody() -> None:
    before, between, after = (
        cluster(shard(A, B), shard(C)),
        cluster(shard(None, B), shard(C)),
        cluster(shard(B), shard(C)),
    )
    assert diff(before, between).switches == ()
    assert diff(before, between).removed == (A,)
    assert diff(between, after).switches == (Switch(None, B, SLOTS),)
