"""Asks the running servers of a Sentinel deployment what is true, and what is still missing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from redis.exceptions import RedisError

from ha_manager.errors import DiscoveryError
from ha_manager.sandbox import health
from ha_manager.sandbox.health import Endpoint, Role, SentinelView
from ha_manager.sandbox.process import ServerProcess

__all__ = ["Observer"]

_ANSWER_SECONDS = 1.0


@dataclass(slots=True)
class Observer:
    """Looks at the servers that run and are not paused; the others are not asked and not missed.

    Attributes:
        name: what the Sentinels call the deployment.
        nodes: the data servers.
        sentinels: the Sentinels, each with the address at which the other Sentinels reach it.
    """

    name: str
    nodes: list[ServerProcess] = field(default_factory=list)
    sentinels: dict[ServerProcess, Endpoint] = field(default_factory=dict)

    async def primary(self) -> ServerProcess:
        """The data server that says it is the primary; of several, the one the Sentinels' newest epoch names.

        Raises:
            DiscoveryError: there is none.
        """
        claimants = await self._with_role("master")
        if len(claimants) == 1:
            return claimants[0]
        views = [view for view in (await self._views()).values() if view is not None]
        newest = max(views, key=lambda view: view.epoch, default=None)
        for node in claimants:
            if newest is not None and node.address == newest.primary:
                return node
        raise DiscoveryError(
            f"sandbox: {len(claimants)} of the data servers say that they are the primary, "
            "and the Sentinels name none of them"
        )

    async def replicas(self) -> tuple[ServerProcess, ...]:
        """The data servers that say they are replicas."""
        return tuple(await self._with_role("slave"))

    async def linked_primary(self) -> ServerProcess:
        """The primary, once every other data server replicates it.

        Raises:
            DiscoveryError: they do not; the message says which.
        """
        primary = await self.primary()
        expected = Role("slave", primary.address, linked=True)
        unlinked = [
            node.name
            for node, role in (await self._roles()).items()
            if node is not primary and role != expected
        ]
        if unlinked:
            raise DiscoveryError(f"sandbox: {', '.join(unlinked)} has no link to the primary {primary.name}")
        return primary

    async def healthy_primary(self) -> ServerProcess:
        """The primary, once the data servers are linked and the Sentinels see them and each other well.

        Raises:
            DiscoveryError: something is missing; the message says what.
        """
        primary = await self.linked_primary()
        replicas = [node.address for node in _awake(self.nodes) if node is not primary]
        views = await self._views()
        found = [] if views else ["no Sentinel runs"]
        for sentinel, view in views.items():
            others = [self.sentinels[other] for other in views if other is not sentinel]
            complaints = health.complaints(view, primary.address, replicas, others)
            found += [f"{sentinel.name} {complaint}" for complaint in complaints]
        if found:
            raise DiscoveryError(f"sandbox: {'; '.join(found)}")
        return primary

    async def _with_role(self, name: str) -> list[ServerProcess]:
        return [node for node, role in (await self._roles()).items() if role.name == name]

    async def _roles(self) -> dict[ServerProcess, Role]:
        awake = _awake(self.nodes)
        return dict(zip(awake, await asyncio.gather(*map(_role, awake)), strict=True))

    async def _views(self) -> dict[ServerProcess, SentinelView | None]:
        awake = _awake(self.sentinels)
        return dict(zip(awake, await asyncio.gather(*map(self._view, awake)), strict=True))

    async def _view(self, sentinel: ServerProcess) -> SentinelView | None:
        try:
            return health.read_view(await sentinel.ask(*health.questions(self.name), timeout=_ANSWER_SECONDS))
        except RedisError:
            return None


def _awake(servers: Iterable[ServerProcess]) -> Sequence[ServerProcess]:
    return [server for server in servers if server.running and not server.paused]


async def _role(node: ServerProcess) -> Role:
    try:
        return health.read_role(await node.execute("ROLE", timeout=_ANSWER_SECONDS))
    except RedisError:
        return Role("unknown")
