"""From a command to the calls that it takes: one, one for each slot, or one for each node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from arrangement_rig import HIGH, LOW, cluster, shard
from executor_rig import ClusterRig, Rig, policy
from redis.exceptions import RedisError, ResponseError
from unit_support import A, B, C, soon

from ha_manager.commands import Learned, Targets
from ha_manager.commands.dispatch import Dispatch, Order
from ha_manager.commands.targets import Place
from ha_manager.delivery import Call
from ha_manager.errors import CrossSlotError, FailoverTimeoutError, NoSuchNodeError
from ha_manager.routing import CommandSpec, describe, key_slot
from ha_manager.topology import Deployment, Topology
from ha_manager.topology.model import one_shard
from ha_manager.transport.replies import error_reply

SUMMED = [
    *[b"x.count", -1, [b"readonly"], 0, 0, 0, []],
    *[[b"request_policy:all_shards", b"response_policy:agg_sum"], [], []],
]


def low(count: int) -> list[str]:
    """Keys of the lower slots."""
    return [key for key in map(str, range(1000)) if key_slot(key.encode()) in LOW[0]][:count]


def high(count: int) -> list[str]:
    """Keys of the upper slots."""
    return [key for key in map(str, range(1000)) if key_slot(key.encode()) in HIGH[0]][:count]


(L1, L2), (H1, H2) = low(2), high(2)


class Desk:
    """A dispatch over a rig's lanes; what was sent reads as its words."""

    def __init__(self, rig: Rig, topology: Topology, *, cross_slot: bool = True) -> None:
        self.rig = rig
        self.told: Any = [None]
        self.asked = 0
        self.calls: list[Call] = []
        self.dispatch = Dispatch(
            rig.lanes,
            rig.executor,
            targets=Targets(rig.lanes, lambda: topology),
            learned=Learned(self.ask),
            encode=lambda key: key if isinstance(key, bytes) else str(key).encode(),
            cross_slot=cross_slot,
        )

    async def ask(self, *_args: str) -> Any:
        self.asked += 1
        return self.told

    def order(self, *words: str, targets: Any = None, finish: Any = None, **policies: Any) -> Order:
        def make(spec: CommandSpec, words: Sequence[Any]) -> Call:
            self.calls.append(Call(spec, " ".join(words).encode(), policy(**policies)))
            return self.calls[-1]

        return Order(describe(words), words, make, finish or (lambda reply: reply), targets)

    async def run(self, *words: str, **more: Any) -> Any:
        return await soon(self.dispatch.run(self.order(*words, **more)))


class ClusterDesk(Desk):
    """``A`` owns the lower slots, ``B`` the upper ones; ``C`` is a replica of ``A``."""

    def __init__(self, lower: Sequence[Any] = (), upper: Sequence[Any] = (), **more: Any) -> None:
        self.cluster = ClusterRig(*lower)
        self.cluster.upper.script = list(upper)
        super().__init__(self.cluster, cluster(shard(A, C, slots=LOW), shard(B, slots=HIGH)), **more)

    @property
    def sent(self) -> list[list[bytes]]:
        """What ``A``, ``B`` and ``C`` got."""
        return [node.sent for node in (self.cluster.node, self.cluster.upper, self.cluster.stranger)]


# One call


@pytest.mark.parametrize(
    ("words", "upper"),
    [
        (("GET", L1), False),
        (("GET", H1), True),
        (("EVAL", "return 1", "1", H1), True),
        (("OBJECT", "ENCODING", H1), True),
        (("XREAD", "STREAMS", H1, "0"), True),
        (("CLUSTER", "COUNTKEYSINSLOT", "16383"), True),
        (("TIME",), False),
        (("EVAL", "return 1", "0"), False),
    ],
    ids=str,
)
async def test_a_command_goes_where_its_keys_are(words: tuple[str, ...], upper: bool) -> None:
    desk = ClusterDesk([b"low"], [b"high"])
    assert await desk.run(*words) == (b"high" if upper else b"low")
    assert desk.sent[upper] == [" ".join(words).encode()]


async def test_several_keys_of_one_slot_stay_together() -> None:
    desk = ClusterDesk([2])
    assert await desk.run("DEL", f"{{{L1}}}a", f"{{{L1}}}b") == 2
    assert len(desk.sent[0]) == 1


