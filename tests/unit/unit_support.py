"""Small things that several unit tests share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from ha_manager.config import Endpoint

T = TypeVar("T")

A = Endpoint("10.0.0.1", 6379)
B = Endpoint("10.0.0.2", 6379)
C = Endpoint("10.0.0.3", 6379)
D = Endpoint("10.0.0.4", 6379)
E = Endpoint("10.0.0.5", 6379)
S1 = Endpoint("10.0.1.1", 26379)
S2 = Endpoint("10.0.1.2", 26379)
S3 = Endpoint("10.0.1.3", 26379)
S4 = Endpoint("10.0.1.4", 26379)
S5 = Endpoint("10.0.1.5", 26379)

PATIENCE = 5.0
"""Seconds after which a test that waits for something gives up; far more than any of them needs."""


async def soon(awaitable: Awaitable[T]) -> T:
    """Await, but not for ever: what hangs raises TimeoutError."""
    return await asyncio.wait_for(awaitable, PATIENCE)


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop run until ``condition`` holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0)


async def turns(count: int = 20) -> None:
    """Let the loop run for a few turns, in which whatever is due happens."""
    for _ in range(count):
        await asyncio.sleep(0)


async def gone(task: asyncio.Future[T]) -> None:
    """Let a task come to rest, then cancel it, and wait until it has ended."""
    await turns()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
