"""Commands are taken back from a server only on proof that it will never run them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from complaints import no_complaints
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from socket_rig import OK, Wired
from unit_support import A, soon, turns

from ha_manager.delivery import Withdrawals
from ha_manager.delivery.withdrawals import is_proof, is_put_off
from ha_manager.transport import Connection, ConnectionLostError, Node, Withdrawal

NUMBER = 7
PUT_OFF = b"id=7 addr=1.2.3.4:5 flags=b db=0 qbuf=18 obl=0 oll=0 omem=0 events=r cmd=rpush user=default\n"


def listed(**changes: str) -> bytes:
    """The line of a client that was put off, with some fields otherwise."""
    words = dict(word.split("=") for word in PUT_OFF.decode().split())
    return " ".join(f"{name}={value}" for name, value in {**words, **changes}.items()).encode()


@pytest.fixture(autouse=True)
async def quiet() -> AsyncIterator[None]:
    async with no_complaints():
        yield


# The proof


@pytest.mark.parametrize(
    "reply",
    [
        listed(flags="N"),
        listed(obl="5"),
        listed(oll="1"),
        listed(omem="20504"),
        listed(cmd="blpop"),
        listed(cmd="wait"),
        listed(cmd="flushall"),
        listed(cmd="json.set"),
        listed(cmd="nobody.knows"),
        listed(cmd="NULL"),
        b"",
        b"garbage",
        PUT_OFF + PUT_OFF,
        ResponseError("NOPERM"),
        None,
        [PUT_OFF],
        1,
    ],
    ids=repr,
)
def test_what_does_not_tell_of_a_command_that_was_put_off(reply: Any) -> None:
    assert not is_put_off(reply)
    assert not is_proof([reply, 1])


@pytest.mark.parametrize("command", ["rpush", "set", "mset", "eval", "xgroup|create"])
def test_what_does(command: str) -> None:
    assert is_put_off(listed(cmd=command))
    assert is_proof([listed(cmd=command), 1])


@pytest.mark.parametrize(
    "told",
    [[PUT_OFF, 0], [PUT_OFF], [PUT_OFF, 1, 1], [PUT_OFF, ResponseError("no")], None, OK, ResponseError()],
)
def test_no_proof(told: Any) -> None:
    assert not is_proof(told)


# An end in good order


async def owing() -> tuple[Wired, asyncio.Future[Any], asyncio.Future[Any]]:
    """A connection with one command under way and one that is queued."""
    connection = Wired()
    connection.client_id = NUMBER
    sent = connection.send(b"sent")
    await turns()
    queued = connection.send(b"queued")
    for reply in (sent, queued):
        # Not every test looks at both.
        reply.add_done_callback(lambda reply: reply.exception())
    return connection, sent, queued


def was_sent(reply: asyncio.Future[Any]) -> bool:
    fault = reply.exception()
    assert isinstance(fault, ConnectionLostError)
    return fault.sent


@pytest.mark.parametrize("fault", [None, ConnectionResetError("reset")])
@pytest.mark.parametrize("word", [Withdrawal.NONE, Withdrawal.GRANTED])
@pytest.mark.parametrize("word_first", [True, False])
async def test_what_an_end_means(fault: Exception | None, word: Withdrawal, word_first: bool) -> None:
    connection, sent, queued = await owing()
    connection.withdraw(Withdrawal.ASKED)
    if word_first:
        connection.withdraw(word)
        assert not sent.done()
        connection.connection_lost(fault)
    else:
        connection.connection_lost(fault)
        assert sent.done() == (fault is not None), "nobody is told anything before the word has come"
        connection.withdraw(word)
    taken_back = fault is None and word is Withdrawal.GRANTED
    assert (was_sent(sent), was_sent(queued)) == (not taken_back, False)


async def test_a_reply_that_came_before_the_end_is_a_reply() -> None:
    connection, sent, queued = await owing()
    connection.withdraw(Withdrawal.GRANTED)
    connection.data_received(OK)
    connection.connection_lost(None)
    assert (await sent, was_sent(queued)) == (b"OK", False)


async def test_a_connection_that_we_close_leaves_its_commands_in_doubt() -> None:
    connection, sent, _queued = await owing()
    connection.withdraw(Withdrawal.ASKED)
    connection.close("enough")
    assert was_sent(sent)
    connection.withdraw(Withdrawal.GRANTED)
    await turns()


# Asking


class Leaving:
    """A node that is being left, with these connections."""

    def __init__(self, *connections: Connection) -> None:
        self.endpoint = A
        self.leaving = connections


class Dialled:
    """Dials connections that the test answers."""

    def __init__(self) -> None:
        self.made: list[Wired] = []

    async def __call__(self, _endpoint: object) -> Connection:
        self.made.append(Wired())
        return self.made[-1]


async def begun(*connections: Connection) -> tuple[Withdrawals, Dialled]:
    dialled = Dialled()
    withdrawals = Withdrawals(dialled)
    withdrawals.begin(cast("Node", Leaving(*connections)))
    await turns()
    return withdrawals, dialled


def bulk(data: bytes) -> bytes:
    return b"$%d\r\n%s\r\n" % (len(data), data)


QUEUED = b"+QUEUED\r\n"


async def test_the_server_is_made_to_close_what_it_put_off() -> None:
    connection, sent, _ = await owing()
    _withdrawals, dialled = await begun(connection)
    (own,) = dialled.made
    assert len(own.writes) == 1
    assert b"LIST" in own.writes[0]
    assert b"$1\r\n7\r\n" in own.writes[0]
    own.data_received(bulk(PUT_OFF))
    await turns()
    assert len(own.writes) == 2, "the four leave in one write"
    assert [own.writes[1].count(word) for word in (b"MULTI", b"LIST", b"KILL", b"EXEC")] == [1] * 4
    connection.connection_lost(None)
    own.data_received(OK + QUEUED * 2 + b"*2\r\n" + bulk(PUT_OFF) + b":1\r\n")
    await turns()
    assert not was_sent(sent)
    assert own.noted.closed


async def test_a_client_that_was_not_put_off_is_let_alone() -> None:
    connection, sent, _ = await owing()
    _withdrawals, dialled = await begun(connection)
    (own,) = dialled.made
    own.data_received(bulk(listed(flags="N")))
    await turns()
    assert (len(own.writes), own.noted.closed, sent.done()) == (1, True, False)
    connection.connection_lost(None)
    assert was_sent(sent)


@pytest.mark.parametrize(
    "told", [b"-EXECABORT no\r\n", b"*2\r\n" + bulk(listed(flags="N")) + b":1\r\n", None], ids=repr
)
async def test_without_proof_it_stays_in_doubt(told: bytes | None) -> None:
    connection, sent, _ = await owing()
    _withdrawals, dialled = await begun(connection)
    (own,) = dialled.made
    own.data_received(bulk(PUT_OFF))
    await turns()
    connection.connection_lost(None)
    assert not sent.done()
    if told is None:
        own.connection_lost(None)
    else:
        own.data_received(OK + QUEUED * 2 + told)
    await turns()
    assert was_sent(sent)


async def test_a_server_that_cannot_be_dialled_changes_nothing() -> None:
    async def refuse(_endpoint: object) -> Connection:
        raise RedisConnectionError("refused")

    connection, sent, _ = await owing()
    withdrawals = Withdrawals(refuse)
    withdrawals.begin(cast("Node", Leaving(connection)))
    await turns()
    assert not sent.done()
    connection.data_received(OK)
    assert await sent == b"OK"
    await soon(withdrawals.close())


async def test_closing_in_the_middle_leaves_nobody_without_an_answer() -> None:
    connection, sent, _ = await owing()
    withdrawals, dialled = await begun(connection)
    dialled.made[0].data_received(bulk(PUT_OFF))
    await turns()
    connection.connection_lost(None)
    await soon(withdrawals.close())
    assert was_sent(sent)
    assert dialled.made[0].noted.closed


async def test_nobody_is_asked_about_connections_that_owe_nothing() -> None:
    _withdrawals, dialled = await begun(Wired())
    assert dialled.made == []
