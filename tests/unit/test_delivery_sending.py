"""One call over one connection, alone or with the question how many replicas have it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from complaints import no_complaints
from delivery_fakes import LOST, OVERDUE, UNSENT, FakeNode
from executor_rig import SECRET, call
from redis.exceptions import ResponseError
from unit_support import A, gone, soon

from ha_manager.delivery import Confirmation
from ha_manager.delivery.sending import send, send_confirmed
from ha_manager.errors import ReplicationError
from ha_manager.transport import ConnectionLostError, LossCause, ReplyOverdueError
from ha_manager.transport.replies import error_reply

WAIT = Confirmation(replicas=2, local=None, packed=b"WAIT 2 100", timeout=60.0)
WAITAOF = Confirmation(replicas=1, local=1, packed=b"WAITAOF 1 1 100", timeout=60.0)
SET = call("SET k v")


async def confirmed(node: FakeNode, confirmation: Confirmation = WAIT, **more: Any) -> Any:
    return await soon(send_confirmed(SET, confirmation, node.as_connection, **more))


# Plain


@pytest.mark.parametrize("outcome", [b"OK", None, ResponseError("no"), LOST, UNSENT, OVERDUE], ids=repr)
async def test_whatever_becomes_of_it_is_a_value(outcome: Any) -> None:
    assert await soon(send(SET, FakeNode(A, outcome).as_connection)) is outcome


async def test_a_connection_that_is_closed_already_is_a_value_too() -> None:
    node = FakeNode(A)
    node.broken = True
    assert await soon(send(SET, node.as_connection)) is UNSENT
    assert await confirmed(node) is UNSENT


async def test_a_timeout_of_its_own_is_told_with_its_length() -> None:
    node = FakeNode(A)
    outcome = await soon(send(call("GET k", command_timeout=0.01), node.as_connection))
    assert isinstance(outcome, ReplyOverdueError)
    assert "0.01 s" in str(outcome)
    assert node.replies[0].cancelled()


async def test_asking_comes_right_before_the_command() -> None:
    node = FakeNode(A, b"OK")
    assert await soon(send(SET, node.as_connection, asking=True)) == b"OK"
    assert (node.sent, node.asking) == ([SECRET], [0])


# Confirmed


@pytest.mark.parametrize("told", [2, 3])
async def test_enough_replicas(told: int) -> None:
    node = FakeNode(A, b"OK", told)
    async with no_complaints():
        assert await confirmed(node) == b"OK"
    assert node.sent == [SECRET, WAIT.packed], "in one write, and nothing in between"


@pytest.mark.parametrize("told", [[1, 1], [1, 2], (1, 1)])
async def test_enough_disks(told: Any) -> None:
    assert await confirmed(FakeNode(A, b"OK", told), WAITAOF) == b"OK"


@pytest.mark.parametrize(
    ("confirmation", "told", "kept", "words"),
    [
        (WAIT, 1, 1, "1 of 2 replicas"),
        (WAIT, 0, 0, "0 of 2 replicas"),
        (WAITAOF, [0, 1], (0, 1), "0 of 1 local disks and 1 of 1 replicas'"),
        (WAITAOF, [1, 0], (1, 0), "1 of 1 local disks and 0 of 1 replicas'"),
    ],
)
async def test_too_few_have_it(confirmation: Confirmation, told: Any, kept: Any, words: str) -> None:
    with pytest.raises(ReplicationError) as caught:
        await confirmed(FakeNode(A, b"OK", told), confirmation)
    assert (caught.value.result, caught.value.confirmed) == (b"OK", kept)
    assert "SET ran" in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize("fault", [LOST, OVERDUE])
async def test_a_connection_that_is_lost_after_the_reply(fault: Exception) -> None:
    """It ran: this is no doubt about the command, and it may not be repeated."""
    async with no_complaints():
        with pytest.raises(ReplicationError, match="SET ran, but nobody told") as caught:
            await confirmed(FakeNode(A, b"OK", fault))
    assert (caught.value.result, caught.value.confirmed) == (b"OK", None)
    assert str(fault) in str(caught.value)


async def test_an_answer_that_does_not_come() -> None:
    late = Confirmation(2, None, b"WAIT", timeout=0.01)
    with pytest.raises(ReplicationError, match="no answer in time") as caught:
        await confirmed(FakeNode(A, b"OK"), late)
    assert caught.value.result == b"OK"


async def test_a_question_that_is_refused() -> None:
    refusal = error_reply("NOPERM User x has no permissions to run the 'wait' command")
    with pytest.raises(ReplicationError, match="SET ran, but User x") as caught:
        await confirmed(FakeNode(A, b"OK", refusal))
    assert (caught.value.result, caught.value.confirmed) == (b"OK", None)


async def test_an_error_of_the_command_itself_is_its_outcome_at_once() -> None:
    error = error_reply("WRONGTYPE x")
    node = FakeNode(A, error)
    assert await confirmed(node) is error
    assert node.replies[1].cancelled(), "nobody waits for the rest"


@pytest.mark.parametrize("sent", [True, False])
async def test_a_command_that_is_lost_is_judged_like_any_other(sent: bool) -> None:
    """Both replies are lost with the connection, each with an exception of its own."""
    faults = [ConnectionLostError("it broke", sent=sent, cause=LossCause.PEER) for _ in range(2)]
    node = FakeNode(A, *faults)
    async with no_complaints():
        outcome = await confirmed(node)
        assert outcome is faults[0]
        del outcome
        faults.clear()
        node.replies.clear()


async def test_a_caller_who_goes_away_leaves_no_exception_behind() -> None:
    async def scenario() -> None:
        node = FakeNode(A)
        await gone(asyncio.ensure_future(confirmed(node)))
        # The lease closes the connection, because replies are owed on it.
        for reply in node.replies:
            if not reply.done():
                reply.set_exception(ConnectionLostError("closed", sent=True, cause=LossCause.CLOSED))

    async with no_complaints():
        await scenario()


async def test_asking_and_undecoded_concern_the_command_alone() -> None:
    node = FakeNode(A, b"raw", 2)
    raw = call("DUMP k", undecoded=True)
    assert await soon(send_confirmed(raw, WAIT, node.as_connection, asking=True)) == b"raw"
    assert node.asking == [0]
    assert node.connection.undecoded == node.replies[:1]