async def test_the_reply_passes_through_its_callback() -> None:
    desk = ClusterDesk([b"1"])
    assert await desk.run("GET", L1, finish=lambda reply: ("finished", reply)) == ("finished", b"1")


async def test_a_command_for_one_node_only_must_say_which() -> None:
    desk = ClusterDesk()
    with pytest.raises(NoSuchNodeError, match="target_nodes="):
        await desk.run("CLUSTER", "FAILOVER")
    assert desk.calls == []


# Parts by slot


async def test_keys_of_several_slots_are_asked_for_where_they_are_and_come_back_in_order() -> None:
    desk = ClusterDesk([[b"l1"], [b"l2"]], [[b"h1", b"h1"]])
    assert await desk.run("MGET", L1, H1, L2, H1) == [b"l1", b"h1", b"l2", b"h1"]
    assert desk.sent[0] == [f"MGET {L1}".encode(), f"MGET {L2}".encode()]
    assert desk.sent[1] == [f"MGET {H1} {H1}".encode()]


async def test_counts_of_parts_are_added() -> None:
    assert await ClusterDesk([1], [1]).run("DEL", L1, H1) == 2


@pytest.mark.parametrize("cross_slot", [True, False])
@pytest.mark.parametrize("words", [("MSETNX", L1, "v", H1, "w"), ("RENAME", L1, H1)], ids=str)
async def test_what_cannot_be_split_is_refused(words: tuple[str, ...], cross_slot: bool) -> None:
    desk = ClusterDesk(cross_slot=cross_slot)
    with pytest.raises(CrossSlotError, match=f"{words[0]} was not sent.*hash tag"):
        await desk.run(*words)
    assert desk.sent == [[], [], []]


async def test_what_may_not_be_split_is_refused() -> None:
    desk = ClusterDesk(cross_slot=False)
    with pytest.raises(CrossSlotError, match="cross_slot=False"):
        await desk.run("MGET", L1, H1)
    assert desk.sent == [[], [], []]


async def test_a_part_that_fails_names_the_keys_of_all_that_did() -> None:
    down = error_reply("OOM command not allowed")
    desk = ClusterDesk([down, b"OK"], [error_reply("ERR second")])
    with pytest.raises(ResponseError) as caught:
        await desk.run("MSET", L1, "v", H1, "v", L2, "v")
    assert caught.value is down
    assert caught.value.failed_keys == (L1, H1)  # type: ignore[attr-defined]
    assert repr(H1) in "".join(caught.value.__notes__)


async def test_a_part_that_waits_in_vain_fails_alone() -> None:
    desk = ClusterDesk([b"OK"])
    desk.cluster.upper_lane.doubt()
    with pytest.raises(FailoverTimeoutError) as caught:
        await desk.run("MSET", L1, "v", H1, "v", failover_timeout=0.02)
    assert caught.value.failed_keys == (H1,)  # type: ignore[attr-defined]
    assert len(desk.sent[0]) == 1


# One for each node


async def test_every_primary_is_asked() -> None:
    desk = ClusterDesk([3], [4])
    assert await desk.run("DBSIZE") == 7
    assert desk.sent == [[b"DBSIZE"], [b"DBSIZE"], []]


async def test_every_node_is_told() -> None:
    desk = ClusterDesk([b"OK"], [b"OK"])
    desk.cluster.stranger.script = [b"OK"]
    assert await desk.run("CONFIG", "SET", "x", "y") == b"OK"
    assert desk.sent == [[b"CONFIG SET x y"]] * 3


async def test_each_reply_passes_through_the_callback_before_they_are_merged() -> None:
    assert await ClusterDesk([b"3"], [b"4"]).run("DBSIZE", finish=int) == 7


async def test_an_error_of_one_node_is_raised() -> None:
    error = error_reply("NOPERM x")
    with pytest.raises(RedisError) as caught:
        await ClusterDesk([3], [error]).run("DBSIZE", finish=int)
    assert caught.value is error


async def test_a_shard_that_left_meanwhile_has_nothing_to_say() -> None:
    desk = ClusterDesk([3], [4])
    desk.cluster.upper_lane.gone = True
    desk.cluster.upper_lane.doubt()
    assert await desk.run("DBSIZE") == 3
    desk.cluster.lane.gone = True
    desk.cluster.lane.doubt()
    with pytest.raises(NoSuchNodeError):
        await desk.run("DBSIZE")


