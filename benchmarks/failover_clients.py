"""The clients that benchmarks/failover.py compares: ha_manager, and redis-py's own Sentinel support."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import redis
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import ExponentialBackoff, ExponentialWithJitterBackoff

from ha_manager.cli.client import ClientFactory, EventSink, managed_client
from ha_manager.cli.workload import Client
from ha_manager.sandbox import SentinelSandbox

ERRORS = (redis.ConnectionError, redis.TimeoutError)


@dataclass(frozen=True)
class Peer:
    """A client, and the policies for writes in doubt that it knows."""

    factory: ClientFactory
    policies: tuple[str, ...]
    about: str


class RedisPyClient:
    """``Sentinel.master_for`` as the workload sees it. It has no word for an outcome in doubt."""

    in_doubt: tuple[type[Exception], ...] = ()
    repeats: tuple[float, ...] = ()

    def __init__(self, primary: Redis) -> None:
        self._primary = primary

    async def append(self, key: str, number: int) -> None:
        await self._primary.rpush(key, number)

    async def read(self, key: str) -> None:
        await self._primary.llen(key)


def redis_py(**options: Any) -> ClientFactory:
    """A factory of redis-py clients; ``retry`` is called for a fresh policy, the rest is passed on."""
    make_retry: Callable[[], Retry] = options.pop("retry")

    @asynccontextmanager
    async def connect(sandbox: SentinelSandbox, in_doubt: str, sink: EventSink) -> AsyncIterator[Client]:
        del in_doubt, sink
        sentinel = Sentinel(sandbox.sentinels, sentinel_kwargs={"socket_timeout": 0.5})
        primary = sentinel.master_for(sandbox.name, retry=make_retry(), **options)
        try:
            yield RedisPyClient(primary)
        finally:
            await primary.aclose()
            for node in sentinel.sentinels:
                await node.aclose()

    return connect


PEERS: Mapping[str, Peer] = {
    "ha_manager": Peer(managed_client, ("raise", "retry"), "as it is"),
    # https://redis.io/kb/doc/22wxq63j93/how-to-manage-client-reconnections-in-case-of-errors-with-redis-py
    "redis-py": Peer(
        redis_py(
            retry=lambda: Retry(ExponentialBackoff(cap=10, base=1), 25, ERRORS),
            health_check_interval=1,
            socket_timeout=5,
        ),
        ("retry",),
        "`Sentinel.master_for`, `Retry(ExponentialBackoff(cap=10, base=1), 25)`, `health_check_interval=1`: "
        "the settings that Redis' own pages recommend",
    ),
    "redis-py-eager": Peer(
        redis_py(
            retry=lambda: Retry(
                ExponentialWithJitterBackoff(cap=0.1, base=0.01), 300, (*ERRORS, redis.ReadOnlyError)
            ),
            socket_timeout=1,
        ),
        ("retry",),
        "`Sentinel.master_for`, `Retry(ExponentialWithJitterBackoff(cap=0.1, base=0.01), 300)` for READONLY "
        "too, `socket_timeout=1`: tuned for a fast return",
    ),
    "redis-py-once": Peer(
        redis_py(retry=lambda: Retry(ExponentialBackoff(), 0), socket_timeout=1),
        ("raise",),
        "`Sentinel.master_for` without retries: each fault is the caller's",
    ),
}
