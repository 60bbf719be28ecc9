"""A node that is left: it answers what it was sent, and takes nothing more."""

from __future__ import annotations

import asyncio

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from socket_rig import OK, Opened, Wired
from unit_support import A, B, soon, turns, until
from virtual_time import in_virtual_time, now

from ha_manager.config import Endpoint
from ha_manager.transport import ConnectionLostError, ConnectionState, Fleet, LossCause, Node, NodeState

PATIENCE = 0.9


class Rig:
    """A node with one shared connection, and what its listener was told."""

    def __init__(self, endpoint: Endpoint = A) -> None:
        self.opened = Opened()
        self.told: list[str] = []
        self.node = Node(endpoint, self.opened, self, poolsize=1, max_leases=2, pulse=1.0)

    def node_up(self, _node: Node) -> None:
        self.told.append("up")

    def node_silent(self, _node: Node) -> None:
        self.told.append("silent")

    def node_down(self, _node: Node, reason: str, _cause: LossCause) -> None:
        self.told.append(f"down: {reason}")

    async def up(self) -> Wired:
        """Wait for the connection."""
        self.node.keep_open()
        await until(lambda: self.node.state is NodeState.UP)
        return self.opened.shared[-1]

    async def ended(self) -> None:
        await soon(self.node.wait_closed())


@in_virtual_time
async def test_an_idle_node_is_retired_at_once() -> None:
    rig = Rig()
    connection = await rig.up()
    rig.node.leave("not needed", PATIENCE)
    assert (rig.node.state, connection.noted.closed) == (NodeState.RETIRED, True)
    await rig.ended()


@pytest.mark.parametrize("connected", [True, False])
@in_virtual_time
async def test_a_node_that_is_not_up_is_retired_at_once(connected: bool) -> None:
    rig = Rig()
    if connected:
        connection = await rig.up()
        rig.opened.failing = [RedisConnectionError("refused")] * 100
        connection.connection_lost(None)
        await turns()
    rig.node.leave("not needed", PATIENCE)
    assert rig.node.state is NodeState.RETIRED
    await rig.ended()


@in_virtual_time
async def test_what_was_sent_is_answered_before_the_node_is_retired() -> None:
    rig = Rig()
    connection = await rig.up()
    reply = connection.send(b"x")
    await turns()
    rig.node.leave("not needed", PATIENCE)
    assert (rig.node.state, rig.node.take(), rig.node.pending) == (NodeState.LEAVING, None, 1)
    await asyncio.sleep(PATIENCE / 2)
    connection.data_received(OK)
    assert await reply == b"OK"
    await asyncio.sleep(0.02)
    assert (rig.node.state, connection.noted.closed) == (NodeState.RETIRED, True)
    await rig.ended()


@in_virtual_time
async def test_patience_has_an_end() -> None:
    rig = Rig()
    connection = await rig.up()
    reply = connection.send(b"x")
    await turns()
    rig.node.leave("not needed", PATIENCE)
    began = now()
    with pytest.raises(ConnectionLostError, match="not needed") as caught:
        await reply
    assert now() - began == pytest.approx(PATIENCE, abs=0.01)
    assert (caught.value.sent, caught.value.cause) == (True, LossCause.RETIRED)
    await rig.ended()


@in_virtual_time
async def test_what_was_not_sent_yet_is_given_back_at_once() -> None:
    rig = Rig()
    connection = await rig.up()
    sent = connection.send(b"sent")
    await turns()
    unsent = connection.send(b"unsent")
    rig.node.leave("not needed", PATIENCE)
    with pytest.raises(ConnectionLostError) as caught:
        await unsent
    assert not caught.value.sent
    assert not sent.done()
    connection.data_received(OK)
    assert await sent == b"OK"
    assert connection.writes == [b"sent"]
    await asyncio.sleep(1)
    await rig.ended()


@in_virtual_time
async def test_a_node_that_is_being_left_takes_nothing_more_and_does_not_reconnect() -> None:
    rig = Rig()
    connection = await rig.up()
    connection.send(b"x")
    await turns()
    rig.node.leave("not needed", PATIENCE)
    rig.node.keep_open()
    with pytest.raises(RedisConnectionError, match="was left"):
        await rig.node.ready()
    with pytest.raises(RedisConnectionError, match="was left"):
        async with rig.node.lease():
            raise AssertionError("nobody may borrow from it")
    connection.connection_lost(None)
    await asyncio.sleep(PATIENCE)
    assert (len(rig.opened.shared), rig.opened.leased) == (1, [])
    assert (rig.told, rig.node.state) == (["up"], NodeState.RETIRED), "its end is no failure"
    await rig.ended()


