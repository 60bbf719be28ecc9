"""All of these tests run on the event loop of the session, so that they can share servers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from pytest_asyncio import is_async_test

from ha_manager import ConnectionManager
from ha_manager.sandbox import StandaloneSandbox
from tests.integration.support import address_of

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents and is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(loop_scope="session")
async def empty(standalone: StandaloneSandbox) -> StandaloneSandbox:
    """The shared server without any data."""
    await standalone.node.execute("FLUSHALL")
    return standalone


@pytest_asyncio.fixture(loop_scope="session")
async def manager(empty: StandaloneSandbox) -> AsyncIterator[ConnectionManager]:
    """A manager with default options, connected to the shared server without data."""
    async with await ConnectionManager.create(**address_of(empty.node)) as manager:
        yield manager
