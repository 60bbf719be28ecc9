"""Who may be written to and read from: confirm, doubt, hold, release."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import pytest
from delivery_fakes import FakeNode
from hypothesis import given
from hypothesis import strategies as st
from unit_support import A, B, C

from ha_manager.delivery import Gate, Lane
from ha_manager.routing import Candidate, make_preference
from ha_manager.transport import NodeState


class Openings:
    """A gate that counts how often it was opened."""

    def __init__(self) -> None:
        self.count = 0

    def open(self) -> None:
        self.count += 1


class Rig:
    """A lane with its primary, at a gate that counts."""

    def __init__(self, *, confirmed: bool = True) -> None:
        self.openings = Openings()
        self.lane = Lane(cast("Gate", self.openings))
        self.node = FakeNode(A)
        self.lane.assign(self.node.as_node)
        if confirmed:
            self.lane.confirm()

    @property
    def open_for(self) -> tuple[bool, bool]:
        """Whether a write and a read find a connection now."""
        nodes = (self.lane.writer_node(), self.lane.reader_node(None))
        connections = (self.lane.writer(), self.lane.reader())
        assert all(c is (n and n.take()) for c, n in zip(connections, nodes, strict=True))
        return connections[0] is not None, connections[1] is not None


def test_without_a_primary_there_is_nothing() -> None:
    lane = Lane(cast("Gate", Openings()))
    lane.confirm()
    assert (lane.writer(), lane.reader(), lane.writer_node(), lane.reader_node(None)) == (None,) * 4
    assert lane.why() == "a primary to be found"


def test_a_primary_is_used_once_it_is_confirmed() -> None:
    rig = Rig(confirmed=False)
    assert rig.open_for == (False, False)
    assert "confirmed" in rig.lane.why()
    rig.lane.confirm()
    assert rig.open_for == (True, True)
    assert rig.openings.count == 1


def test_a_primary_without_a_connection_cannot_be_confirmed() -> None:
    rig = Rig(confirmed=False)
    rig.node.state = NodeState.DOWN
    rig.lane.confirm()
    assert not rig.lane.confirmed
    assert rig.open_for == (False, False)
    assert "it fell" in rig.lane.why()
    rig.node.state = NodeState.UP
    assert rig.open_for == (False, False), "it may have been demoted while it was away"


def test_doubt_stops_writes_and_reads_until_the_next_confirmation() -> None:
    rig = Rig()
    rig.lane.doubt()
    assert rig.open_for == (False, False)
    rig.lane.confirm()
    assert rig.open_for == (True, True)
    assert rig.openings.count == 2


def test_a_hold_stops_writes_only() -> None:
    rig = Rig()
    rig.lane.hold("an announcement")
    assert rig.open_for == (False, True)
    assert "an announcement" in rig.lane.why()
    rig.lane.confirm()
    assert rig.open_for == (False, True), "that the old primary answers does not end the hold"
    rig.lane.release()
    assert rig.open_for == (True, True)
    assert rig.openings.count == 2


def test_a_new_primary_starts_unconfirmed_and_the_hold_stays() -> None:
    rig = Rig()
    rig.lane.hold("an announcement")
    rig.lane.assign(FakeNode(B).as_node)
    assert rig.open_for == (False, False)
    rig.lane.confirm()
    assert rig.open_for == (False, True)
    rig.lane.release()
    assert rig.open_for == (True, True)


def test_the_same_primary_stays_confirmed() -> None:
    rig = Rig()
    rig.lane.assign(rig.node.as_node)
    assert rig.open_for == (True, True)
    assert rig.openings.count == 1, "nothing has changed for those who wait"


def test_losing_the_primary() -> None:
    rig = Rig()
    rig.lane.assign(None)
    assert rig.open_for == (False, False)


@given(st.lists(st.sampled_from(["confirm", "doubt", "hold", "release", "same", "new", "none"]), max_size=20))
def test_any_sequence(steps: list[str]) -> None:
    """Writes need confirmation and no hold, reads confirmation; each new chance opens the gate."""
    rig = Rig(confirmed=False)
    confirmed, held, primary = False, False, True
    for step in steps:
        before, openings = rig.open_for, rig.openings.count
        if step in ("new", "none"):
            primary, confirmed = step == "new", False
            rig.lane.assign(FakeNode(B).as_node if primary else None)
        elif step == "same":
            rig.lane.assign(rig.lane.primary)
        elif step in ("hold", "release"):
            held = step == "hold"
            rig.lane.hold("why") if held else rig.lane.release()
        else:
            confirmed = primary and step == "confirm"
            rig.lane.confirm() if step == "confirm" else rig.lane.doubt()
        assert rig.open_for == (confirmed and not held, confirmed)
        gained = any(now and not was for now, was in zip(rig.open_for, before, strict=True))
        assert rig.openings.count == openings + gained
        assert isinstance(rig.lane.why(), str)


# Replicas


def with_replicas(*replicas: FakeNode) -> Rig:
    rig = Rig()
    rig.lane.admit(*(replica.as_node for replica in replicas))
    return rig


def chosen(rig: Rig, read_from: object) -> object:
    node = rig.lane.reader_node(make_preference(read_from))  # type: ignore[arg-type]
    return node and node.endpoint


def test_replicas_that_are_down_are_passed_over() -> None:
    rig = with_replicas(FakeNode(B, up=False), FakeNode(C))
    assert {chosen(rig, "replica") for _ in range(6)} == {C}


def test_without_replicas_the_primary_stands_in_if_it_may() -> None:
    rig = with_replicas(FakeNode(B, up=False))
    assert (chosen(rig, "replica"), chosen(rig, "prefer_replica")) == (None, A)
    rig.lane.doubt()
    assert chosen(rig, "prefer_replica") is None


def test_reads_from_replicas_go_on_in_doubt_and_in_a_hold() -> None:
    rig = with_replicas(FakeNode(B))
    rig.lane.doubt()
    rig.lane.hold("why")
    assert chosen(rig, "replica") == B


def test_the_nearest_may_be_the_primary() -> None:
    rig = with_replicas(FakeNode(B, latency=0.5), FakeNode(C, latency=0.1))
    rig.node.latency = 0.2
    assert chosen(rig, "nearest") == C
    rig.node.latency = 0.01
    assert chosen(rig, "nearest") == A


def test_a_function_sees_every_candidate_and_may_invent_none() -> None:
    seen: list[Sequence[Candidate]] = []

    def choose(candidates: Sequence[Candidate]) -> Candidate:
        seen.append(candidates)
        return Candidate(C, is_primary=False)

    assert chosen(with_replicas(FakeNode(B, latency=0.5)), choose) is None
    assert {(c.endpoint, c.is_primary, c.latency) for c in seen[0]} == {(A, True, None), (B, False, 0.5)}


def test_a_replica_is_admitted_once_and_expelled_for_good() -> None:
    one, other = FakeNode(B), FakeNode(C)
    rig = with_replicas(one, other)
    rig.lane.admit(one.as_node)
    assert list(rig.lane.replicas) == [one.as_node, other.as_node]
    rig.lane.expel(one.as_node)
    assert list(rig.lane.replicas) == [other.as_node]
    assert {chosen(rig, "replica") for _ in range(4)} == {C}
    rig.lane.expel(one.as_node)


def test_admitting_a_replica_lets_waiting_reads_look_again() -> None:
    rig = Rig()
    before = rig.openings.count
    rig.lane.admit(FakeNode(B).as_node)
    assert rig.openings.count == before + 1


@pytest.mark.parametrize(("read_only", "word"), [(True, "replica"), (False, "primary")])
def test_what_is_waited_for_without_a_primary(read_only: bool, word: str) -> None:
    lane = Lane(cast("Gate", Openings()))
    lane.assign(None, read_only=read_only)
    assert word in lane.why()


# Refusals, and the end


def test_a_refusal_is_told_until_the_primary_serves_again() -> None:
    rig = Rig()
    rig.lane.doubt("the cluster is down")
    assert "the cluster is down" in rig.lane.why()
    rig.lane.doubt()
    assert rig.lane.refusal == "the cluster is down", "another doubt does not explain the first one away"
    rig.lane.doubt("another reason")
    assert "another reason" in rig.lane.why()
    rig.lane.confirm()
    assert (rig.lane.refusal, rig.open_for) == ("", (True, True))
    rig.lane.doubt()
    assert "confirmed" in rig.lane.why()


def test_a_primary_that_went_down_is_told_before_its_refusal() -> None:
    rig = Rig()
    rig.lane.doubt("the cluster is down")
    rig.node.state = NodeState.DOWN
    assert "it fell" in rig.lane.why()


def test_a_primary_that_cannot_be_confirmed_keeps_its_refusal() -> None:
    rig = Rig()
    rig.lane.doubt("the cluster is down")
    rig.node.state = NodeState.DOWN
    rig.lane.confirm()
    assert rig.lane.refusal == "the cluster is down"


def test_an_abandoned_lane_sends_its_commands_away() -> None:
    rig = Rig()
    before = rig.openings.count
    rig.lane.abandon()
    assert (rig.lane.gone, rig.lane.primary, rig.open_for) == (True, None, (False, False))
    assert rig.openings.count > before, "whoever waits here must look for another lane"


def test_candidates_are_told_with_their_zones() -> None:
    rig = with_replicas(FakeNode(B, zone="east"), FakeNode(C, zone="west"))
    node = rig.lane.reader_node(make_preference("same_zone", "west"))
    assert node is not None
    assert node.endpoint == C
