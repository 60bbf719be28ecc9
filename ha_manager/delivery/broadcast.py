"""Many calls at once: all leave in this turn of the event loop, and only the troubled ones cost a task."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from ha_manager.delivery.call import Call
from ha_manager.delivery.executor import Executor
from ha_manager.delivery.lanes import Lanes
from ha_manager.transport import Connection, ConnectionLostError, ReplyOverdueError
from ha_manager.transport.wire import Reply


async def run_all(calls: Sequence[Call], lanes: Lanes, executor: Executor) -> list[Any]:
    """Run the calls side by side.

    Returns:
        for each its reply, or the exception that it ended with.
    """
    started = [_start(call, lanes) for call in calls]
    try:
        outcomes = [await _outcome(under_way) for under_way in started]
    finally:
        # If our caller went away, nobody will look at what is left.
        for under_way in started:
            if under_way is not None:
                _forget(under_way[1])
    troubled = [
        i for i, outcome in enumerate(outcomes) if started[i] is None or isinstance(outcome, Exception)
    ]
    ended = await asyncio.gather(
        *(_finish(calls[i], outcomes[i], started[i], executor) for i in troubled), return_exceptions=True
    )
    for i, end in zip(troubled, ended, strict=True):
        outcomes[i] = end
    return outcomes


def _start(call: Call, lanes: Lanes) -> tuple[Connection, Reply] | None:
    """Send at once, if nothing about the call is special and its primary is ready."""
    if call.node is not None or call.spec.blocking or call.confirmation is not None or call.undecoded:
        return None
    if call.policy.command_timeout is not None or (call.spec.on_replica and call.policy.preference):
        return None
    lane = call.lane or lanes.of(call.slot)
    connection = lane.writer() if call.writes else lane.reader()
    if connection is None:
        return None
    try:
        return connection, connection.send(call.packed)
    except ConnectionLostError:
        return None


async def _outcome(under_way: tuple[Connection, Reply] | None) -> Any:
    if under_way is None:
        return None
    try:
        return await under_way[1]
    except (ConnectionLostError, ReplyOverdueError) as fault:
        return fault


async def _finish(
    call: Call, outcome: Any, under_way: tuple[Connection, Reply] | None, executor: Executor
) -> Any:
    if under_way is None:
        return await executor.run(call)
    return await executor.run(call, outcome, under_way[0].endpoint)


def _forget(reply: Reply) -> None:
    if not reply.cancel() and not reply.cancelled():
        reply.exception()
