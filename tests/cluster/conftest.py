"""Clusters that many tests share: started once for each server program, and never broken.

Tests that use one of them, or one that the tests of a module share, run on the event loop of the
session. A test that breaks a cluster starts a sandbox of its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from pytest_asyncio import is_async_test

from ha_manager import ConnectionManager
from ha_manager.sandbox import ClusterSandbox
from tests.cluster.cluster_support import flush

HERE = Path(__file__).parent
SHARED = frozenset(
    "cluster plain_cluster standalone sentinel_set guarded named renamed gappy small restless".split()
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        shared = SHARED.intersection(getattr(item, "fixturenames", ()))
        if HERE in item.path.parents and shared and is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def plain_cluster(server_name: str) -> AsyncIterator[ClusterSandbox]:
    """Three primaries with a replica each, with whatever data the tests before left there."""
    async with ClusterSandbox(server=server_name) as sandbox:
        yield sandbox


@pytest_asyncio.fixture(loop_scope="session")
async def cluster(plain_cluster: ClusterSandbox) -> ClusterSandbox:
    """The shared cluster without any data."""
    await flush(plain_cluster)
    return plain_cluster


@pytest_asyncio.fixture(loop_scope="session")
async def manager(cluster: ClusterSandbox) -> AsyncIterator[ConnectionManager]:
    """A manager with default options, connected to the shared cluster without data."""
    async with await ConnectionManager.create(startup_nodes=cluster.startup_nodes) as manager:
        yield manager
