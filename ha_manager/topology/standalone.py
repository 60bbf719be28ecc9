"""Discovery at a single address: ask the server what it is, and say so clearly.

A node of a cluster leads to its cluster, at the start or whenever it first redirects.
"""

from __future__ import annotations

from collections.abc import Callable

from redis.exceptions import NoPermissionError, RedisError, ResponseError

from ha_manager.config import Endpoint
from ha_manager.errors import WrongDeploymentError
from ha_manager.topology import replies
from ha_manager.topology.cluster import ClusterDiscovery
from ha_manager.topology.discovery import Ask, Resolution
from ha_manager.topology.model import Deployment, Topology, one_shard


class StandaloneDiscovery:
    """Resolves the deployment that consists of one server.

    Args:
        server: its address, already mapped.
        ask_node: sends one command to it.
        replica_allowed: whether a replica is accepted, to be read from only.
        as_cluster: makes the discovery of the cluster that the server turns out to belong to.
    """

    def __init__(
        self,
        server: Endpoint,
        *,
        ask_node: Ask,
        replica_allowed: bool,
        as_cluster: Callable[[Endpoint], ClusterDiscovery],
    ) -> None:
        self._server = server
        self._ask = ask_node
        self._replica_allowed = replica_allowed
        self._as_cluster = as_cluster
        self._cluster: ClusterDiscovery | None = None

    @property
    def sentinels(self) -> tuple[Endpoint, ...]:
        return ()

    def hint(self, endpoint: Endpoint) -> None:
        """A redirect to ``endpoint`` came: only nodes of a cluster do that."""
        self._cluster_here().hint(endpoint)

    def _cluster_here(self) -> ClusterDiscovery:
        if self._cluster is None:
            self._cluster = self._as_cluster(self._server)
        return self._cluster

    async def resolve(self, current: Topology | None) -> Resolution:
        """See :meth:`Discovery.resolve`."""
        try:
            found = None if self._cluster else await self._identify()
        except WrongDeploymentError as wrong:
            return Resolution(None, confirmed=False, reason=str(wrong), fault=wrong)
        except (RedisError, OSError, TimeoutError, replies.BadReplyError) as fault:
            return Resolution(None, confirmed=False, reason=f"{self._server}: {fault}", fault=fault)
        return Resolution(found, confirmed=True) if found else await self._cluster_here().resolve(current)

    async def _identify(self) -> Topology | None:
        """The snapshot of this one server, or ``None`` if it belongs to a cluster."""
        role = await self._role()
        if role == "sentinel":
            raise WrongDeploymentError(await self._about_sentinel())
        if await self._is_cluster():
            return None
        if role == "slave":
            return await self._as_replica()
        return one_shard(Deployment.STANDALONE, self._server)

    async def _role(self) -> str:
        try:
            return replies.role_of(await self._ask(self._server, "ROLE"))
        except NoPermissionError:
            # A user with few rights on a plain server is common; the server will refuse what it must.
            return "master"

    async def _is_cluster(self) -> bool:
        try:
            info = replies.info_fields(await self._ask(self._server, "INFO", "cluster"))
        except ResponseError:
            return False
        return info.get("cluster_enabled") == "1"

    async def _about_sentinel(self) -> str:
        services = replies.list_of_fields(await self._ask(self._server, "SENTINEL", "MASTERS"))
        names = ", ".join(sorted(service.get("name", "?") for service in services)) or "none"
        return (
            f"{self._server} is a Sentinel (it monitors: {names}); "
            f"use create(cluster_name=..., sentinels=[{str(self._server)!r}])"
        )

    async def _as_replica(self) -> Topology:
        if self._replica_allowed:
            return one_shard(Deployment.STANDALONE, None, (self._server,))
        info = replies.info_fields(await self._ask(self._server, "INFO", "replication"))
        primary = f"{info.get('master_host', '?')}:{info.get('master_port', '?')}"
        raise WrongDeploymentError(
            f"{self._server} is a replica of {primary}; connect to the primary, to its Sentinels, "
            f'or pass read_from="replica" to only read from it'
        )
