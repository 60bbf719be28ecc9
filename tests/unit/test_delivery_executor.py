"""The loop of a command: route, send, judge, wait or repeat; with nodes that follow a script."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from delivery_fakes import LOST, OVERDUE, UNSENT, FakeNode
from executor_rig import SECRET, Rig, call
from redis.exceptions import AuthenticationError, ReadOnlyError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from unit_support import S1, S2, A, B, soon, turns, until

from ha_manager.errors import (
    FailoverTimeoutError,
    ManagerClosedError,
    OutcomeUnknownError,
    PendingLimitError,
    ReplyTimeoutError,
)
from ha_manager.routing import make_preference
from ha_manager.topology import Cause
from ha_manager.transport.replies import error_reply

READONLY = error_reply("READONLY You can't write against a read only replica.")
LOADING = error_reply("LOADING Redis is loading the dataset in memory")


# Answers


@pytest.mark.parametrize("reply", [b"OK", None, 0, [], [ResponseError("nested")]], ids=repr)
async def test_a_reply_is_returned(reply: Any) -> None:
    rig = Rig(reply)
    assert await rig.run("SET k v") is reply
    assert rig.node.sent == [SECRET]


async def test_an_error_reply_is_raised_and_not_repeated() -> None:
    error = error_reply("WRONGTYPE x")
    rig = Rig(error)
    with pytest.raises(ResponseError) as caught:
        await rig.run("GET k")
    assert caught.value is error
    assert len(rig.node.sent) == 1


# Not sent, refused


@pytest.mark.parametrize("command", ["SET k v", "GET k"])
@pytest.mark.parametrize("outcome", [UNSENT, LOADING, error_reply("NOREPLICAS x")], ids=str)
async def test_what_did_not_run_is_sent_again(command: str, outcome: Any) -> None:
    rig = Rig(outcome, outcome, b"OK")
    assert await rig.run(command) == b"OK"
    assert (len(rig.node.sent), rig.counters.retried, rig.doubts) == (3, 2, [])


async def test_readonly_doubts_the_primary_and_goes_to_the_next() -> None:
    rig = Rig(READONLY)
    task = rig.start("SET k v")
    await until(lambda: rig.backlog.waiting == 1)
    assert rig.triggers == [Cause.READONLY]
    assert not rig.lane.confirmed
    new = FakeNode(B, b"OK")
    rig.lane.assign(new.as_node)
    await turns()
    assert new.sent == [], "not before it is confirmed"
    rig.lane.confirm()
    assert await soon(task) == b"OK"
    assert (len(rig.node.sent), new.sent) == (1, [SECRET])


async def test_readonly_from_a_node_that_is_primary_no_more_leaves_the_new_one_alone() -> None:
    rig = Rig(b"OK")
    first = call("SET k v")
    assert await soon(rig.executor.run(first, READONLY, B)) == b"OK"
    assert rig.lane.confirmed
    assert rig.triggers == [Cause.READONLY]


async def test_a_refusal_that_does_not_end_meets_the_deadline() -> None:
    rig = Rig(*[LOADING] * 100)
    with pytest.raises(FailoverTimeoutError, match="loading the dataset") as caught:
        await rig.run("SET k v", failover_timeout=0.05)
    assert "SET" in str(caught.value)
    assert caught.value.waited_for
    assert rig.counters.timed_out == 1


# In doubt


@pytest.mark.parametrize("fault", [LOST, OVERDUE], ids=str)
@pytest.mark.parametrize("command", ["SET k v", "INCR k", "EVAL x 0", "NEVERHEARD x"])
async def test_a_write_in_doubt_is_never_repeated_in_silence(command: str, fault: Exception) -> None:
    rig = Rig(fault, b"OK")
    with pytest.raises(OutcomeUnknownError) as caught:
        await rig.run(command)
    name = command.partition(" ")[0]
    assert (caught.value.command, caught.value.endpoint) == (name, str(A))
    assert str(fault) in str(caught.value)
    assert SECRET.decode() not in str(caught.value)
    assert len(rig.node.sent) == 1
    assert (rig.doubts, rig.counters.in_doubt_raised) == ([(name, "raised")], 1)


@pytest.mark.parametrize("fault", [LOST, OVERDUE], ids=str)
async def test_a_read_in_doubt_is_repeated(fault: Exception) -> None:
    rig = Rig(fault, fault, b"value")
    assert await rig.run("GET k") == b"value"
    assert (rig.doubts, rig.counters.in_doubt_retried, rig.counters.retried) == ([], 0, 0)


async def test_a_write_in_doubt_is_repeated_by_permission_and_reported() -> None:
    rig = Rig(LOST, b"OK")
    assert await rig.run("SET k v", in_doubt="retry") == b"OK"
    assert (rig.doubts, rig.counters.in_doubt_retried) == ([("SET", "retried")], 1)


async def test_a_read_that_never_gets_its_reply_is_a_reply_timeout() -> None:
    rig = Rig(*[OVERDUE] * 3)
    with pytest.raises(ReplyTimeoutError, match="GET"):
        await rig.run("GET k", failover_timeout=0.0)


@pytest.mark.parametrize(
    ("fault", "command", "error"),
    [(LOST, "SET k v", OutcomeUnknownError), (LOST, "GET k", None), (UNSENT, "SET k v", None)],
)
async def test_a_first_attempt_made_elsewhere_is_judged_alike(
    fault: Exception, command: str, error: type[Exception] | None
) -> None:
    rig = Rig(b"OK")
    running = soon(rig.executor.run(call(command), fault, B))
    if error is None:
        assert await running == b"OK"
    else:
        with pytest.raises(error, match=str(B)):
            await running
        assert rig.node.sent == []


# Waiting


@pytest.mark.parametrize("command", ["SET k v", "GET k", "BLPOP l 0"])
async def test_without_a_confirmed_primary_commands_wait(command: str) -> None:
    rig = Rig(b"OK", confirmed=False)
    task = rig.start(command)
    await until(lambda: rig.backlog.waiting == 1)
    rig.lane.gate.open()
    await until(lambda: rig.backlog.waiting == 1)
    assert rig.node.sent == []
    rig.lane.confirm()
    assert await soon(task) == b"OK"


async def test_a_hold_lets_reads_pass() -> None:
    rig = Rig(b"value", b"OK")
    rig.lane.hold("an announcement")
    task = rig.start("SET k v")
    await until(lambda: rig.backlog.waiting == 1)
    assert await rig.run("GET k") == b"value"
    rig.lane.release()
    assert await soon(task) == b"OK"


async def test_the_deadline_does_not_move_when_a_command_looks_again() -> None:
    rig = Rig(confirmed=False)
    task = rig.start("SET k v", failover_timeout=0.1)
    for _ in range(10_000):
        if task.done():
            break
        rig.lane.gate.open()
        await asyncio.sleep(0.002)
    with pytest.raises(FailoverTimeoutError, match="confirmed"):
        await soon(task)


async def test_the_queue_is_bounded_and_ends_with_the_manager() -> None:
    rig = Rig(confirmed=False, limit=1)
    task = rig.start("SET k v")
    await until(lambda: rig.backlog.waiting == 1)
    with pytest.raises(PendingLimitError):
        await rig.run("SET k v")
    rig.lanes.close()
    with pytest.raises(ManagerClosedError):
        await soon(task)


async def test_cancelling_a_waiting_command_leaves_nothing_behind() -> None:
    rig = Rig(confirmed=False)
    task = rig.start("SET k v")
    await until(lambda: rig.backlog.waiting == 1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    rig.lane.confirm()
    await turns()
    assert (task.cancelled(), rig.backlog.waiting, rig.node.sent) == (True, 0, [])


async def test_cancelling_a_command_under_way_cancels_its_reply_alone() -> None:
    rig = Rig()
    one, other = rig.start("SET k v"), rig.start("SET k v")
    await until(lambda: len(rig.node.sent) == 2)
    one.cancel()
    await asyncio.gather(one, return_exceptions=True)
    assert [reply.cancelled() for reply in rig.node.replies] == [True, False]
    rig.node.replies[1].set_result(b"OK")
    assert await soon(other) == b"OK"


# Where commands go


async def test_reads_go_where_they_are_preferred() -> None:
    rig = Rig(b"from the primary")
    rig.lane.admit(FakeNode(B, b"from the replica").as_node)
    preference = make_preference("replica")
    assert await rig.run("GET k", preference=preference) == b"from the replica"
    assert await rig.run("SET k v", preference=preference) == b"from the primary"


async def test_a_read_only_manager_refuses_writes_and_says_why() -> None:
    rig = Rig()
    rig.lane.assign(None, read_only=True)
    rig.lane.admit(FakeNode(B, b"value").as_node)
    preference = make_preference("replica")
    with pytest.raises(ReadOnlyError, match="SET needs a primary"):
        await rig.run("SET k v", preference=preference)
    assert await rig.run("GET k", preference=preference) == b"value"


async def test_a_blocking_command_runs_on_a_lease() -> None:
    rig = Rig()
    task = rig.start("BLPOP l 0", command_timeout=0.01)
    await until(lambda: rig.node.leased == 1)
    await asyncio.sleep(0.05)
    assert not task.done(), "a blocking command is as slow as its caller wants"
    rig.node.replies[0].set_result([b"l", b"x"])
    assert await soon(task) == [b"l", b"x"]
    assert rig.node.leased == 0


async def test_a_lease_that_cannot_be_opened_is_tried_again() -> None:
    rig = Rig([b"l", b"x"])
    rig.node.refusing = [RedisConnectionError("refused")] * 2
    assert await rig.run("BLPOP l 0") == [b"l", b"x"]
    assert rig.counters.retried == 2


async def test_a_lease_that_cannot_be_opened_meets_the_deadline() -> None:
    rig = Rig()
    rig.node.refusing = [RedisConnectionError("refused")] * 100
    with pytest.raises(FailoverTimeoutError, match="refused"):
        await rig.run("BLPOP l 0", failover_timeout=0.05)


async def test_a_login_that_is_refused_is_raised_at_once() -> None:
    rig = Rig()
    rig.node.refusing = [AuthenticationError("wrong password")] * 2
    with pytest.raises(AuthenticationError, match="wrong password"):
        await rig.run("BLPOP l 0")
    assert len(rig.node.refusing) == 1


async def test_questions_to_sentinels_go_to_the_connected_ones_first() -> None:
    down, up = FakeNode(S1, b"late", up=False), FakeNode(S2, b"there")
    rig = Rig(sentinels=(down, up))
    assert await rig.run("SENTINEL MASTERS") == b"there"
    assert (down.sent, rig.node.sent) == ([], [])


async def test_an_unreachable_sentinel_is_passed_over() -> None:
    gone, there = FakeNode(S1), FakeNode(S2, b"there")
    gone.refusing = [RedisConnectionError("refused")]
    assert await Rig(sentinels=(gone, there)).run("SENTINEL MASTERS") == b"there"


async def test_when_no_sentinel_can_be_reached_the_deadline_ends_it() -> None:
    gone = FakeNode(S1)
    refusals: list[RedisError] = [RedisConnectionError("refused")]
    gone.refusing = refusals * 100
    with pytest.raises(FailoverTimeoutError, match="refused"):
        await Rig(sentinels=(gone,)).run("SENTINEL MASTERS", failover_timeout=0.05)


# How they are sent


async def test_a_timeout_of_its_own_is_watched_by_the_call_itself() -> None:
    rig = Rig()
    with pytest.raises(OutcomeUnknownError, match="no reply within"):
        await rig.run("SET k v", command_timeout=0.02)
    assert rig.node.connection.patient == rig.node.replies
    assert rig.node.replies[0].cancelled()


async def test_a_reply_can_be_left_undecoded() -> None:
    rig = Rig(b"raw", b"plain")
    await rig.run("DUMP k", undecoded=True)
    await rig.run("GET k")
    assert rig.node.connection.undecoded == rig.node.replies[:1]
    assert rig.node.connection.patient == []
