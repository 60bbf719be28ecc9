"""Keeps the snapshot fresh: triggers with a named cause, one resolution at a time, publish.

A trigger never replaces a resolution: whatever an event claims, the servers are asked. Triggers
that come while a resolution runs lead to exactly one more. A resolution without a confirmed
primary is repeated with back-off until there is one.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from enum import Enum

from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from loguru import logger

from ha_manager.backoff import Backoff
from ha_manager.config import REFRESH_TRIGGERS
from ha_manager.errors import ManagerClosedError
from ha_manager.observe import Counters, EventBus, RefreshFailed
from ha_manager.topology.discovery import Discovery, Resolution
from ha_manager.topology.model import Topology

RETRY = Backoff(first=0.05, limit=1.0)

SPREAD = 0.1
"""Seconds over which the clients of a fleet spread their questions after a redirect, and the pace at
which one client asks at most for this reason: the redirected commands themselves do not wait for it."""


class Cause(Enum):
    """Why the topology was resolved. Those in ``CHOOSABLE`` can be chosen by ``refresh_triggers``."""

    EVENTS = "events"
    CONNECTION_LOST = "connection_lost"
    READONLY = "readonly"
    HEARTBEAT = "heartbeat"
    INTERVAL = "interval"
    MOVED = "moved"
    ASK = "ask"
    CLUSTERDOWN = "clusterdown"
    UNCOVERED = "uncovered"
    START = "start"
    RECONNECTED = "reconnected"
    ANNOUNCEMENT = "announcement"
    PROMOTION = "promotion"
    USER = "user"


CHOOSABLE = frozenset(cause for cause in Cause if cause.value in REFRESH_TRIGGERS)

PATIENT = frozenset({Cause.MOVED, Cause.ASK, Cause.CLUSTERDOWN, Cause.PROMOTION})
"""Causes that nobody waits for: their resolutions are spread and paced."""


class Refresher:
    """Runs resolutions in a task of its own and hands each outcome to ``publish``.

    Args:
        discovery: asks the servers.
        current: returns the snapshot in force.
        publish: takes the outcome of a resolution and its cause; decides what changes.
        interval: seconds between periodic resolutions, or ``None``.
        enabled: names of the triggers that are switched on.
        scheduler: the user's APScheduler, or ``None`` to run one of our own.
    """

    def __init__(
        self,
        discovery: Discovery,
        *,
        current: Callable[[], Topology | None],
        publish: Callable[[Resolution, Cause], None],
        interval: float | None,
        enabled: frozenset[str],
        scheduler: AsyncIOScheduler | None,
        bus: EventBus,
        counters: Counters,
    ) -> None:
        self._discovery = discovery
        self._current = current
        self._publish = publish
        self._interval = interval
        self._enabled = {cause for cause in Cause if cause not in CHOOSABLE or cause.value in enabled}
        self._scheduler = scheduler
        self._own_scheduler: AsyncIOScheduler | None = None
        self._bus = bus
        self._counters = counters
        self._wanted: Cause | None = None
        self._wakeup = asyncio.Event()
        self._urgent = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._job_id: str | None = None
        self._waiters: list[asyncio.Future[None]] = []
        self._last_failure = ""

    def start(self) -> None:
        """Start the background task and the periodic trigger."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="ha_manager refresher")
        if self._interval and Cause.INTERVAL in self._enabled:
            self._start_interval(self._interval)

    def _start_interval(self, seconds: float) -> None:
        scheduler = self._scheduler
        if scheduler is None:
            scheduler = self._own_scheduler = AsyncIOScheduler(timezone="UTC")
        job = scheduler.add_job(
            self._on_interval,
            "interval",
            seconds=seconds,
            jitter=seconds / 4,
            coalesce=True,
            max_instances=1,
            misfire_grace_time=None,
        )
        self._job_id = job.id
        if self._own_scheduler is not None:
            self._own_scheduler.start()

    async def _on_interval(self) -> None:
        self.trigger(Cause.INTERVAL)

    async def stop(self) -> None:
        """Stop both; a resolution under way is cancelled. The user's scheduler keeps running."""
        if self._own_scheduler is not None:
            self._own_scheduler.shutdown(wait=False)
        elif self._scheduler is not None and self._job_id is not None:
            try:
                self._scheduler.remove_job(self._job_id)
            except JobLookupError:
                logger.debug("the refresh job was already removed from the user's scheduler")
        self._own_scheduler = self._job_id = None
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._settle_waiters()

    def trigger(self, cause: Cause) -> None:
        """Ask for a resolution; returns at once. Switched-off causes are ignored."""
        if cause not in self._enabled:
            return
        if self._wanted is None or (self._wanted in PATIENT and cause not in PATIENT):
            self._wanted = cause
            self._wakeup.set()
            if cause not in PATIENT:
                self._urgent.set()

    async def refresh(self, cause: Cause = Cause.USER) -> None:
        """Resolve now, and return when a resolution that began after this call has ended.

        Args:
            cause: why; one that is switched off resolves nothing.

        Raises:
            ManagerClosedError: it was stopped.
        """
        if self._task is None or self._task.done():
            raise ManagerClosedError("the manager is closed; it does not refresh any more")
        if cause not in self._enabled:
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self.trigger(cause)
        await waiter

    async def _run(self) -> None:
        while True:
            await self._wakeup.wait()
            if self._wanted in PATIENT:
                await self._spread()
            cause = self._take()
            attempt = 0
            while cause is not None and not await self._once(cause):
                attempt += 1
                cause = await self._next(cause, RETRY.delay(attempt))

    def _take(self) -> Cause:
        cause, self._wanted = self._wanted or Cause.USER, None
        self._wakeup.clear()
        self._urgent.clear()
        return cause

    async def _spread(self) -> None:
        """Wait for a part of ``SPREAD`` seconds; an urgent trigger ends it."""
        try:
            async with asyncio.timeout(SPREAD * random.uniform(0.5, 1.0)):
                await self._urgent.wait()
        except TimeoutError:
            return

    async def _next(self, cause: Cause, delay: float) -> Cause:
        """Wait before repeating; a new urgent trigger cuts the wait short."""
        try:
            async with asyncio.timeout(delay):
                await self._urgent.wait()
        except TimeoutError:
            return cause
        return self._take()

    async def _once(self, cause: Cause) -> bool:
        """Resolve once; whether nothing remains to be repeated."""
        self._counters.refreshes[cause.value] += 1
        waiters, self._waiters = self._waiters, []
        before = self._current()
        try:
            resolution = await self._discovery.resolve(before)
            self._publish(resolution, cause)
        except asyncio.CancelledError:
            self._waiters += waiters
            raise
        except Exception as fault:  # noqa: BLE001 - a fault of ours must not end the refreshing for good
            logger.exception("a resolution failed unexpectedly")
            resolution = Resolution(None, confirmed=False, reason=f"unexpected: {fault!r}")
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
        if resolution.confirmed:
            self._last_failure = ""
            return True
        if self._current() is before:
            self._report(cause, resolution.reason)
        return False

    def _report(self, cause: Cause, reason: str) -> None:
        self._counters.refresh_failures += 1
        if reason != self._last_failure:
            self._last_failure = reason
            self._bus.publish(RefreshFailed(cause=cause.value, reason=reason))

    def _settle_waiters(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_exception(ManagerClosedError("the manager was closed"))
