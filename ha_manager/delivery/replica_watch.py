"""Which replicas may be read from: only those that follow the primary right now.

A replica that lost its primary, or still follows the old one after a failover, answers from a past
that may never have happened. Each replica is asked for its ROLE until it is in step, and again at
every resolution; in between it counts as it was found.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Protocol

from redis.exceptions import NoPermissionError, RedisError

from ha_manager.backoff import Backoff
from ha_manager.config import Endpoint
from ha_manager.delivery.lane import Lane
from ha_manager.topology.discovery import AddressMap
from ha_manager.topology.replies import BadReplyError, info_fields, replicates
from ha_manager.transport import Node

OUT_OF_STEP = Backoff(first=0.05, limit=1.0)


class AskNode(Protocol):
    """Send one command over a connection of this node; error replies and lost connections raise."""

    async def __call__(self, node: Node, *args: str) -> Any: ...


class ReplicaWatch:
    """Admits replicas to one lane, and expels them.

    Args:
        lane: where reads go.
        ask: sends one command to a replica.
        address_map: applied to the primary's address as a replica tells it.
        wants_zones: whether to ask replicas for their availability zones, where nobody told them.
    """

    def __init__(self, lane: Lane, *, ask: AskNode, address_map: AddressMap, wants_zones: bool) -> None:
        self._lane = lane
        self._ask = ask
        self._map = address_map
        self._wants_zones = wants_zones
        self._primary: Endpoint | None = None
        self._tasks: dict[Node, asyncio.Task[None]] = {}
        self._again: dict[Node, asyncio.Event] = {}

    def follow(self, primary: Endpoint, replicas: Sequence[Node]) -> None:
        """These are the replicas now; look at each of them (again)."""
        if primary != self._primary:
            self._lane.expel(*self._tasks)
        self._primary = primary
        for node in set(self._tasks) - set(replicas):
            self._tasks.pop(node).cancel()
            self._again.pop(node)
            self._lane.expel(node)
        for node in replicas:
            if node not in self._tasks:
                self._again[node] = asyncio.Event()
                self._tasks[node] = asyncio.get_running_loop().create_task(
                    self._watch(node), name=f"replica watch {node.endpoint}"
                )
            self._again[node].set()

    def doubt(self, node: Node) -> None:
        """Its connection was lost: it may come back empty, so look again before it is read."""
        if node in self._again:
            self._lane.expel(node)
            self._again[node].set()

    async def _watch(self, node: Node) -> None:
        attempt = 0
        again = self._again[node]
        while True:
            again.clear()
            if await self._in_step(node):
                attempt = 0
                self._lane.admit(node)
                await again.wait()
                continue
            attempt += 1
            self._lane.expel(node)
            await asyncio.sleep(OUT_OF_STEP.delay(attempt))

    async def _in_step(self, node: Node) -> bool:
        primary = self._primary
        try:
            await self._learn_zone(node)
            followed = replicates(await self._ask(node, "ROLE"))
        except NoPermissionError:
            # Without the right to ask, the Sentinels' word is all there is.
            return True
        except (RedisError, OSError, TimeoutError, BadReplyError):
            return False
        if followed is None or primary != self._primary:
            return False
        mapped = self._map(followed)
        # A name and a number may be the same host: only what can be compared can contradict.
        return mapped == primary or not (
            _is_address(mapped.host) and _is_address(str(primary and primary.host))
        )

    async def _learn_zone(self, node: Node) -> None:
        if self._wants_zones and not node.zone:
            # Who may not ask for this may still be told whom the node follows.
            with suppress(NoPermissionError):
                node.zone = info_fields(await self._ask(node, "INFO", "server")).get("availability_zone", "")

    async def close(self) -> None:
        """Stop watching."""
        tasks = self.stop()
        await asyncio.gather(*tasks, return_exceptions=True)

    def stop(self) -> list[asyncio.Task[None]]:
        """Stop watching at once; returns the tasks that are ending."""
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        return tasks


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
