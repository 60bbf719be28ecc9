"""A refresher whose discovery follows a script, with everything around it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from unit_support import A

from ha_manager.config import REFRESH_TRIGGERS
from ha_manager.observe import Counters, Event, EventBus
from ha_manager.topology import Cause, Deployment, Refresher, Resolution, Topology
from ha_manager.topology.model import one_shard

FOUND = Resolution(one_shard(Deployment.SENTINEL, A), confirmed=True)
NOT_YET = Resolution(None, confirmed=False, reason="no primary")


class Scripted:
    """Gives its outcomes in turn, the last one for ever; waits at the gate while it is shut."""

    def __init__(self, outcomes: Iterable[Resolution | Exception]) -> None:
        self.outcomes = list(outcomes)
        self.begun = 0
        self.running = 0
        self.most = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def resolve(self, current: Topology | None) -> Resolution:
        self.begun += 1
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.gate.wait()
        finally:
            self.running -= 1
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


class Rig:
    """A refresher with everything around it."""

    def __init__(
        self,
        *outcomes: Resolution | Exception,
        enabled: Iterable[str] = REFRESH_TRIGGERS,
        interval: float | None = None,
        scheduler: AsyncIOScheduler | None = None,
    ) -> None:
        self.discovery = Scripted(outcomes or [FOUND])
        self.published: list[tuple[Resolution, Cause]] = []
        self.events: list[Event] = []
        self.counters = Counters()
        self.topology: Topology | None = None
        bus = EventBus()
        bus.add_listener(self.events.append)
        self.refresher = Refresher(
            self.discovery,
            current=lambda: self.topology,
            publish=self.publish,
            interval=interval,
            enabled=frozenset(enabled),
            scheduler=scheduler,
            bus=bus,
            counters=self.counters,
        )

    def publish(self, resolution: Resolution, cause: Cause) -> None:
        self.published.append((resolution, cause))

    @property
    def causes(self) -> list[Cause]:
        return [cause for _, cause in self.published]


@asynccontextmanager
async def running(rig: Rig) -> AsyncIterator[Rig]:
    rig.refresher.start()
    try:
        yield rig
    finally:
        await rig.refresher.stop()
