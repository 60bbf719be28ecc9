"""What refusals tell about the topology, and what they set in motion."""

from __future__ import annotations

import pytest
from executor_rig import ClusterRig, Rig, call
from redis.exceptions import ResponseError
from unit_support import A, B, C

from ha_manager.config import Endpoint
from ha_manager.routing import Redirect
from ha_manager.topology import Cause
from ha_manager.transport.replies import error_reply

READONLY = error_reply("READONLY You can't write against a read only replica.")
DOWN = error_reply("CLUSTERDOWN The cluster is down")
GET = call("GET k", slot=5)


def quiet(rig: Rig) -> bool:
    """Whether nothing was set in motion."""
    return not (rig.triggers or rig.hints or rig.rescued)


# Redirects


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("asking", [True, False])
async def test_a_redirect_is_returned_and_what_it_tells_is_passed_on(asking: bool, known: bool) -> None:
    rig = ClusterRig()
    to = B if known else C
    error = error_reply(f"{'ASK' if asking else 'MOVED'} 5 {to}")
    assert rig.troubles.refused(GET, error, A) == Redirect(to, asking, 5)
    if asking and known:
        assert quiet(rig), "a slot on its way changes the map only when it has arrived"
    else:
        assert (rig.triggers, rig.hints) == ([Cause.ASK if asking else Cause.MOVED], [to])
    assert rig.rescued == []
    assert rig.lane.confirmed


async def test_whether_a_node_is_known_is_asked_for_its_mapped_address() -> None:
    rig = ClusterRig()
    rig.addresses = {Endpoint("inside", 1): B}
    assert rig.troubles.refused(GET, error_reply("ASK 5 inside:1"), A) == Redirect(B, asking=True, slot=5)
    assert quiet(rig)


async def test_an_empty_host_is_the_host_that_answered_and_is_mapped_like_any_other() -> None:
    rig = ClusterRig()
    rig.addresses = {Endpoint(A.host, 7000): C}
    assert rig.troubles.refused(GET, error_reply("MOVED 5 :7000"), A) == Redirect(C, asking=False, slot=5)


# Doubts


async def test_readonly_from_a_primary_doubts_it() -> None:
    rig = ClusterRig()
    assert rig.troubles.refused(GET, READONLY, B) is None
    assert (rig.lane.confirmed, rig.upper_lane.confirmed) == (True, False)
    assert (rig.triggers, rig.rescued) == ([Cause.READONLY], [rig.upper_lane])


async def test_readonly_from_whoever_is_no_primary_only_asks() -> None:
    rig = ClusterRig()
    assert rig.troubles.refused(GET, READONLY, C) is None
    assert (rig.lane.confirmed, rig.upper_lane.confirmed) == (True, True)
    assert (rig.triggers, rig.rescued) == ([Cause.READONLY], [])


async def test_clusterdown_doubts_the_shard_of_the_slot_and_says_why() -> None:
    rig = ClusterRig()
    assert rig.troubles.refused(GET, DOWN, A) is None
    assert (rig.lane.confirmed, rig.upper_lane.confirmed) == (False, True)
    assert "The cluster is down" in rig.lane.why()
    assert (rig.triggers, rig.rescued) == ([Cause.CLUSTERDOWN], [rig.lane])


async def test_clusterdown_to_a_call_for_one_shard_doubts_that_shard() -> None:
    rig = ClusterRig()
    rig.troubles.refused(call("DBSIZE", lane=rig.upper_lane), DOWN, B)
    assert rig.rescued == [rig.upper_lane]
    assert rig.lane.confirmed


async def test_clusterdown_to_a_call_for_one_node_doubts_nobody_elses_shard() -> None:
    rig = ClusterRig()
    rig.troubles.refused(call("GET k", node=B), DOWN, B)
    assert rig.rescued == [rig.upper_lane]
    assert rig.lane.confirmed


@pytest.mark.parametrize("text", ["TRYAGAIN x", "LOADING x", "MASTERDOWN x", "NOREPLICAS x", "ERR x"])
async def test_other_refusals_tell_nothing(text: str) -> None:
    rig = ClusterRig()
    assert rig.troubles.refused(GET, error_reply(text), A) is None
    assert quiet(rig)
    assert rig.lane.confirmed


async def test_a_redirect_to_nowhere_is_none() -> None:
    rig = ClusterRig()
    assert rig.troubles.refused(GET, error_reply("MOVED 5 ?:7000"), A) is None
    assert rig.troubles.refused(GET, ResponseError("MOVED 5 10.0.0.2:6379"), A) is None
    assert quiet(rig)


async def test_slots_without_an_owner_are_beyond_doubt() -> None:
    rig = ClusterRig()
    rig.arrange([range(10, 20)], [])
    rig.troubles.refused(call("GET k", slot=5), DOWN, C)
    assert quiet(rig)


async def test_without_a_cluster_there_is_nobody_to_ask_but_the_discovery() -> None:
    rig = Rig()
    rig.troubles.doubt(rig.lane, Cause.HEARTBEAT)
    assert (rig.lane.confirmed, rig.triggers, rig.rescued) == (False, [Cause.HEARTBEAT], [])
