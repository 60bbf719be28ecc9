"""What leaves when, and what silence leads to, in time of our own."""

from __future__ import annotations

import asyncio

import pytest
from socket_rig import HEARTBEAT, OK, Wired, watched
from unit_support import A, turns
from virtual_time import in_virtual_time, now

from ha_manager.transport import ConnectionLostError, ConnectionState, LossCause
from ha_manager.transport.connection import LOOK
from ha_manager.transport.rhythm import LEAST

ASKING = b"*1\r\n$6\r\nASKING\r\n"
PING = b"*1\r\n$4\r\nPING\r\n"


# What leaves


async def test_all_of_one_turn_leaves_in_one_write() -> None:
    connection = Wired()
    connection.send(b"one ")
    connection.send(b"two ")
    assert connection.writes == []
    await turns(1)
    assert connection.writes == [b"one two "]
    connection.send(b"three")
    await turns(1)
    assert connection.writes == [b"one two ", b"three"]


async def test_asking_leaves_right_before_its_command() -> None:
    connection = Wired()
    connection.send(b"one ")
    asked = connection.send_asking(b"two ")
    connection.send(b"three")
    await turns(1)
    assert connection.writes == [b"one " + ASKING + b"two three"]
    connection.data_received(b":1\r\n" + OK + b":2\r\n:3\r\n")
    assert await asked == 2, "the reply to ASKING is nobody's"


async def test_a_refused_asking_leaves_the_command_its_own_reply() -> None:
    connection = Wired()
    asked = connection.send_asking(b"two")
    await turns(1)
    connection.data_received(b"-ERR This instance has cluster support disabled\r\n-MOVED 5 h:1\r\n")
    assert type(await asked).__name__ == "MovedError"


async def test_on_a_closed_connection_nothing_is_sent() -> None:
    connection = Wired()
    connection.close("enough")
    for send in (connection.send, connection.send_asking):
        with pytest.raises(ConnectionLostError) as caught:
            send(b"x")
        assert not caught.value.sent
    connection.ping()
    assert connection.writes == []
    await turns()


# A server that falls silent


@in_virtual_time
async def test_what_is_queued_while_the_server_is_late_is_held_back() -> None:
    connection = watched()
    first = connection.send(b"first ")
    await asyncio.sleep(LEAST * 2)
    second = connection.send(b"second")
    await asyncio.sleep(LEAST)
    assert (connection.writes, connection.unsent) == ([b"first "], 1)
    connection.data_received(OK)
    await turns()
    assert connection.writes == [b"first ", b"second"]
    connection.data_received(OK)
    assert [await first, await second] == [b"OK", b"OK"]
    connection.close("enough")


@in_virtual_time
async def test_a_connection_that_owes_nothing_is_never_late() -> None:
    connection = watched()
    connection.send(b"first ")
    await turns()
    connection.data_received(OK)
    await asyncio.sleep(100)
    assert connection.silence == 0.0
    connection.send(b"second")
    await turns()
    assert connection.writes == [b"first ", b"second"]
    await asyncio.sleep(0.5)
    assert connection.silence == pytest.approx(0.5)
    connection.close("enough")


@in_virtual_time
async def test_silence_is_told_with_the_next_look_and_again_until_it_ends() -> None:
    told: list[float] = []
    connection = watched()
    connection.on_silent = lambda: told.append(now())
    began = now()
    connection.send(b"first")
    await asyncio.sleep(LOOK * 3.5)
    assert [moment - began for moment in told] == pytest.approx([LOOK, LOOK * 2, LOOK * 3])
    connection.data_received(OK)
    await asyncio.sleep(LOOK * 2)
    assert len(told) == 3
    connection.close("enough")


@in_virtual_time
async def test_a_server_that_answers_in_time_is_not_suspected() -> None:
    told: list[float] = []
    connection = watched()
    connection.on_silent = lambda: told.append(now())
    connection.send(b"first")
    await asyncio.sleep(LEAST * 2)
    connection.send(b"second")
    connection.data_received(OK)
    await turns()
    connection.data_received(OK)
    await asyncio.sleep(LOOK * 2)
    assert told == []
    connection.close("enough")


