"""The same clients in their cluster mode, each by its own way to be told about a cluster."""

from collections.abc import Mapping
from typing import Any

from floor import ClusterFloor
from peers import PEERS, HaManager, Peer, Target

# redis-py's and valkey-py's cluster clients have no pool that waits for a free connection, and 100 for a
# node, redis-py's default, are too few for 512 tasks: they would raise.
ENOUGH_CONNECTIONS = 1024


class HiredisClusterFloor(Peer):
    label = "hiredis floor"
    distributions = ("hiredis",)
    stored = b"OK"

    async def connect(self, target: Target) -> None:
        self.client = await ClusterFloor.connect(target.host, target.port)

    async def close(self) -> None:
        self.client.close()

    def key(self, name: str) -> bytes:
        return name.encode()


class HaManagerCluster(HaManager):
    async def connect(self, target: Target, **options: Any) -> None:
        from ha_manager import ConnectionManager

        self.client = await ConnectionManager.create(startup_nodes=list(target.nodes), **options)


class RedisPyCluster(Peer):
    label = "redis-py"
    distributions = ("redis", "hiredis")

    async def connect(self, target: Target) -> None:
        from redis.asyncio.cluster import ClusterNode, RedisCluster

        nodes = [ClusterNode(*node) for node in target.nodes]
        self.client = RedisCluster(startup_nodes=nodes, max_connections=ENOUGH_CONNECTIONS)
        await self.client.initialize()


class ValkeyPyCluster(Peer):
    label = "valkey-py"
    distributions = ("valkey",)

    async def connect(self, target: Target) -> None:
        from valkey.asyncio.cluster import ClusterNode, ValkeyCluster

        nodes = [ClusterNode(*node) for node in target.nodes]
        self.client = ValkeyCluster(startup_nodes=nodes, max_connections=ENOUGH_CONNECTIONS)
        await self.client.initialize()


class CoredisCluster(Peer):
    label = "coredis"
    distributions = ("coredis",)

    async def connect(self, target: Target) -> None:
        from coredis import RedisCluster

        self.client = RedisCluster(startup_nodes=[{"host": host, "port": port} for host, port in target.nodes])
        await self.client.__aenter__()

    async def close(self) -> None:
        await self.client.__aexit__(None, None, None)


class ValkeyGlideCluster(Peer):
    label = "valkey-glide"
    distributions = ("valkey-glide",)
    stored = "OK"

    async def connect(self, target: Target) -> None:
        from glide import GlideClusterClient, GlideClusterClientConfiguration, NodeAddress

        nodes = [NodeAddress(*node) for node in target.nodes]
        self.client = await GlideClusterClient.create(GlideClusterClientConfiguration(nodes))

    async def close(self) -> None:
        await self.client.close()


class AioredisCluster(Peer):
    label = "aioredis-cluster"
    distributions = ("aioredis-cluster", "hiredis")

    async def connect(self, target: Target) -> None:
        from aioredis_cluster import create_redis_cluster

        self.client = await create_redis_cluster(target.nodes)

    async def close(self) -> None:
        self.client.close()
        await self.client.wait_closed()


CLUSTER_PEERS: dict[str, type[Peer]] = {
    "floor": HiredisClusterFloor,
    "ha_manager": HaManagerCluster,
    "redis-py": RedisPyCluster,
    "valkey-py": ValkeyPyCluster,
    "coredis": CoredisCluster,
    "glide": ValkeyGlideCluster,
    "aioredis-cluster": AioredisCluster,
}


def peers_of(*, cluster: bool) -> Mapping[str, type[Peer]]:
    """The peers by name, for one server or for a cluster."""
    return CLUSTER_PEERS if cluster else PEERS
