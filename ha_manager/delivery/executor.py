"""The one loop that every command goes through: route, send, judge, and wait or repeat.

A command that succeeds at once never enters here: the command API sends it itself and hands over
only when the outcome is not a plain reply.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from redis.exceptions import ReadOnlyError, RedisError

from ha_manager.backoff import Backoff
from ha_manager.config import Endpoint
from ha_manager.delivery.call import Call, Outcome
from ha_manager.delivery.gate import Gate
from ha_manager.delivery.lane import Lane
from ha_manager.delivery.verdict import ConnectFailedError, Delivery, Verdict, judge, state_of
from ha_manager.errors import FailoverTimeoutError, OutcomeUnknownError, ReplyTimeoutError
from ha_manager.observe import Counters, EventBus, OutcomeInDoubt
from ha_manager.topology import Cause
from ha_manager.transport import (
    Connection,
    ConnectionLostError,
    LossCause,
    Node,
    NodeState,
    ReplyOverdueError,
)

REFUSED = Backoff(first=0.01, limit=0.25)


class NothingYet:
    """The outcome before the first attempt."""


class Executor:
    """Runs calls against one lane.

    Args:
        lane: where commands go.
        gate: where they wait.
        trigger: asks for a refresh of the topology.
        sentinels: the Sentinels, which answer SENTINEL commands; empty where there are none.
    """

    def __init__(
        self,
        lane: Lane,
        gate: Gate,
        *,
        trigger: Callable[[Cause], None],
        sentinels: Callable[[], Sequence[Node]],
        bus: EventBus,
        counters: Counters,
    ) -> None:
        self._lane = lane
        self._sentinels = sentinels
        self._gate = gate
        self._trigger = trigger
        self._bus = bus
        self._counters = counters

    async def run(self, call: Call, outcome: Outcome = NothingYet, where: Endpoint | None = None) -> Any:
        """Bring a call to its end; ``outcome`` and ``where`` tell of a first attempt made elsewhere.

        Returns:
            the server's reply.

        Raises:
            OutcomeUnknownError, FailoverTimeoutError, PendingLimitError, ManagerClosedError: ours.
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
        self._gate.check_open(call.spec.name)
        call.attempts += 1
        if call.spec.for_sentinel and (sentinels := self._sentinels()):
            return await _to_any(call, sentinels)
        while (node := self._route(call)) is None:
            await self._wait(call)
        if call.spec.blocking:
            return node.endpoint, await self._on_lease(call, node)
        connection = node.take()
        if connection is None:
            return node.endpoint, ConnectionLostError("not connected", sent=False, cause=LossCause.CLOSED)
        return node.endpoint, await _send(call, connection)

    def _route(self, call: Call) -> Node | None:
        if call.spec.on_replica and call.policy.preference is not None:
            return self._lane.reader_node(call.policy.preference)
        if self._lane.read_only:
            raise ReadOnlyError(
                f"{call.spec.name} needs a primary, and this manager is connected to a replica only"
            )
        return self._lane.writer_node() if call.writes else self._lane.reader_node(None)

    async def _on_lease(self, call: Call, node: Node) -> Outcome:
        try:
            async with node.lease() as connection:
                return await _send(call, connection)
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
        if isinstance(outcome, ReadOnlyError):
            primary = self._lane.primary
            if primary is not None and primary.endpoint == where:
                self._lane.doubt()
            self._trigger(Cause.READONLY)
        refused = state is Delivery.REFUSED or isinstance(outcome, ConnectFailedError)
        # A pause of zero still lets the lane learn what has just happened to the connection.
        await asyncio.sleep(REFUSED.delay(call.attempts or 1) if refused else 0)

    def _why(self, call: Call) -> str:
        if call.spec.on_replica and call.policy.preference is not None:
            return "a connected node that read_from allows, and that follows the primary"
        return self._lane.why()

    async def _wait(self, call: Call) -> None:
        await self._gate.wait(
            call.spec.name, self._deadline(call), call.policy.failover_timeout, lambda: self._why(call)
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
            waited_for=self._why(call),
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


async def _to_any(call: Call, nodes: Sequence[Node]) -> tuple[Endpoint, Outcome]:
    """Send to the first node that can be reached, the connected ones first."""
    for node in sorted(nodes, key=lambda n: n.state is not NodeState.UP):
        try:
            return node.endpoint, await _send(call, await node.ready())
        except RedisError as error:
            where, failed = node.endpoint, ConnectFailedError(error)
    return where, failed


async def _send(call: Call, connection: Connection) -> Outcome:
    """Send over this connection; faults of the transport come back as values."""
    try:
        reply = connection.send(call.packed)
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
