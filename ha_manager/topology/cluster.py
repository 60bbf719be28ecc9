"""Discovery of a cluster: ask a few of its nodes, believe the view with the highest epoch.

Each client asks other nodes than its neighbours do, in random order, so that no node is drowned by
the clients of a whole fleet. Nodes that answer nothing are overtaken, not waited for.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError

from ha_manager.config import Endpoint
from ha_manager.errors import ClusterUnreachableError, WrongDeploymentError
from ha_manager.observe import Counters, EventBus, StaleViewRefused
from ha_manager.topology.cluster_replies import ClusterInfo, parse_info, parse_shards, parse_slots
from ha_manager.topology.discovery import AddressMap, Ask, Resolution
from ha_manager.topology.model import SLOT_COUNT, Deployment, NodeInfo, Role, Shard, Topology
from ha_manager.topology.replies import BadReplyError

WAVE = 3
"""Nodes that are asked at a time."""

HEDGE = 0.2
"""Seconds without an answer after which further nodes are asked as well."""

STRAGGLER_GRACE = 0.02
"""Seconds to wait for a better view after a usable one came."""

RESET_GRACE = 10.0
"""Seconds for which all nodes must show an older epoch before it is taken for a rebuilt cluster."""


@dataclass(frozen=True, slots=True)
class View:
    """The cluster as one of its nodes sees it."""

    asked: Endpoint
    shards: tuple[Shard, ...]
    info: ClusterInfo

    @property
    def rank(self) -> tuple[int, int, bool]:
        """How far it is to be believed: by epoch, then by how much of the cluster it shows."""
        covered = sum(len(slots) for shard in self.shards for slots in shard.slots)
        return self.info.current_epoch, covered, self.info.state_ok


class ClusterDiscovery:
    """Resolves a cluster.

    Args:
        seeds: the first known nodes, as the user gave them; host names are looked up at each connect.
        ask_node: sends one command to a node.
        address_map: applied to every address that a node tells.
        tls: whether nodes are reached at their TLS ports.
        bus, counters: where refused views are reported.
        clock: monotonic time in seconds.
    """

    def __init__(
        self,
        seeds: Iterable[Endpoint],
        *,
        ask_node: Ask,
        address_map: AddressMap,
        tls: bool,
        bus: EventBus,
        counters: Counters,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seeds = dict.fromkeys(address_map(seed) for seed in seeds)
        self._ask = ask_node
        self._map = address_map
        self._tls = tls
        self._bus = bus
        self._counters = counters
        self._clock = clock
        self._hints: dict[Endpoint, None] = {}
        self._rebuilt_since: float | None = None

    @property
    def sentinels(self) -> tuple[Endpoint, ...]:
        return ()

    def hint(self, endpoint: Endpoint) -> None:
        """This node is likely to know better: ask it among the first next time."""
        self._hints[endpoint] = None

    async def resolve(self, current: Topology | None) -> Resolution:
        """See :meth:`Discovery.resolve`."""
        known_epoch = current.epoch if current else -1
        views, failed = await self._ask_around(self._candidates(current), known_epoch)
        fresh = [view for view in views if view.info.current_epoch >= known_epoch]
        if fresh:
            self._rebuilt_since = None
            return Resolution(self._snapshot(max(fresh, key=lambda view: view.rank)), confirmed=True)
        if views and current is not None:
            return self._refuse_or_reset(views, current)
        self._rebuilt_since = None
        return Resolution(None, confirmed=False, reason=_reasons(failed), fault=_unreachable(failed))

    # Asking

    def _candidates(self, current: Topology | None) -> list[Endpoint]:
        hints, self._hints = self._hints, {}
        nodes = current.nodes if current else ()
        # Primaries before replicas, because there are connections to them already. Each kind in random
        # order, or a whole fleet of clients would ask the same node first.
        primaries = _shuffled(node.endpoint for node in nodes if node.role is Role.PRIMARY)
        replicas = _shuffled(node.endpoint for node in nodes if node.role is Role.REPLICA)
        return list(dict.fromkeys([*hints, *primaries, *replicas, *_shuffled(self._seeds)]))

    async def _ask_around(
        self, queue: list[Endpoint], known_epoch: int
    ) -> tuple[list[View], dict[Endpoint, Exception]]:
        views: list[View] = []
        failed: dict[Endpoint, Exception] = {}
        asked: dict[asyncio.Task[View], Endpoint] = {}
        pending: set[asyncio.Task[View]] = set()
        usable = False
        try:
            while pending or queue:
                if not usable:
                    wave, queue = queue[:WAVE], queue[WAVE:]
                    started = {asyncio.ensure_future(self._ask_one(node)): node for node in wave}
                    asked |= started
                    pending |= started.keys()
                done, pending = await asyncio.wait(
                    pending,
                    timeout=STRAGGLER_GRACE if usable else HEDGE,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                for task in done:
                    _sort(asked[task], task, views, failed)
                if usable and not done:
                    break
                usable = any(view.info.current_epoch >= known_epoch for view in views)
                if usable and not pending:
                    break
        finally:
            for task in pending:
                task.cancel()
            # A cancelled question is over at its next turn; its outcome is of no interest any more.
            await asyncio.gather(*pending, return_exceptions=True)
        return views, failed

    async def _ask_one(self, node: Endpoint) -> View:
        info, shards = await asyncio.gather(self._info(node), self._shards(node), return_exceptions=True)
        if isinstance(shards, BaseException):
            raise shards
        if isinstance(info, BaseException):
            raise info
        if not any(shard.slots for shard in shards):
            raise BadReplyError("it knows of no slot with an owner: the cluster is not set up")
        return View(node, shards, info)

    async def _info(self, node: Endpoint) -> ClusterInfo:
        # Asked before the map, so that its epoch is never newer than the map that it is held for.
        try:
            return parse_info(await self._ask(node, "CLUSTER", "INFO"))
        except NoPermissionError:
            return ClusterInfo(state_ok=True, current_epoch=0, my_epoch=0, known_nodes=0, slots_assigned=0)

    async def _shards(self, node: Endpoint) -> tuple[Shard, ...]:
        try:
            reply: Any = await self._ask(node, "CLUSTER", "SHARDS")
        except NoPermissionError as denied:
            return await self._slots(node, denied)
        except ResponseError as unknown:
            if "cluster support disabled" in str(unknown):
                raise
            return await self._slots(node, unknown)
        return parse_shards(reply, node, tls=self._tls)

    async def _slots(self, node: Endpoint, why: ResponseError) -> tuple[Shard, ...]:
        """CLUSTER SLOTS, for servers before 7.0 and users who may not ask for shards."""
        try:
            return parse_slots(await self._ask(node, "CLUSTER", "SLOTS"), node, tls=self._tls)
        except ResponseError:
            raise why from None

    # Judging

    def _snapshot(self, view: View) -> Topology:
        shards = tuple(self._mapped(shard) for shard in view.shards)
        return Topology(Deployment.CLUSTER, shards, view.info.current_epoch)

    def _mapped(self, shard: Shard) -> Shard:
        return replace(
            shard,
            primary=self._mapped_node(shard.primary) if shard.primary else None,
            replicas=tuple(self._mapped_node(node) for node in shard.replicas),
        )

    def _mapped_node(self, node: NodeInfo) -> NodeInfo:
        return replace(node, endpoint=self._map(node.endpoint))

    def _refuse_or_reset(self, views: list[View], current: Topology) -> Resolution:
        """Everybody shows an older epoch: they lag behind for a moment, or were set up anew."""
        best = max(views, key=lambda view: view.rank)
        self._counters.stale_answers += 1
        self._bus.publish(
            StaleViewRefused(
                node=best.asked, claimed_epoch=best.info.current_epoch, known_epoch=current.epoch
            )
        )
        now = self._clock()
        if self._rebuilt_since is None:
            self._rebuilt_since = now
        # A minority that was cut off shows an old epoch as well, but it does not serve.
        if best.info.state_ok and now - self._rebuilt_since >= RESET_GRACE:
            self._rebuilt_since = None
            return Resolution(self._snapshot(best), confirmed=True, reset=True)
        reason = (
            f"{best.asked} shows epoch {best.info.current_epoch}, older than the known epoch {current.epoch}"
        )
        return Resolution(None, confirmed=False, reason=reason)


def _shuffled(endpoints: Iterable[Endpoint]) -> list[Endpoint]:
    found = list(endpoints)
    random.shuffle(found)
    return found


def uncovered(topology: Topology) -> str:
    """What to say of slots without an owner; empty if there are none."""
    missing = SLOT_COUNT - topology.covered
    return f"{missing} of {SLOT_COUNT} slots have no owner" if missing else ""


def _sort(
    node: Endpoint, task: asyncio.Task[View], views: list[View], failed: dict[Endpoint, Exception]
) -> None:
    fault = task.exception()
    if fault is None:
        views.append(task.result())
    elif isinstance(fault, RedisError | OSError | TimeoutError | BadReplyError):
        failed[node] = fault
    else:
        raise fault


def _reasons(failed: dict[Endpoint, Exception]) -> str:
    return "; ".join(f"{node}: {fault}" for node, fault in failed.items()) or "no node is known"


def _unreachable(failed: dict[Endpoint, Exception]) -> RedisError:
    for node, fault in failed.items():
        if isinstance(fault, AuthenticationError | NoPermissionError):
            return fault
        if "cluster support disabled" in str(fault):
            return WrongDeploymentError(
                f"{node} is a single server, not a node of a cluster; use create(host=..., port=...)"
            )
    return ClusterUnreachableError(f"no node of the cluster answered usefully: {_reasons(failed)}")
