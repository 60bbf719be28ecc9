"""A fresh Sentinel deployment for each test, and a load that keeps writing through whatever happens."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from ha_manager.sandbox import SentinelSandbox, available_servers


@pytest.fixture(params=available_servers())
async def sandbox(request: pytest.FixtureRequest) -> AsyncIterator[SentinelSandbox]:
    """A deployment of its own, because the test breaks it."""
    async with SentinelSandbox(server=request.param) as sandbox:
        yield sandbox


@pytest.fixture
async def deployment() -> AsyncIterator[SentinelSandbox]:
    """As ``sandbox``, on the default server only: for what does not depend on the server."""
    async with SentinelSandbox() as sandbox:
        yield sandbox
