"""Reacts to what Sentinels announce: holds writes, watches the chosen node, lets them go on.

From the announcement of a failover on, the old primary may be discarded together with whatever it
still acknowledges. Writes are therefore held until the chosen node itself answers ``ROLE`` =
master, until the failover is given up, or until a bound passes.
"""

from __future__ import annotations

import asyncio

from redis.exceptions import RedisError

from ha_manager.config import Endpoint
from ha_manager.delivery.lane import Lane
from ha_manager.delivery.steward import Steward
from ha_manager.observe import (
    Counters,
    EventBus,
    FailoverStep,
    SentinelDown,
    SentinelUp,
    WritesHeld,
    WritesReleased,
)
from ha_manager.topology import Ask, Cause, FailoverWatch, Notice, Phase, Resolution
from ha_manager.topology.discovery import AddressMap
from ha_manager.topology.failover import parse_message
from ha_manager.topology.model import promote
from ha_manager.topology.replies import BadReplyError, role_of

HOLD_BOUND = 15.0
"""Seconds after which held writes are let go whatever became of the announced failover."""

PURSUIT_PERIOD = 0.01
"""Seconds between two questions to the chosen node whether it is primary yet."""


class Herald:
    """Listens to the Sentinels' events about one service.

    Args:
        service: the name that the Sentinels monitor the primary under.
        steward, lane: what to act on.
        ask_node: sends one command to a data node.
        address_map: applied to the chosen node's address.
    """

    def __init__(
        self,
        service: str,
        *,
        steward: Steward,
        lane: Lane,
        ask_node: Ask,
        address_map: AddressMap,
        bus: EventBus,
        counters: Counters,
    ) -> None:
        self._watch = FailoverWatch(service)
        self._steward = steward
        self._lane = lane
        self._ask = ask_node
        self._map = address_map
        self._bus = bus
        self._counters = counters
        self._pursuit: asyncio.Task[None] | None = None
        self._pursued: Endpoint | None = None
        self._bound: asyncio.TimerHandle | None = None
        self._held_since = 0.0
        self._held_primary: Endpoint | None = None

    # SubscriptionListener

    def subscribed(self, endpoint: Endpoint) -> None:
        """Events may have been missed before: ask."""
        self._bus.publish(SentinelUp(endpoint=endpoint))
        self._steward.trigger(Cause.EVENTS)

    def unsubscribed(self, endpoint: Endpoint, reason: str) -> None:
        """It may have been the last Sentinel: ask."""
        self._bus.publish(SentinelDown(endpoint=endpoint, reason=reason))
        self._steward.trigger(Cause.EVENTS)

    def message(self, endpoint: Endpoint, channel: str, payload: str) -> None:
        """Take one event of one Sentinel."""
        try:
            message = parse_message(channel, payload)
        except BadReplyError:
            self._steward.trigger(Cause.EVENTS)
            return
        notice = self._watch.receive(message)
        if notice is Notice.NONE:
            return
        self._bus.publish(FailoverStep(step=channel, sentinel=endpoint, node=message.node))
        self._act(notice, channel)

    # Acting

    def _act(self, notice: Notice, channel: str) -> None:
        if notice is Notice.HOLD:
            self._hold(f"a Sentinel announced {channel}")
        if notice is Notice.PURSUE and self._watch.chosen is not None:
            self._follow(self._map(self._watch.chosen), channel)
        if notice is Notice.ABORT:
            self._end_hold(f"the failover was given up ({channel})")
        if notice in (Notice.ABORT, Notice.SWITCH, Notice.REFRESH):
            self._steward.trigger(Cause.EVENTS)

    def _follow(self, chosen: Endpoint, channel: str) -> None:
        if chosen == self._primary:
            # The Sentinels' remaining steps of a switch that we saw before them.
            self._watch.settle()
            return
        self._hold(f"a Sentinel announced {channel}")
        self._pursue(chosen)

    @property
    def _primary(self) -> Endpoint | None:
        topology = self._steward.topology
        return topology.primary if topology else None

    def settle(self) -> None:
        """A confirmed snapshot was published; if it is what the held writes wait for, they go on."""
        if self._lane.held and (self._watch.phase is Phase.IDLE or self._primary != self._held_primary):
            self._watch.settle()
            self._end_hold(f"{self._primary} is primary")

    def _hold(self, reason: str) -> None:
        if self._lane.held:
            return
        loop = asyncio.get_running_loop()
        self._held_primary = self._primary
        self._held_since = loop.time()
        self._bound = loop.call_later(HOLD_BOUND, self._expire)
        self._counters.holds += 1
        self._lane.hold(reason)
        self._bus.publish(WritesHeld(reason=reason))

    def _expire(self) -> None:
        self._watch.settle()
        self._end_hold(f"the announced failover did not end within {HOLD_BOUND:g} s")
        self._steward.trigger(Cause.EVENTS)

    def _end_hold(self, reason: str) -> None:
        if self._bound is not None:
            self._bound.cancel()
            self._bound = None
        self._stop_pursuit()
        if self._lane.held:
            held_for = asyncio.get_running_loop().time() - self._held_since
            self._lane.release()
            self._bus.publish(WritesReleased(reason=reason, held_for=held_for))

    # Watching the chosen node

    def _pursue(self, chosen: Endpoint) -> None:
        if self._pursued == chosen:
            return
        self._stop_pursuit()
        self._pursued = chosen
        self._steward.expect(chosen)
        self._pursuit = asyncio.get_running_loop().create_task(
            self._until_promoted(chosen), name=f"pursuit of {chosen}"
        )

    async def _until_promoted(self, chosen: Endpoint) -> None:
        while not await self._is_primary(chosen):
            await asyncio.sleep(PURSUIT_PERIOD)
        current = self._steward.topology
        if current is not None and current.primary != chosen:
            # Every real failover raises the epoch by one at least: the Sentinels' older answers are
            # refused until they have caught up.
            promoted = promote(current, chosen, epoch=current.epoch + 1)
            self._steward.publish(Resolution(promoted, confirmed=True), Cause.ANNOUNCEMENT)
        self.settle()

    async def _is_primary(self, chosen: Endpoint) -> bool:
        try:
            return role_of(await self._ask(chosen, "ROLE")) == "master"
        except (RedisError, OSError, TimeoutError, BadReplyError):
            return False

    def _stop_pursuit(self) -> None:
        pursuit, self._pursuit = self._pursuit, None
        self._pursued = None
        self._steward.expect(None)
        if pursuit is not None and pursuit is not asyncio.current_task():
            pursuit.cancel()

    async def close(self) -> None:
        """Stop watching; held writes are let go."""
        pursuit = self._pursuit
        self._end_hold("the manager was closed")
        if pursuit is not None:
            await asyncio.gather(pursuit, return_exceptions=True)
