"""Events reach listeners and streams, in order, and nobody can hold up the publisher."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit_support import A, soon, turns

from ha_manager.errors import ConfigurationError
from ha_manager.observe import Event, EventBus, EventStream, NodeUp


def event(number: int) -> Event:
    return NodeUp(endpoint=A, at=float(number))


async def read(stream: EventStream) -> list[int]:
    """What is left in a closed stream."""
    return [int(event.at) async for event in stream]


@given(st.integers(1, 8), st.integers(0, 20))
def test_a_slow_reader_loses_the_oldest_and_is_told_how_many(limit: int, count: int) -> None:
    async def scenario() -> None:
        bus = EventBus()
        stream = bus.stream(limit)
        for number in range(count):
            bus.publish(event(number))
        stream.close()
        kept = min(limit, count)
        assert stream.dropped == count - kept
        assert await soon(read(stream)) == list(range(count - kept, count))

    asyncio.run(scenario())


async def test_a_reader_is_woken_and_ends_with_the_bus() -> None:
    bus = EventBus()
    reading = asyncio.ensure_future(read(bus.stream(10)))
    await turns()
    bus.publish(event(1))
    await turns()
    bus.publish(event(2))
    await turns()
    assert not reading.done()
    bus.close()
    assert await soon(reading) == [1, 2]


async def test_streams_are_independent_and_see_only_what_comes_after_them() -> None:
    bus = EventBus()
    early = bus.stream(10)
    bus.publish(event(1))
    late = bus.stream(10)
    bus.publish(event(2))
    early.close()
    bus.publish(event(3))
    bus.close()
    assert [await soon(read(early)), await soon(read(late))] == [[1, 2], [2, 3]]


async def test_leaving_the_block_closes_the_stream() -> None:
    bus = EventBus()
    async with bus.stream(10) as stream:
        bus.publish(event(1))
    bus.publish(event(2))
    assert await soon(read(stream)) == [1]


async def test_a_stream_without_room_does_not_disturb_the_publisher() -> None:
    bus = EventBus()
    with suppress(ConfigurationError):
        bus.stream(0)
    bus.publish(event(1))


async def test_a_stream_that_is_opened_after_the_end_ends_at_once() -> None:
    bus = EventBus()
    bus.close()
    assert await asyncio.wait_for(read(bus.stream(10)), 1) == []


def test_a_listener_that_fails_stops_nobody() -> None:
    bus = EventBus()
    heard: list[Event] = []

    def fail(_: Event) -> None:
        raise RuntimeError("a user's bug")

    bus.add_listener(fail)
    bus.add_listener(heard.append)
    bus.publish(event(1))
    assert heard == [event(1)]


def test_listeners_are_called_in_order_until_removed() -> None:
    bus = EventBus()
    heard: list[str] = []
    remove = bus.add_listener(lambda _: heard.append("first"))
    bus.add_listener(lambda _: heard.append("second"))
    bus.publish(event(1))
    remove()
    remove()
    bus.publish(event(2))
    bus.close()
    bus.publish(event(3))
    assert heard == ["first", "second", "second"]


def test_a_listener_may_remove_itself_while_it_is_called() -> None:
    bus = EventBus()
    heard: list[str] = []

    def once(_: Event) -> None:
        heard.append("once")
        remove()

    remove = bus.add_listener(once)
    bus.add_listener(lambda _: heard.append("always"))
    bus.publish(event(1))
    bus.publish(event(2))
    assert heard == ["once", "always", "always"]


@pytest.mark.parametrize("fault", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_program_is_not_swallowed(fault: type[BaseException]) -> None:
    bus = EventBus()

    def leave(_: Event) -> None:
        raise fault

    bus.add_listener(leave)
    with pytest.raises(fault):
        bus.publish(event(1))
