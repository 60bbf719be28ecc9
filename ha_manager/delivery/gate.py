"""Where commands wait while there is no usable node: bounded in number and in time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from ha_manager.errors import FailoverTimeoutError, ManagerClosedError, PendingLimitError
from ha_manager.observe import CommandsWaited, Counters, EventBus


class Gate:
    """A queue of waiting commands, let go all together whenever something has changed.

    A command that is let go looks again, and comes back if it still finds no node; its deadline
    does not move.

    Args:
        limit: commands that may wait at a time.
        bus, counters: where waits are reported.
    """

    def __init__(self, limit: int, *, bus: EventBus, counters: Counters) -> None:
        self._limit = limit
        self._bus = bus
        self._counters = counters
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._oldest = 0.0
        self._closed = False

    @property
    def waiting(self) -> int:
        """Commands that wait right now."""
        return len(self._waiters)

    def check_open(self, name: str) -> None:
        """Raise ``ManagerClosedError`` once the manager was closed."""
        if self._closed:
            raise ManagerClosedError(f"the manager is closed; {name} was not sent")

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
        self.check_open(name)
        if len(self._waiters) >= self._limit:
            self._counters.rejected += 1
            raise PendingLimitError(
                f"{name} was not sent: {len(self._waiters)} commands already wait "
                f"(max_pending={self._limit}); it would have waited for {why()}"
            )
        loop = asyncio.get_running_loop()
        began = loop.time()
        if not self._waiters:
            self._oldest = began
        self._counters.waited += 1
        waiter: asyncio.Future[None] = loop.create_future()
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout_at(deadline):
                await waiter
        except TimeoutError:
            self._counters.timed_out += 1
            reason = why()
            raise FailoverTimeoutError(
                f"{name} did not run: it waited for {reason}, until failover_timeout={budget:g} s passed",
                waited_for=reason,
            ) from None
        finally:
            self._counters.waited_seconds += loop.time() - began
            if not waiter.done() or waiter.cancelled():
                self._forget(waiter)

    def open(self) -> None:
        """Let every waiting command look again."""
        if not self._waiters:
            return
        waiters, self._waiters = self._waiters, deque()
        longest = asyncio.get_running_loop().time() - self._oldest
        self._bus.publish(CommandsWaited(count=len(waiters), longest=longest))
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def close(self) -> None:
        """Fail every waiting command, and every one that would wait from now on."""
        self._closed = True
        waiters, self._waiters = self._waiters, deque()
        for waiter in waiters:
            if not waiter.done():
                waiter.set_exception(
                    ManagerClosedError("the manager was closed while the command waited; it was not sent")
                )

    def _forget(self, waiter: asyncio.Future[None]) -> None:
        try:
            self._waiters.remove(waiter)
        except ValueError:
            return
