"""What an event loop complains about: exceptions that nobody ever looked at."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from unit_support import turns


@asynccontextmanager
async def no_complaints() -> AsyncIterator[None]:
    """Fail if futures or tasks of this block die with exceptions that nobody retrieved."""
    heard: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()
    loop.set_exception_handler(lambda _loop, context: heard.append(context))
    try:
        yield
        # What the loop does at this very moment may still hold what led to it.
        await turns()
        gc.collect()
    finally:
        loop.set_exception_handler(before)
    assert heard == []
