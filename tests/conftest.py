"""Deployments that many tests share: started once for each server program, and never broken.

A test that breaks something starts a sandbox of its own. Tests that use these fixtures run on the
event loop of the session, see ``integration/conftest.py``.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from hypothesis import settings

from ha_manager.sandbox import SentinelSandbox, StandaloneSandbox, available_servers

# The examples of hypothesis are not timed either; in all else this is the profile in force, such as CI's.
settings.register_profile("untimed", settings(deadline=None))
settings.load_profile("untimed")

REQUIRED = [name for name in os.environ.get("HA_MANAGER_REQUIRE_SERVERS", "").split(",") if name]
SERVERS = tuple(dict.fromkeys([*REQUIRED, *available_servers()]))


@pytest.fixture(scope="session", params=SERVERS)
def server_name(request: pytest.FixtureRequest) -> str:
    """Every server program that is found or required, in turn."""
    name: str = request.param
    return name


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def standalone(server_name: str) -> AsyncIterator[StandaloneSandbox]:
    """One server that also listens on a Unix socket; its data belongs to the test that runs."""
    async with StandaloneSandbox(server=server_name, unix_socket=True) as sandbox:
        yield sandbox


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def sentinel_set(server_name: str) -> AsyncIterator[SentinelSandbox]:
    """A primary, two replicas and three Sentinels; nobody may kill, pause or fail over any of them."""
    # A busy machine must not make the Sentinels fail over behind the tests' back.
    async with SentinelSandbox(server=server_name, down_after_ms=60_000) as sandbox:
        yield sandbox