@in_virtual_time
async def test_a_leased_connection_is_not_lent_again_once_the_node_is_being_left() -> None:
    rig = Rig()
    connection = await rig.up()
    async with rig.node.lease():
        pass
    assert rig.node.leased == 0
    connection.send(b"x")
    await turns()
    rig.node.leave("not needed", PATIENCE)
    with pytest.raises(RedisConnectionError, match="was left"):
        async with rig.node.lease():
            raise AssertionError("nobody may borrow from it")
    rig.node.retire("enough")
    await rig.ended()


@in_virtual_time
async def test_a_command_on_a_lease_is_waited_for_as_well() -> None:
    rig = Rig()
    await rig.up()
    async with rig.node.lease() as leased:
        reply = leased.send(b"BLPOP")
        await turns()
        rig.node.leave("not needed", PATIENCE)
        assert rig.node.state is NodeState.LEAVING
        await asyncio.sleep(PATIENCE / 2)
        leased.data_received(OK)
        assert await reply == b"OK"
    await asyncio.sleep(0.02)
    assert (rig.node.state, rig.opened.leased[0].state) == (NodeState.RETIRED, ConnectionState.CLOSED)
    await rig.ended()


@in_virtual_time
async def test_a_lease_that_is_opened_while_the_node_is_left_is_closed() -> None:
    rig = Rig()
    connection = await rig.up()
    connection.send(b"x")
    await turns()
    rig.opened.before = lambda: rig.node.leave("not needed", PATIENCE)
    with pytest.raises(RedisConnectionError, match="was left"):
        async with rig.node.lease():
            raise AssertionError("nobody may borrow from it")
    assert [leased.state for leased in rig.opened.leased] == [ConnectionState.CLOSED]
    rig.node.retire("enough")
    await rig.ended()


@in_virtual_time
async def test_who_waits_for_a_connection_is_told_that_the_node_was_left() -> None:
    rig = Rig()
    rig.opened.failing = [RedisConnectionError("refused")] * 100
    waiting = asyncio.ensure_future(rig.node.ready())
    rig.node.leave("not needed", PATIENCE)
    with pytest.raises(RedisConnectionError):
        await soon(waiting)
    await rig.ended()


@in_virtual_time
async def test_leaving_twice_is_leaving_once_and_retiring_ends_it() -> None:
    rig = Rig()
    connection = await rig.up()
    reply = connection.send(b"x")
    await turns()
    rig.node.leave("not needed", PATIENCE)
    rig.node.leave("again", PATIENCE * 100)
    rig.node.retire("enough")
    with pytest.raises(ConnectionLostError, match="enough"):
        await reply
    await rig.ended()
    assert len(asyncio.all_tasks()) == 1


# A fleet


def fleet_of(rigs: dict[Endpoint, Rig]) -> Fleet:
    def build(endpoint: Endpoint) -> Node:
        rigs[endpoint] = Rig(endpoint)
        return rigs[endpoint].node

    return Fleet(build)


@in_virtual_time
async def test_an_address_that_is_met_again_while_its_node_is_being_left_is_another_node() -> None:
    rigs: dict[Endpoint, Rig] = {}
    fleet = fleet_of(rigs)
    first = fleet.node(A)
    connection = await rigs[A].up()
    connection.send(b"x")
    await turns()
    fleet.leave(A, "not needed", PATIENCE)
    assert fleet.find(A) is None
    second = fleet.node(A)
    assert second is not first
    assert fleet.everything == (second, first), "whoever ends the fleet must wait for both"
    for node in fleet.everything:
        node.retire("enough")
        await soon(node.wait_closed())


@in_virtual_time
async def test_all_but_the_wanted_nodes_are_left() -> None:
    rigs: dict[Endpoint, Rig] = {}
    fleet = fleet_of(rigs)
    for endpoint in (A, B):
        fleet.node(endpoint)
        connection = await rigs[endpoint].up()
        connection.send(b"x")
    await turns()
    fleet.keep_only([B], "not needed", PATIENCE)
    assert [node.endpoint for node in fleet] == [B]
    assert (rigs[A].node.state, rigs[B].node.state) == (NodeState.LEAVING, NodeState.UP)
    for node in fleet.everything:
        node.retire("enough")
        await soon(node.wait_closed())


@in_virtual_time
async def test_without_patience_a_node_is_left_at_the_next_turn() -> None:
    rigs: dict[Endpoint, Rig] = {}
    fleet = fleet_of(rigs)
    fleet.node(A)
    connection = await rigs[A].up()
    reply = connection.send(b"x")
    await turns()
    fleet.keep_only([], "not needed")
    began = now()
    with pytest.raises(ConnectionLostError):
        await reply
    assert now() == began
    await rigs[A].ended()
