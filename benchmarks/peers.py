"""One small adaptor for each client under test; a library is imported only when its peer connects.

Every adaptor hands out the library's own client object, so that the measured loop calls the library's
`get` and `set` with no wrapper in between.
"""

import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from floor import Floor

# The library measured is the one in this tree, whether or not one is installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

KEY_PREFIX = "ha_manager:bench:"


@dataclass(frozen=True)
class Target:
    """Where the server is, and, for the peer that asks one, where its Sentinel is.

    A cluster has `nodes`, all its primaries; host and port are those of the first.
    """

    host: str
    port: int
    sentinel_port: int | None = None
    nodes: tuple[tuple[str, int], ...] = ()


class Peer:
    """What the worker needs to know about a client library."""

    label = ""
    distributions: tuple[str, ...] = ()
    stored: Any = True

    client: Any

    async def connect(self, target: Target) -> None:
        """Set `self.client`; any exception is reported as the reason why this row is empty."""
        raise NotImplementedError

    async def close(self) -> None:
        """Close the client and its sockets."""
        await self.client.aclose()

    def key(self, name: str) -> str | bytes:
        """The key in the type that the library takes."""
        return name

    def versions(self) -> str:
        """`name version` of each distribution that the row depends on."""
        return ", ".join(f"{name} {_version(name)}" for name in self.distributions)


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "(from the source tree)"


class HiredisFloor(Peer):
    label = "hiredis floor"
    distributions = ("hiredis",)
    stored = b"OK"

    async def connect(self, target: Target) -> None:
        self.client = await Floor.connect(target.host, target.port)

    async def close(self) -> None:
        self.client.close()


class HaManager(Peer):
    label = "ha_manager"
    distributions = ("ha-manager", "hiredis")

    async def connect(self, target: Target) -> None:
        from ha_manager import ConnectionManager

        self.client = await ConnectionManager.create(host=target.host, port=target.port)


class HaManagerSentinel(Peer):
    label = "ha_manager (sentinel)"
    distributions = ("ha-manager", "hiredis")

    async def connect(self, target: Target) -> None:
        from ha_manager import ConnectionManager

        if target.sentinel_port is None:
            raise RuntimeError("no Sentinel was started for this run; pass --sentinel")
        self.client = await ConnectionManager.create(
            cluster_name="bench", sentinels=[("127.0.0.1", target.sentinel_port)]
        )


class RedisPy(Peer):
    label = "redis-py"
    distributions = ("redis", "hiredis")
    pool_size = 64

    async def connect(self, target: Target) -> None:
        from redis.asyncio import BlockingConnectionPool, Redis

        # The default pool raises past 100 connections; this is the pool that redis-py offers for
        # more tasks than connections.
        pool = BlockingConnectionPool(
            host=target.host, port=target.port, max_connections=self.pool_size, timeout=None
        )
        self.client = Redis.from_pool(pool)


class ValkeyPy(Peer):
    label = "valkey-py"
    distributions = ("valkey",)
    pool_size = 64

    async def connect(self, target: Target) -> None:
        from valkey.asyncio import BlockingConnectionPool, Valkey

        pool = BlockingConnectionPool(
            host=target.host, port=target.port, max_connections=self.pool_size, timeout=None
        )
        self.client = Valkey.from_pool(pool)


class Coredis(Peer):
    label = "coredis"
    distributions = ("coredis",)

    async def connect(self, target: Target) -> None:
        from coredis import Redis

        self.client = Redis(host=target.host, port=target.port)
        await self.client.__aenter__()

    async def close(self) -> None:
        await self.client.__aexit__(None, None, None)


class ValkeyGlide(Peer):
    label = "valkey-glide"
    distributions = ("valkey-glide",)
    stored = "OK"

    async def connect(self, target: Target) -> None:
        from glide import GlideClient, GlideClientConfiguration, NodeAddress

        configuration = GlideClientConfiguration([NodeAddress(target.host, target.port)])
        self.client = await GlideClient.create(configuration)

    async def close(self) -> None:
        await self.client.close()


class AsyncioRedis(Peer):
    label = "asyncio-redis"
    distributions = ("asyncio-redis",)
    pool_size = 10

    async def connect(self, target: Target) -> None:
        import asyncio_redis
        from asyncio_redis.encoders import BytesEncoder
        from asyncio_redis.replies import StatusReply

        self.stored = StatusReply("OK")
        self.client = await asyncio_redis.Pool.create(
            host=target.host, port=target.port, poolsize=self.pool_size, encoder=BytesEncoder()
        )

    async def close(self) -> None:
        self.client.close()

    def key(self, name: str) -> bytes:
        return name.encode()


PEERS: dict[str, type[Peer]] = {
    "floor": HiredisFloor,
    "ha_manager": HaManager,
    "sentinel": HaManagerSentinel,
    "redis-py": RedisPy,
    "valkey-py": ValkeyPy,
    "coredis": Coredis,
    "glide": ValkeyGlide,
    "asyncio-redis": AsyncioRedis,
}
DEFAULT_PEERS = ("floor", "ha_manager", "redis-py", "coredis", "glide", "asyncio-redis")
