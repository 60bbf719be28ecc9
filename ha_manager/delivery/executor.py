"""The one loop that every command goes through: route, send, judge, and wait or repeat.

A command that succeeds at once never enters here: the command API sends it itself and hands over
only when the outcome is not a plain reply.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from redis.exceptions import ReadOnlyError, RedisError

from ha_manager.backoff import Backoff
from ha_manager.config import Endpoint
from ha_manager.delivery.call import Call, Outcome
from ha_manager.delivery.lane import Lane
from ha_manager.delivery.lanes import Lanes
from ha_manager.delivery.sending import send, send_confirmed, to_any
from ha_manager.delivery.troubles import Troubles
from ha_manager.delivery.verdict import ConnectFailedError, Delivery, Verdict, judge, state_of
from ha_manager.errors import (
    FailoverTimeoutError,
    NoSuchNodeError,
    OutcomeUnknownError,
    ReplicationError,
    ReplyTimeoutError,
    UncoveredSlotError,
)
from ha_manager.observe import OutcomeInDoubt
from ha_manager.transport import ConnectionLostError, LossCause, Node, ReplyOverdueError

REFUSED = Backoff(first=0.005, limit=0.25)

FREE_REDIRECTS = 5
"""Redirects in a row that are followed without a pause: a longer chain is two nodes that disagree."""


class NothingYet:
    """The outcome before the first attempt."""


class Executor:
    """Runs calls.

    Args:
        lanes: where commands go.
        troubles: takes in what refusals tell about the topology.
        node_at: the data node at an address; and, told so, with connections for reading if it is a replica.
        sentinels: the Sentinels, which answer SENTINEL commands; empty where there are none.
        refetch: fetches the topology anew, because a slot has no owner.
    """

    def __init__(
        self,
        lanes: Lanes,
        troubles: Troubles,
        *,
        node_at: Callable[[Endpoint, bool], Node],
        sentinels: Callable[[], Sequence[Node]],
        refetch: Callable[[], Awaitable[None]],
    ) -> None:
        self._lanes = lanes
        self._troubles = troubles
        self._node_at = node_at
        self._sentinels = sentinels
        self._refetch = refetch
        self._bus = lanes.backlog.bus
        self._counters = lanes.backlog.counters

    async def run(self, call: Call, outcome: Outcome = NothingYet, where: Endpoint | None = None) -> Any:
        """Bring a call to its end; ``outcome`` and ``where`` tell of a first attempt made elsewhere.

        Returns:
            the server's reply.

        Raises:
            OutcomeUnknownError, FailoverTimeoutError, PendingLimitError, ManagerClosedError,
            UncoveredSlotError, NoSuchNodeError, ReplicationError: ours.
            redis.RedisError: the server's error reply.
        """
        while True:
            if outcome is NothingYet:
                where, outcome = await self._attempt(call)
            state = state_of(outcome)
            is_error = isinstance(outcome, Exception)
            verdict = judge(state, is_error=is_error, repeatable=call.repeatable)
            if verdict is Verdict.RETURN:
                return outcome
            if verdict is Verdict.RAISE:
                raise outcome
            if verdict is Verdict.IN_DOUBT:
                raise self._in_doubt(call, outcome, where)
            await self._before_repeating(call, state, outcome, where)
            outcome = NothingYet

    # One attempt

    async def _attempt(self, call: Call) -> tuple[Endpoint, Outcome]:
        """Wait for a node, then send the call to it once."""
        self._lanes.backlog.check_open(call.spec.name)
        call.attempts += 1
        if call.redirect is not None:
            redirect, call.redirect = call.redirect, None
            return redirect.endpoint, await self._to(
                call, self._node_at(redirect.endpoint, False), redirect.asking
            )
        if call.node is not None:
            return call.node, await self._to(call, self._node_at(call.node, True))
        if call.spec.for_sentinel and (sentinels := self._sentinels()):
            return await to_any(call, sentinels)
        node = await self._route(call)
        call.answered_by = (node.endpoint, node.session)
        if call.spec.blocking or call.confirmation is not None:
            return node.endpoint, await self._on_lease(call, node)
        connection = node.take()
        if connection is None:
            return node.endpoint, ConnectionLostError("not connected", sent=False, cause=LossCause.CLOSED)
        return node.endpoint, await send(call, connection)

    async def _route(self, call: Call) -> Node:
        """The node that the call may go to now, once there is one."""
        while True:
            lane = await self._lane(call)
            if lane.read_only and not _may_be_read(call):
                raise ReadOnlyError(
                    f"{call.spec.name} needs a primary, and this manager is connected to a replica only"
                )
            node = _node_in(lane, call)
            if node is not None:
                return node
            await self._wait(call, lane)

    async def _lane(self, call: Call) -> Lane:
        if call.lane is not None and call.lane.gone:
            raise NoSuchNodeError(f"{call.spec.name} was not sent: the shard left the cluster")
        lane = call.lane or self._lanes.of(call.slot)
        if lane is not self._lanes.nobody:
            return lane
        if call.refetched:
            raise UncoveredSlotError(
                f"{call.spec.name} was not sent: no node of the cluster owns slot {call.slot}; "
                "assign it (CLUSTER ADDSLOTS), or restore the shard that had it"
            )
        call.refetched = True
        try:
            async with asyncio.timeout_at(self._deadline(call)):
                await self._refetch()
        except TimeoutError:
            raise FailoverTimeoutError(
                f"{call.spec.name} did not run within failover_timeout={call.policy.failover_timeout:g} s",
                waited_for=f"the owner of slot {call.slot} to be found",
            ) from None
        return await self._lane(call)

    async def _to(self, call: Call, node: Node, asking: bool = False) -> Outcome:
        """Send to this very node, connecting first if need be."""
        call.answered_by = (node.endpoint, node.session)
        if call.spec.blocking or call.confirmation is not None:
            return await self._on_lease(call, node, asking)
        try:
            connection = node.take() or await node.ready()
        except RedisError as error:
            return ConnectFailedError(error)
        return await send(call, connection, asking=asking)

    async def _on_lease(self, call: Call, node: Node, asking: bool = False) -> Outcome:
        try:
            async with node.lease() as connection:
                if call.confirmation is not None:
                    return await send_confirmed(call, call.confirmation, connection, asking=asking)
                return await send(call, connection, asking=asking)
        except ReplicationError:
            raise
        except RedisError as error:
            return ConnectFailedError(error)

    # Between attempts

    async def _before_repeating(
        self, call: Call, state: Delivery, outcome: Exception, where: Endpoint | None
    ) -> None:
        self._counters.retried += state is not Delivery.UNKNOWN
        if state is Delivery.UNKNOWN and call.writes:
            self._counters.in_doubt_retried += 1
            self._report_doubt(call, outcome, where, "retried")
        if isinstance(outcome, ConnectFailedError) and outcome.is_final:
            raise outcome.error
        self._check_deadline(call, outcome)
        if where is not None and state is Delivery.REFUSED:
            call.redirect = self._troubles.refused(call, outcome, where)
        await asyncio.sleep(self._pause(call, state, outcome))

    def _pause(self, call: Call, state: Delivery, outcome: Exception) -> float:
        """Seconds before the next attempt; zero still lets the lanes learn what has just happened."""
        if call.redirect is not None:
            call.redirects += 1
            return REFUSED.delay(call.redirects - FREE_REDIRECTS) if call.redirects > FREE_REDIRECTS else 0
        refused = state is Delivery.REFUSED or isinstance(outcome, ConnectFailedError)
        return REFUSED.delay(call.attempts or 1) if refused else 0

    async def _wait(self, call: Call, lane: Lane) -> None:
        await lane.gate.wait(
            call.spec.name, self._deadline(call), call.policy.failover_timeout, lambda: _why(call, lane)
        )

    def _deadline(self, call: Call) -> float:
        """The clock starts with the first trouble, not with the call: see DESIGN, the fast path."""
        if call.deadline is None:
            call.deadline = asyncio.get_running_loop().time() + call.policy.failover_timeout
        return call.deadline

    def _check_deadline(self, call: Call, outcome: Exception) -> None:
        if asyncio.get_running_loop().time() < self._deadline(call):
            return
        self._counters.timed_out += 1
        if isinstance(outcome, ReplyOverdueError):
            raise ReplyTimeoutError(f"{call.spec.name}: {outcome}") from None
        raise FailoverTimeoutError(
            f"{call.spec.name} did not run within failover_timeout={call.policy.failover_timeout:g} s; "
            f"the last attempt ended with: {outcome}",
            waited_for=_why(call, call.lane or self._lanes.of(call.slot)),
        ) from None

    # Doubt

    def _in_doubt(self, call: Call, outcome: Exception, where: Endpoint | None) -> OutcomeUnknownError:
        self._counters.in_doubt_raised += 1
        self._report_doubt(call, outcome, where, "raised")
        return OutcomeUnknownError(
            f"{call.spec.name} was sent to {where} and was not answered: it may or may not have run "
            f'({outcome}). Check before you repeat it, or allow repeating with in_doubt="retry"',
            command=call.spec.name,
            endpoint=str(where),
        )

    def _report_doubt(self, call: Call, outcome: Exception, where: Endpoint | None, action: str) -> None:
        if where is not None:
            self._bus.publish(
                OutcomeInDoubt(command=call.spec.name, endpoint=where, reason=str(outcome), action=action)
            )


def _may_be_read(call: Call) -> bool:
    return call.spec.on_replica and call.policy.preference is not None


def _node_in(lane: Lane, call: Call) -> Node | None:
    if _may_be_read(call):
        return lane.reader_node(call.policy.preference)
    return lane.writer_node() if call.writes else lane.reader_node(None)


def _why(call: Call, lane: Lane) -> str:
    if _may_be_read(call):
        return "a connected node that read_from allows, and that follows the primary"
    return lane.why()
