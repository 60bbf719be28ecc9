"""What several of the integration tests need."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from loguru import logger

from ha_manager.sandbox import ServerProcess


def address_of(node: ServerProcess) -> dict[str, Any]:
    """``host`` and ``port`` as options of ``ConnectionManager.create``."""
    return {"host": node.host, "port": node.port}


async def clients_of(node: ServerProcess) -> list[dict[str, str]]:
    """CLIENT LIST, without the connection that asks, and without replicas and Sentinels of the server."""
    text = str(await node.execute("CLIENT", "LIST"))
    clients = [dict(part.split("=", 1) for part in line.split(" ")) for line in text.splitlines()]
    return [c for c in clients if c["cmd"] != "client|list" and "lib-name" in c or is_bare(c)]


def is_bare(client: dict[str, str]) -> bool:
    """Whether a client of a server older than CLIENT SETINFO is neither we nor part of the deployment."""
    return False


async def eventually(condition: Callable[[], Any], what: str, timeout: float = 10.0) -> None:
    """Wait until ``condition()``, which may be a coroutine function, holds."""
    deadline = asyncio.get_running_loop().time() + timeout
    while True:
        holds = condition()
        if asyncio.iscoroutine(holds):
            holds = await holds
        if holds:
            return
        assert asyncio.get_running_loop().time() < deadline, f"not within {timeout:g} s: {what}"
        await asyncio.sleep(0.01)
