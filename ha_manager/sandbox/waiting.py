"""Repeats a question to the servers until they give the wished answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from ha_manager.errors import DiscoveryError, FailoverTimeoutError

__all__ = ["until"]

_T = TypeVar("_T")
_POLL_SECONDS = 0.02


async def until(attempt: Callable[[], Awaitable[_T]], seconds: float, waited_for: str) -> _T:
    """Repeats `attempt` while it raises `DiscoveryError`, and returns what it returns.

    Args:
        attempt: asks once.
        seconds: after how long to give up.
        waited_for: the aim in words, for the error's message.

    Raises:
        FailoverTimeoutError: it raised to the end; the message has that of the last attempt.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            return await attempt()
        except DiscoveryError as error:
            if time.monotonic() > deadline:
                raise FailoverTimeoutError(
                    f"{error} (waited {seconds:g} s for {waited_for})", waited_for=waited_for
                ) from error
        await asyncio.sleep(_POLL_SECONDS)