async def test_named_nodes_and_flags() -> None:
    desk = ClusterDesk([b"1", b"3"], [b"4"])
    desk.cluster.stranger.script = [b"2"]
    assert await desk.run("INFO", targets=A) == b"1"
    assert await desk.run("INFO", targets=C) == b"2"
    assert await desk.run("INFO", targets="primaries") == {str(A): b"3", str(B): b"4"}


async def test_a_keyed_command_at_several_nodes_is_told_for_each() -> None:
    desk = ClusterDesk([b"1"], [b"2"])
    assert await desk.run("GET", L1, targets="primaries") == {str(A): b"1", str(B): b"2"}


async def test_scan_over_several_nodes_gives_each_nodes_cursor() -> None:
    desk = ClusterDesk([(5, [b"a"])], [(0, [b"b"])])
    assert await desk.run("SCAN", "0") == ({str(A): 5, str(B): 0}, [b"a", b"b"])


# What the table does not know


async def test_an_unknown_command_is_learnt() -> None:
    desk = ClusterDesk([], [b"value"])
    desk.told = [[b"x.get", -2, [b"readonly"], 1, 1, 1]]
    assert await desk.run("X.GET", H1) == b"value"
    assert desk.calls[-1].repeatable


async def test_what_was_learnt_counts_for_every_node() -> None:
    desk = ClusterDesk([3], [4])
    desk.told = [SUMMED]
    assert await desk.run("X.COUNT") == 7
    assert all(call.repeatable for call in desk.calls)


async def test_an_unknown_command_for_a_named_node_needs_no_learning() -> None:
    desk = ClusterDesk([b"1"])
    assert await desk.run("X.GET", H1, targets=A) == b"1"
    assert desk.asked == 0


# At one place


@pytest.mark.parametrize("upper", [False, True])
async def test_at_one_place(upper: bool) -> None:
    desk = ClusterDesk([b"low"], [b"high"])
    lane = desk.cluster.upper_lane if upper else desk.cluster.lane
    reply, by = await desk.dispatch.run_at(desk.order("SCAN", "0"), Place(lane=lane))
    assert (reply, by) == (b"high" if upper else b"low", (B if upper else A, 1))


async def test_without_a_place_it_goes_where_its_key_is() -> None:
    desk = ClusterDesk([], [b"high"])
    order = desk.order("SSCAN", H1, "0", finish=lambda reply: ("finished", reply))
    assert await desk.dispatch.run_at(order, Place()) == (("finished", b"high"), (B, 1))


# Without a cluster


def sentinel_desk(*replies: Any) -> tuple[Desk, Rig]:
    """A primary ``A`` with a replica ``B``."""
    rig = Rig(*replies)
    return Desk(rig, one_shard(Deployment.SENTINEL, A, (B,))), rig


@pytest.mark.parametrize(
    "words",
    [
        ("MGET", L1, H1),
        ("MSETNX", L1, "v", H1, "w"),
        ("DBSIZE",),
        ("KEYS", "*"),
        ("CONFIG", "SET", "x", "y"),
        ("SCRIPT", "LOAD", "x"),
        ("ACL", "SETUSER", "x"),
        ("PUBSUB", "NUMSUB", "x"),
        ("CLUSTER", "FAILOVER"),
        ("X.GET", "k"),
    ],
    ids=str,
)
async def test_without_a_cluster_every_command_goes_to_the_primary_alone(words: tuple[str, ...]) -> None:
    """Also if it finds no connection at once, or needs a closer look."""
    reply = object()
    desk, rig = sentinel_desk(reply)
    assert await desk.run(*words) is reply, "and its reply is left as it is"
    assert (rig.node.sent, desk.asked) == ([" ".join(words).encode()], 0)


async def test_without_a_cluster_the_cursor_of_scan_is_a_cursor() -> None:
    desk, _ = sentinel_desk((5, [b"a"]))
    assert await desk.run("SCAN", "0") == (5, [b"a"])


async def test_without_a_cluster_nodes_can_be_named_all_the_same() -> None:
    desk, rig = sentinel_desk(b"1")
    assert await desk.run("INFO", targets=A) == b"1"
    assert rig.looked_up == [(A, True)]
