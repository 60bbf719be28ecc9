"""Where commands wait while there is no usable node: bounded in number and in time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from ha_manager.errors import FailoverTimeoutError, ManagerClosedError, PendingLimitError
from ha_manager.observe import CommandsWaited, Counters, EventBus

WORTH_TELLING = 0.05
"""Seconds; shorter waits are counted and not told as events: a doubt that is soon dispelled is no news."""


@dataclass(slots=True)
class Backlog:
    """All commands that wait, at whichever gate.

    Attributes:
        limit: commands that may wait at a time.
        bus, counters: where waits are reported.
        waiting: commands that wait right now.
        closed: whether the manager was closed.
    """

    limit: int
    bus: EventBus
    counters: Counters
    waiting: int = 0
    closed: bool = False

    def check_open(self, name: str) -> None:
        """Raise ``ManagerClosedError`` once the manager was closed."""
        if self.closed:
            raise ManagerClosedError(f"the manager is closed; {name} was not sent")

    def check_room(self, name: str, why: Callable[[], str]) -> None:
        """Raise ``PendingLimitError`` if one more command would be too many."""
        if self.waiting >= self.limit:
            self.counters.rejected += 1
            raise PendingLimitError(
                f"{name} was not sent: {self.waiting} commands already wait "
                f"(max_pending={self.limit}); it would have waited for {why()}"
            )


class Gate:
    """The queue before one shard, let go all together whenever something has changed there.

    A command that is let go looks again, and comes back if it still finds no node; its deadline
    does not move.

    Args:
        backlog: counts the commands at all gates.
    """

    def __init__(self, backlog: Backlog) -> None:
        self._backlog = backlog
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._oldest = 0.0

    async def wait(self, name: str, deadline: float, budget: float, why: Callable[[], str]) -> None:
        """Wait until something has changed.

        Args:
            name: the command, for messages.
            deadline: loop time at which waiting ends.
            budget: the seconds that the deadline stands for, for messages.
            why: says what is being waited for, in words.

        Raises:
            PendingLimitError: ``max_pending`` commands wait already.
            FailoverTimeoutError: the deadline passed.
            ManagerClosedError: the manager was closed.
        """
        backlog, counters = self._backlog, self._backlog.counters
        backlog.check_open(name)
        backlog.check_room(name, why)
        loop = asyncio.get_running_loop()
        began = loop.time()
        if not self._waiters:
            self._oldest = began
        counters.waited += 1
        waiter: asyncio.Future[None] = loop.create_future()
        self._waiters.append(waiter)
        backlog.waiting += 1
        try:
            async with asyncio.timeout_at(deadline):
                await waiter
        except TimeoutError:
            counters.timed_out += 1
            reason = why()
            raise FailoverTimeoutError(
                f"{name} did not run: it waited for {reason}, until failover_timeout={budget:g} s passed",
                waited_for=reason,
            ) from None
        finally:
            counters.waited_seconds += loop.time() - began
            if not waiter.done() or waiter.cancelled():
                self._forget(waiter)

    def open(self) -> None:
        """Let every waiting command look again."""
        if not self._waiters:
            return
        waiters = self._take_all()
        longest = asyncio.get_running_loop().time() - self._oldest
        if longest >= WORTH_TELLING:
            self._backlog.bus.publish(CommandsWaited(count=len(waiters), longest=longest))
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def close(self) -> None:
        """Fail every waiting command, and every one that would wait at any gate from now on."""
        self._backlog.closed = True
        for waiter in self._take_all():
            if not waiter.done():
                waiter.set_exception(
                    ManagerClosedError("the manager was closed while the command waited; it was not sent")
                )

    def _take_all(self) -> deque[asyncio.Future[None]]:
        waiters, self._waiters = self._waiters, deque()
        self._backlog.waiting -= len(waiters)
        return waiters

    def _forget(self, waiter: asyncio.Future[None]) -> None:
        try:
            self._waiters.remove(waiter)
        except ValueError:
            return
        self._backlog.waiting -= 1
