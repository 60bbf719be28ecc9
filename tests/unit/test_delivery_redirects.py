"""What a command does about MOVED, ASK, TRYAGAIN and CLUSTERDOWN; with nodes that follow a script."""

from __future__ import annotations

import asyncio

import pytest
from delivery_fakes import LOST
from executor_rig import HIGH, LOW, SECRET, ClusterRig, call
from redis.exceptions import AuthenticationError
from redis.exceptions import ConnectionError as RedisConnectionError
from unit_support import A, B, C, soon, turns, until

from ha_manager.backoff import Backoff
from ha_manager.config import Endpoint
from ha_manager.delivery import executor
from ha_manager.errors import FailoverTimeoutError, OutcomeUnknownError
from ha_manager.topology import Cause
from ha_manager.transport import NodeState
from ha_manager.transport.replies import error_reply

SLOT = 5


def moved(to: object, slot: int = SLOT) -> Exception:
    return error_reply(f"MOVED {slot} {to}")


def ask(to: object, slot: int = SLOT) -> Exception:
    return error_reply(f"ASK {slot} {to}")


TRYAGAIN = error_reply("TRYAGAIN Multiple keys request during rehashing of slot")
DOWN = error_reply("CLUSTERDOWN The cluster is down")


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers for which a pause was asked; none of them takes time."""
    asked: list[int] = []

    class Noting(Backoff):
        def delay(self, attempt: int, jitter: object = None) -> float:
            asked.append(attempt)
            return 0.0

    monkeypatch.setattr(executor, "REFUSED", Noting())
    return asked


# MOVED


async def test_moved_is_followed_at_once_and_the_map_is_refreshed(pauses: list[int]) -> None:
    rig = ClusterRig(moved(B))
    rig.upper.script = [b"OK"]
    assert await rig.run("SET k v", slot=SLOT) == b"OK"
    assert (rig.node.sent, rig.upper.sent, rig.upper.asking) == ([SECRET], [SECRET], [])
    assert (rig.triggers, rig.hints, rig.rescued) == ([Cause.MOVED], [B], [])
    assert (pauses, rig.counters.retried, rig.doubts) == ([], 1, [])
    assert (rig.lane.confirmed, rig.upper_lane.confirmed) == (True, True)


async def test_moved_may_lead_to_a_node_that_nobody_knew(pauses: list[int]) -> None:
    rig = ClusterRig(moved(C))
    rig.stranger.script = [b"OK"]
    assert await rig.run("SET k v", slot=SLOT) == b"OK"
    assert (rig.looked_up, rig.hints, pauses) == ([(C, False)], [C], [])


async def test_a_redirect_is_followed_to_its_mapped_address(pauses: list[int]) -> None:
    rig = ClusterRig(moved("inside:7000"))
    rig.addresses = {Endpoint("inside", 7000): C}
    rig.stranger.script = [b"OK"]
    assert await rig.run("SET k v", slot=SLOT) == b"OK"
    assert (rig.hints, pauses) == ([C], [])


async def test_a_first_attempt_made_elsewhere_is_redirected_alike(pauses: list[int]) -> None:
    rig = ClusterRig()
    rig.upper.script = [b"OK"]
    running = rig.executor.run(call("SET k v", slot=SLOT), moved(f":{B.port}"), B)
    assert await soon(running) == b"OK", "without a host, it is the host that answered"
    assert (rig.node.sent, rig.hints, pauses) == ([], [B], [])


async def test_a_redirect_is_followed_once_and_then_the_map_counts(pauses: list[int]) -> None:
    rig = ClusterRig(moved(B), b"by the map")
    rig.upper.script = [TRYAGAIN]
    assert await rig.run("SET k v", slot=SLOT) == b"by the map"
    assert (len(rig.node.sent), len(rig.upper.sent)) == (2, 1)


@pytest.mark.parametrize("text", ["5 ?:7000", "5 host:0", "99999 host:1"])
async def test_a_redirect_to_nowhere_is_a_refusal_like_any_other(text: str, pauses: list[int]) -> None:
    rig = ClusterRig(error_reply(f"MOVED {text}"), b"OK")
    assert await rig.run("SET k v", slot=SLOT) == b"OK"
    assert (pauses, rig.looked_up, rig.hints) == ([1], [], [])


# ASK


async def test_ask_is_followed_with_asking_and_the_map_stays(pauses: list[int]) -> None:
    rig = ClusterRig(ask(B))
    rig.upper.script = [b"OK"]
    assert await rig.run("SET k v", slot=SLOT) == b"OK"
    assert (rig.upper.sent, rig.upper.asking) == ([SECRET], [0])
    assert (rig.triggers, rig.hints, pauses, rig.counters.retried) == ([], [], [], 1)


async def test_ask_for_a_node_that_nobody_knew_refreshes_the_map(pauses: list[int]) -> None:
    rig = ClusterRig(ask(C))
    rig.stranger.script = [b"OK"]
    assert await rig.run("SET k v", slot=SLOT) == b"OK"
    assert (rig.stranger.asking, rig.triggers, rig.hints, pauses) == ([0], [Cause.ASK], [C], [])


async def test_a_blocking_command_asks_on_its_lease() -> None:
    rig = ClusterRig(ask(B))
    rig.upper.script = [[b"l", b"x"]]
    assert await rig.run("BLPOP l 0", slot=SLOT) == [b"l", b"x"]
    assert (rig.upper.asking, rig.upper.leases) == ([0], 1)


async def test_a_command_that_is_lost_where_it_was_sent_is_in_doubt_there() -> None:
    rig = ClusterRig(ask(B))
    rig.upper.script = [LOST]
    with pytest.raises(OutcomeUnknownError) as caught:
        await rig.run("SET k v", slot=SLOT)
    assert caught.value.endpoint == str(B)
    assert len(rig.upper.sent) == 1


# Chains


async def test_moved_and_then_ask(pauses: list[int]) -> None:
    rig = ClusterRig(moved(B))
    rig.upper.script = [ask(C)]
    rig.stranger.script = [b"OK"]
    assert await rig.run("SET k v", slot=SLOT) == b"OK"
    assert (rig.upper.asking, rig.stranger.asking) == ([], [0])
    assert (rig.triggers, pauses, rig.counters.retried) == ([Cause.MOVED, Cause.ASK], [], 2)


async def test_two_nodes_that_name_each_other_are_asked_at_a_slower_and_slower_pace(
    pauses: list[int],
) -> None:
    rig = ClusterRig(*[moved(B)] * 5, b"OK")
    rig.upper.script = [moved(A)] * 5
    assert await rig.run("SET k v", slot=SLOT) == b"OK"
    assert pauses == list(range(1, 10 - executor.FREE_REDIRECTS + 1))


async def test_two_nodes_that_name_each_other_for_ever_meet_the_deadline() -> None:
    rig = ClusterRig(*[moved(B)] * 1000)
    rig.upper.script = [moved(A)] * 1000
    with pytest.raises(FailoverTimeoutError, match="SET did not run"):
        await rig.run("SET k v", slot=SLOT, failover_timeout=0.05)
    assert len(rig.node.sent) < 100


# A target that is not there


async def test_a_target_that_cannot_be_reached_leads_back_to_the_map(pauses: list[int]) -> None:
    rig = ClusterRig(moved(C), moved(C), b"OK")
    rig.stranger.refusing = [RedisConnectionError("refused")] * 2
    rig.stranger.state = NodeState.DOWN
    assert await rig.run("SET k v", slot=SLOT) == b"OK"
    assert (len(rig.node.sent), rig.stranger.sent) == (3, [])
    assert len(pauses) == 2, "somebody may be about to take over: not in a busy loop"


async def test_a_target_that_refuses_the_login_is_no_failover() -> None:
    rig = ClusterRig(moved(C))
    rig.stranger.refusing = [AuthenticationError("wrong password")]
    rig.stranger.state = NodeState.DOWN
    with pytest.raises(AuthenticationError, match="wrong password"):
        await rig.run("SET k v", slot=SLOT)


# TRYAGAIN, CLUSTERDOWN, READONLY


async def test_tryagain_is_repeated_after_growing_pauses(pauses: list[int]) -> None:
    rig = ClusterRig(TRYAGAIN, TRYAGAIN, TRYAGAIN, b"OK")
    assert await rig.run("MSET k v", slot=SLOT) == b"OK"
    assert (pauses, rig.triggers, rig.hints, rig.rescued) == ([1, 2, 3], [], [], [])
    assert rig.lane.confirmed


async def test_clusterdown_waits_until_the_shard_serves_again(pauses: list[int]) -> None:
    rig = ClusterRig(DOWN, b"OK")
    task = rig.start("SET k v", slot=SLOT)
    await until(lambda: rig.backlog.waiting == 1)
    await turns()
    assert (len(rig.node.sent), pauses) == (1, [1])
    assert (rig.triggers, rig.rescued) == ([Cause.CLUSTERDOWN], [rig.lane])
    assert (rig.lane.confirmed, rig.upper_lane.confirmed) == (False, True)
    rig.upper_lane.changed()
    await turns()
    assert len(rig.node.sent) == 1, "the news of another shard is no news"
    rig.lane.confirm()
    assert await soon(task) == b"OK"


async def test_commands_of_other_shards_do_not_wait_for_one_that_is_down() -> None:
    rig = ClusterRig(DOWN)
    rig.upper.script = [b"value"]
    task = rig.start("SET k v", slot=SLOT)
    await until(lambda: rig.backlog.waiting == 1)
    assert await rig.run("GET k", slot=HIGH[0]) == b"value"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_who_waits_in_vain_for_a_cluster_is_told_what_it_said() -> None:
    rig = ClusterRig(DOWN)
    with pytest.raises(FailoverTimeoutError, match="The cluster is down") as caught:
        await rig.run("SET k v", slot=SLOT, failover_timeout=0.03)
    assert str(A) in caught.value.waited_for


async def test_readonly_from_a_shard_doubts_that_shard() -> None:
    rig = ClusterRig(error_reply("READONLY You can't write against a read only replica."), b"OK")
    task = rig.start("SET k v", slot=SLOT)
    await until(lambda: rig.backlog.waiting == 1)
    assert (rig.triggers, rig.rescued) == ([Cause.READONLY], [rig.lane])
    rig.lane.confirm()
    assert await soon(task) == b"OK"


# Slots that move while a command waits


async def test_a_command_that_waits_follows_its_slot_to_another_shard() -> None:
    rig = ClusterRig()
    rig.upper.script = [b"OK"]
    rig.lane.doubt()
    task = rig.start("SET k v", slot=SLOT)
    await until(lambda: rig.backlog.waiting == 1)
    rig.arrange([LOW[6:]], [HIGH, LOW[:6]])
    rig.lane.changed()
    assert await soon(task) == b"OK"
    assert (rig.node.sent, rig.upper.sent) == ([], [SECRET])
