"""redis-py's response callbacks, and the stock client that knows them.

redis-py keeps its callbacks and the choice of module callbacks inside its client class, and both
differ between its versions. A stock client that never connects is asked for them, so that values
have redis-py's types whichever version is installed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import redis.asyncio
from redis.client import CaseInsensitiveDict
from redis.cluster import RedisCluster

from ha_manager.config import NodeOptions

if TYPE_CHECKING:
    Execute = Callable[..., Awaitable[Any]]


_OF_CLUSTERS = {
    name: RedisCluster.CLUSTER_COMMANDS_RESPONSE_CALLBACKS[name]
    for name in ("CLUSTER SHARDS", "CLUSTER SLOTS")
}
"""Callbacks that redis-py gives its cluster clients only."""


class Callbacks(CaseInsensitiveDict):
    """Command name to response callback; tells ``on_change`` when a user sets one."""

    def __init__(self, data: dict[str, Any], on_change: Callable[[], None]) -> None:
        self._on_change: Callable[[], None] = lambda: None
        super().__init__(data)
        self._on_change = on_change

    def __setitem__(self, name: str, callback: Any) -> None:
        super().__setitem__(name, callback)
        self._on_change()

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        self._on_change()

    def update(self, data: Any) -> None:  # type: ignore[override]  # redis-py narrowed dict.update
        super().update(data)
        self._on_change()


class StockFace(redis.asyncio.Redis):
    """A ``redis.asyncio.Redis`` by type, whose commands go through the manager.

    redis-py's module namespaces (``json()``, ``ft()``, …) look at the type of their client to choose
    callbacks for the protocol in use, so they are given this one.
    """

    def __init__(self, options: NodeOptions, execute: Execute, on_change: Callable[[], None]) -> None:
        pool = redis.asyncio.ConnectionPool(
            protocol=options.protocol,
            encoding=options.encoding,
            encoding_errors=options.encoding_errors,
            decode_responses=options.decode_responses,
        )
        super().__init__(connection_pool=pool)
        self._execute = execute
        callbacks: Any = self.response_callbacks
        self.response_callbacks = Callbacks({**callbacks, **_OF_CLUSTERS}, on_change)

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Hand the command to the manager."""
        return self._execute(*args, **options)
