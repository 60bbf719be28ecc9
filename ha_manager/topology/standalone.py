"""Discovery of a single server: ask it what it is, and say so clearly."""

from __future__ import annotations

from redis.exceptions import NoPermissionError, RedisError, ResponseError

from ha_manager.config import Endpoint
from ha_manager.errors import WrongDeploymentError
from ha_manager.topology import replies
from ha_manager.topology.discovery import Ask, Resolution
from ha_manager.topology.model import Deployment, Topology, one_shard


class StandaloneDiscovery:
    """Resolves the deployment that consists of one server.

    Args:
        server: its address, already mapped.
        ask_node: sends one command to it.
        replica_allowed: whether a replica is accepted, to be read from only.
    """

    def __init__(self, server: Endpoint, *, ask_node: Ask, replica_allowed: bool) -> None:
        self._server = server
        self._ask = ask_node
        self._replica_allowed = replica_allowed

    @property
    def sentinels(self) -> tuple[Endpoint, ...]:
        return ()

    async def resolve(self, current: Topology | None) -> Resolution:
        """See :meth:`Discovery.resolve`. What the server is, is fixed by the first resolution."""
        try:
            found = await self._identify()
        except WrongDeploymentError as wrong:
            return Resolution(None, confirmed=False, reason=str(wrong), fault=wrong)
        except (RedisError, OSError, TimeoutError, replies.BadReplyError) as fault:
            return Resolution(None, confirmed=False, reason=f"{self._server}: {fault}", fault=fault)
        return Resolution(found, confirmed=True)

    async def _identify(self) -> Topology:
        role = await self._role()
        if role == "sentinel":
            raise WrongDeploymentError(await self._about_sentinel())
        if role == "slave":
            return await self._as_replica()
        if await self._is_cluster():
            raise WrongDeploymentError(
                f"{self._server} is a node of a cluster; cluster mode is not in this version of ha_manager"
            )
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
