"""The client under test that the trials are about: a ConnectionManager."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from ha_manager.cli.workload import Client, clock
from ha_manager.errors import OutcomeUnknownError
from ha_manager.manager import ConnectionManager
from ha_manager.observe import Event, OutcomeInDoubt
from ha_manager.sandbox import ClusterSandbox, SentinelSandbox

__all__ = ["ClientFactory", "EventSink", "ManagedClient", "managed_client"]

EventSink = Callable[[Event], None]
# Takes the sandbox, "raise" or "retry", and whom to tell of events. Which kinds of sandbox a factory
# knows is its own affair.
ClientFactory = Callable[[Any, str, EventSink], AbstractAsyncContextManager[Client]]


class ManagedClient:
    """A `ConnectionManager` as the workload sees it."""

    in_doubt: tuple[type[Exception], ...] = (OutcomeUnknownError,)

    def __init__(self, manager: ConnectionManager) -> None:
        self._manager = manager
        self.repeats: list[float] = []

    async def append(self, key: str, number: int) -> None:
        await self._manager.rpush(key, number)

    async def read(self, key: str) -> None:
        await self._manager.llen(key)

    def listen(self, event: Event) -> None:
        """Note when writes in doubt were repeated: only those may be found twice."""
        if isinstance(event, OutcomeInDoubt) and event.action == "retried":
            self.repeats.append(clock())


@asynccontextmanager
async def managed_client(
    sandbox: SentinelSandbox | ClusterSandbox, in_doubt: str, sink: EventSink
) -> AsyncIterator[Client]:
    """Connect a manager to the deployment, and close it at the end."""
    manager = await ConnectionManager.from_url(sandbox.url, in_doubt=in_doubt)
    async with manager:
        client = ManagedClient(manager)
        manager.add_listener(client.listen)
        manager.add_listener(sink)
        yield client
