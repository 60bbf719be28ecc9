"""Orders a replica of a cluster to take its primary's place."""

from __future__ import annotations

import time
from typing import Literal

from ha_manager.errors import DiscoveryError, FailoverTimeoutError
from ha_manager.sandbox.cluster_observer import ClusterObserver
from ha_manager.sandbox.health import read_role
from ha_manager.sandbox.process import ServerProcess
from ha_manager.sandbox.waiting import until

__all__ = ["promote"]

_SECONDS = 30.0
# A server gives an ordered failover up after five seconds, without a word.
_ATTEMPT_SECONDS = 5.5


async def promote(
    replica: ServerProcess, observer: ClusterObserver, option: Literal["FORCE", "TAKEOVER"] | None
) -> None:
    """Has the replica promoted, and returns once all running nodes say that it is a primary.

    Raises:
        redis.exceptions.ResponseError: it refused.
        FailoverTimeoutError: it was not promoted within 30 s.
    """
    deadline = time.monotonic() + _SECONDS

    async def promoted() -> None:
        if not (await observer.picture()).all_call_primary(observer.seats[replica].node_id):
            raise DiscoveryError(f"sandbox: not all nodes say that {replica.name} is a primary")

    order = ("CLUSTER", "FAILOVER", *([option] if option else []))
    await replica.execute(*order)
    while True:
        try:
            return await until(promoted, _ATTEMPT_SECONDS, f"{replica.name} to be promoted")
        except FailoverTimeoutError:
            if time.monotonic() > deadline:
                raise
        if read_role(await replica.execute("ROLE")).name == "slave":
            await replica.execute(*order)
