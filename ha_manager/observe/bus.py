"""A bus from the rooms to whoever listens: callbacks at once, iterators through bounded queues."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Self

from loguru import logger

from ha_manager.errors import ConfigurationError
from ha_manager.observe.events import Event

Listener = Callable[[Event], object]


class EventStream:
    """An async iterator over events, from the moment of its creation until ``close``.

    A slow reader never delays the manager: past ``limit`` unread events the oldest are dropped
    and counted in ``dropped``.
    """

    def __init__(self, bus: EventBus, limit: int) -> None:
        self._bus = bus
        self._events: deque[Event] = deque()
        self._limit = limit
        self._wakeup = asyncio.Event()
        self._closed = False
        self.dropped = 0

    def _push(self, event: Event) -> None:
        if len(self._events) >= self._limit:
            self._events.popleft()
            self.dropped += 1
        self._events.append(event)
        self._wakeup.set()

    def close(self) -> None:
        """End the stream: unread events can still be read, then the iteration stops."""
        self._closed = True
        self._bus.forget(self)
        self._wakeup.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while not self._events:
            if self._closed:
                raise StopAsyncIteration
            self._wakeup.clear()
            await self._wakeup.wait()
        return self._events.popleft()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()


class EventBus:
    """Publishes to callbacks and streams, in the order of publication."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._streams: list[EventStream] = []
        self._closed = False

    def publish(self, event: Event) -> None:
        for listener in tuple(self._listeners):
            self._call(listener, event)
        for stream in tuple(self._streams):
            stream._push(event)

    @staticmethod
    def _call(listener: Listener, event: Event) -> None:
        try:
            listener(event)
        except Exception:  # noqa: BLE001 - a listener's fault must not stop a failover
            logger.exception("an event listener failed on {}", type(event).__name__)

    def add_listener(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` for each event, on the event loop; returns a function that removes it."""
        self._listeners.append(listener)

        def remove() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return remove

    def stream(self, limit: int) -> EventStream:
        """Open an iterator that buffers at most ``limit`` unread events.

        Raises:
            ConfigurationError: ``limit`` is less than 1.
        """
        if limit < 1:
            raise ConfigurationError(f"limit must be at least 1 event, not {limit}")
        stream = EventStream(self, limit)
        self._streams.append(stream)
        if self._closed:
            stream.close()
        return stream

    def forget(self, stream: EventStream) -> None:
        if stream in self._streams:
            self._streams.remove(stream)

    def close(self) -> None:
        """End all streams, later ones too; listeners are dropped."""
        self._closed = True
        for stream in tuple(self._streams):
            stream.close()
        self._listeners.clear()
