"""Sending a call over one connection; faults of the transport come back as values."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from redis.exceptions import RedisError

from ha_manager.config import Endpoint
from ha_manager.delivery.call import Call, Confirmation, Outcome
from ha_manager.delivery.verdict import ConnectFailedError
from ha_manager.errors import ReplicationError
from ha_manager.transport import Connection, ConnectionLostError, Node, NodeState, ReplyOverdueError
from ha_manager.transport.wire import Reply


async def to_any(call: Call, nodes: Sequence[Node]) -> tuple[Endpoint, Outcome]:
    """Send to the first node that can be reached, the connected ones first."""
    for node in sorted(nodes, key=lambda n: n.state is not NodeState.UP):
        try:
            return node.endpoint, await send(call, await node.ready())
        except RedisError as error:
            where, failed = node.endpoint, ConnectFailedError(error)
    return where, failed


async def send(call: Call, connection: Connection, *, asking: bool = False) -> Outcome:
    """Send once, and wait for the reply as long as the call's policy says."""
    try:
        reply = connection.send_asking(call.packed) if asking else connection.send(call.packed)
        if call.undecoded:
            connection.leave_undecoded(reply)
        if call.spec.blocking or call.policy.command_timeout is None:
            return await reply
        connection.be_patient(reply)
        async with asyncio.timeout(call.policy.command_timeout):
            return await reply
    except TimeoutError:
        return ReplyOverdueError(f"no reply within {call.policy.command_timeout:g} s")
    except (ConnectionLostError, ReplyOverdueError) as fault:
        return fault


async def send_confirmed(
    call: Call, confirmation: Confirmation, connection: Connection, *, asking: bool = False
) -> Outcome:
    """Send the call and its WAIT or WAITAOF in one write, on a connection of its own.

    WAIT speaks of the writes of its own connection alone, so the two may not be parted.

    Returns:
        the outcome of the call itself, as soon as that is not a success; else its reply, confirmed.

    Raises:
        ReplicationError: it ran, and too few have confirmed it.
    """
    try:
        reply = connection.send_asking(call.packed) if asking else connection.send(call.packed)
        confirmed = connection.send(confirmation.packed)
        confirmed.add_done_callback(_look_at)
        if call.undecoded:
            connection.leave_undecoded(reply)
        result = await reply
    except (ConnectionLostError, ReplyOverdueError) as fault:
        return fault
    if isinstance(result, Exception):
        confirmed.cancel()
        return result
    return await _confirmed(call, confirmation, result, confirmed)


def _look_at(reply: Reply) -> None:
    """If the command itself was lost, nobody else looks at what became of the question after it."""
    if not reply.cancelled():
        reply.exception()


async def _confirmed(call: Call, confirmation: Confirmation, result: Any, reply: Reply) -> Any:
    try:
        async with asyncio.timeout(confirmation.timeout):
            told = await reply
    except (ConnectionLostError, ReplyOverdueError, TimeoutError) as fault:
        raise ReplicationError(
            f"{call.spec.name} ran, but nobody told how many replicas have it "
            f"({str(fault) or 'no answer in time'})",
            result=result,
        ) from None
    if isinstance(told, Exception):
        raise ReplicationError(f"{call.spec.name} ran, but {told}", result=result) from None
    if not confirmation.suffices(told):
        raise ReplicationError(
            f"{call.spec.name} ran, but only {confirmation.describe(told)} within the time",
            result=result,
            confirmed=told if isinstance(told, int) else tuple(told),
        )
    return result
