"""The same clients in their cluster mode, each by its own way to be told about a cluster."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from floor import ClusterFloor
from peers import PEERS, Peer, Target

# redis-py's and valkey-py's cluster clients have no pool that waits for a free connection, and 100 for a
# node, redis-py's default, are too few for 512 tasks: they would raise.
ENOUGH_CONNECTIONS = 1024


class ClusterPeer(Peer):
    """A client in cluster mode; the failover benchmark appends to lists besides.

    Attributes:
        policies: what it can be told about writes in doubt.
        in_doubt: the errors that say "this write may or may not have run".
        repeats: moments (monotonic seconds) at which it repeated a write in doubt, by permission.
    """

    policies: tuple[str, ...] = ("its own",)
    in_doubt: tuple[type[Exception], ...] = ()
    repeats: Sequence[float] = ()

    async def connect(self, target: Target, policy: str = "") -> None:
        """As `Peer.connect`, with one of `policies`."""
        raise NotImplementedError

    async def append(self, key: str, value: str) -> None:
        """RPUSH: not idempotent, so that a repetition shows."""
        await self.client.rpush(key, value)


class HiredisClusterFloor(ClusterPeer):
    label = "hiredis floor"
    distributions = ("hiredis",)
    stored = b"OK"

    async def connect(self, target: Target, policy: str = "") -> None:
        self.client = await ClusterFloor.connect(target.host, target.port)

    async def close(self) -> None:
        self.client.close()

    def key(self, name: str) -> bytes:
        return name.encode()


class HaManagerCluster(ClusterPeer):
    label = "ha_manager"
    distributions = ("ha-manager", "hiredis")
    policies = ("raise", "retry")

    async def connect(self, target: Target, policy: str = "raise") -> None:
        from ha_manager import ConnectionManager, OutcomeUnknownError

        self.in_doubt = (OutcomeUnknownError,)
        self.client = await ConnectionManager.create(startup_nodes=list(target.nodes), in_doubt=policy)
        self.client.add_listener(self._listen)
        self.repeats: list[float] = []

    def _listen(self, event: Any) -> None:
        from ha_manager.observe import OutcomeInDoubt

        if isinstance(event, OutcomeInDoubt) and event.action == "retried":
            self.repeats.append(time.monotonic())


class RedisPyCluster(ClusterPeer):
    label = "redis-py"
    distributions = ("redis", "hiredis")

    async def connect(self, target: Target, policy: str = "") -> None:
        from redis.asyncio.cluster import ClusterNode, RedisCluster

        nodes = [ClusterNode(*node) for node in target.nodes]
        self.client = RedisCluster(startup_nodes=nodes, max_connections=ENOUGH_CONNECTIONS)
        await self.client.initialize()


class ValkeyPyCluster(ClusterPeer):
    label = "valkey-py"
    distributions = ("valkey",)

    async def connect(self, target: Target, policy: str = "") -> None:
        from valkey.asyncio.cluster import ClusterNode, ValkeyCluster

        nodes = [ClusterNode(*node) for node in target.nodes]
        self.client = ValkeyCluster(startup_nodes=nodes, max_connections=ENOUGH_CONNECTIONS)
        await self.client.initialize()


class CoredisCluster(ClusterPeer):
    label = "coredis"
    distributions = ("coredis",)

    async def connect(self, target: Target, policy: str = "") -> None:
        from coredis import RedisCluster

        nodes: list[Any] = [{"host": host, "port": port} for host, port in target.nodes]
        self.client = RedisCluster(startup_nodes=nodes)
        await self.client.__aenter__()

    async def close(self) -> None:
        await self.client.__aexit__(None, None, None)

    async def append(self, key: str, value: str) -> None:
        await self.client.rpush(key, [value])


class ValkeyGlideCluster(ClusterPeer):
    label = "valkey-glide"
    distributions = ("valkey-glide",)
    stored = "OK"

    async def connect(self, target: Target, policy: str = "") -> None:
        from glide import GlideClusterClient, GlideClusterClientConfiguration, NodeAddress

        nodes = [NodeAddress(*node) for node in target.nodes]
        self.client = await GlideClusterClient.create(GlideClusterClientConfiguration(nodes))

    async def close(self) -> None:
        await self.client.close()

    async def append(self, key: str, value: str) -> None:
        await self.client.rpush(key, [value])


class AioredisCluster(ClusterPeer):
    label = "aioredis-cluster"
    distributions = ("aioredis-cluster", "hiredis")

    async def connect(self, target: Target, policy: str = "") -> None:
        from aioredis_cluster import create_redis_cluster

        self.client = await create_redis_cluster(target.nodes)

    async def close(self) -> None:
        self.client.close()
        await self.client.wait_closed()


CLUSTER_PEERS: dict[str, type[ClusterPeer]] = {
    "floor": HiredisClusterFloor,
    "ha_manager": HaManagerCluster,
    "redis-py": RedisPyCluster,
    "valkey-py": ValkeyPyCluster,
    "coredis": CoredisCluster,
    "glide": ValkeyGlideCluster,
    "aioredis-cluster": AioredisCluster,
}
# The floor knows nothing of failures.
LIVING_PEERS = {name: peer for name, peer in CLUSTER_PEERS.items() if name != "floor"}


def peers_of(*, cluster: bool) -> Mapping[str, type[Peer]]:
    """The peers by name, for one server or for a cluster."""
    return CLUSTER_PEERS if cluster else PEERS