@in_virtual_time
async def test_a_leased_connection_may_be_silent_for_long() -> None:
    connection = Wired()
    connection.send(b"BLPOP")
    await asyncio.sleep(100)
    connection.send(b"more")
    await turns()
    assert connection.writes == [b"BLPOP", b"more"]
    assert connection.state is ConnectionState.READY
    connection.close("enough")


# Signs of life


@in_virtual_time
async def test_the_ping_goes_ahead_of_what_is_held_back() -> None:
    connection = watched()
    first = connection.send(b"first")
    await asyncio.sleep(LEAST * 2)
    second = connection.send(b"second")
    await asyncio.sleep(HEARTBEAT * 1.3)
    assert connection.writes == [b"first", PING]
    connection.data_received(b":1\r\n+PONG\r\n")
    await turns()
    connection.data_received(b":2\r\n")
    assert [await first, await second] == [1, 2], "the reply to the ping is nobody's"
    connection.close("enough")


@in_virtual_time
async def test_a_server_that_stays_silent_is_given_up_and_its_callers_learn_what_was_sent() -> None:
    lost: list[LossCause] = []
    connection = watched(on_lost=lambda _connection, _reason, cause: lost.append(cause))
    first = connection.send(b"first")
    await asyncio.sleep(LEAST * 2)
    second = connection.send(b"second")
    began = now()
    outcomes = await asyncio.gather(first, second, return_exceptions=True)
    assert now() - began < HEARTBEAT * 3
    assert [outcome.sent for outcome in outcomes] == [True, False]
    assert (lost, connection.state) == ([LossCause.SILENCE], ConnectionState.CLOSED)


@in_virtual_time
async def test_a_ping_alone_is_enough_to_find_a_dead_server() -> None:
    """A shared connection that is idle is pinged in place of the leased ones, which may be silent."""
    lost: list[LossCause] = []
    connection = watched(on_lost=lambda _connection, _reason, cause: lost.append(cause))
    connection.ping()
    await asyncio.sleep(HEARTBEAT * 4)
    assert lost == [LossCause.SILENCE]


@in_virtual_time
async def test_a_ping_that_is_answered_ends_the_watch() -> None:
    connection = watched()
    connection.ping()
    await asyncio.sleep(HEARTBEAT / 2)
    connection.data_received(b"+PONG\r\n")
    await asyncio.sleep(HEARTBEAT * 10)
    assert (connection.writes, connection.state) == ([PING], ConnectionState.READY)
    connection.close("enough")


@in_virtual_time
async def test_one_timer_watches_however_many_pings_there_are() -> None:
    connection = watched()
    connection.send(b"first")
    await asyncio.sleep(HEARTBEAT * 1.5)
    assert connection.writes.count(PING) == 1
    for _ in range(20):
        connection.ping()
    await asyncio.sleep(HEARTBEAT * 2)
    assert connection.state is ConnectionState.CLOSED
    assert connection.writes.count(PING) == 21


# Recalling


@in_virtual_time
async def test_what_was_not_sent_can_be_recalled() -> None:
    connection = watched()
    sent = connection.send(b"sent")
    await asyncio.sleep(LEAST * 2)
    held = [connection.send(b"held"), connection.send_asking(b"held too")]
    connection.recall("it hands over", LossCause.RETIRED)
    for future in held:
        with pytest.raises(ConnectionLostError, match="it hands over") as caught:
            await future
        assert (caught.value.sent, caught.value.cause) == (False, LossCause.RETIRED)
    connection.data_received(OK)
    await turns()
    assert (await sent, connection.writes, connection.pending) == (b"OK", [b"sent"], 0)
    connection.close("enough")


def test_the_name_of_a_connection_tells_where_it_leads() -> None:
    async def scenario() -> str:
        connection = Wired()
        connection.close("enough")
        await turns()
        return repr(connection)

    assert str(A) in asyncio.run(scenario())
