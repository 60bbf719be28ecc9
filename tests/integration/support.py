"""What several of the integration tests need."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from ha_manager.sandbox import ServerProcess


def address_of(node: ServerProcess) -> dict[str, Any]:
    """``host`` and ``port`` as options of ``ConnectionManager.create``."""
    return {"host": node.host, "port": node.port}


async def clients_of(node: ServerProcess) -> list[dict[str, str]]:
    """The lines of CLIENT LIST, each as a dict, without the connection that asks."""
    text = str(await node.execute("CLIENT", "LIST"))
    clients = [dict(part.split("=", 1) for part in line.split(" ")) for line in text.splitlines()]
    return [client for client in clients if client["cmd"] != "client|list"]


async def clients_named(node: ServerProcess, name: str) -> list[dict[str, str]]:
    """As ``clients_of``, with this ``client_name``."""
    return [client for client in await clients_of(node) if client["name"] == name]


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


async def all_closed(node: ServerProcess, name: str) -> None:
    """Wait until the server has seen the end of every connection with this ``client_name``.

    The server learns of a closed socket when it reads it, which may be after the client's await.
    """

    async def none() -> bool:
        return not await clients_named(node, name)

    await eventually(none, f"no connection named {name} on {node.name}")


async def no_more_clients_than(before: set[str], node: ServerProcess) -> None:
    """Wait until the server has no connection but those with these ids (also ones that never logged in)."""

    async def none() -> bool:
        return {client["id"] for client in await clients_of(node)} <= before

    await eventually(none, f"no further connection to {node.name}")


def tasks_now() -> set[asyncio.Task[Any]]:
    """The tasks of this loop that are not done."""
    return {task for task in asyncio.all_tasks() if not task.done()}
