"""One deployment, assembled from the rooms: what a manager owns and closes."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, cast

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from ha_manager.config import Endpoint, NodeOptions, Options
from ha_manager.delivery import (
    Arrangement,
    Backlog,
    Executor,
    Herald,
    Lane,
    Lanes,
    ReplicaWatch,
    Rescue,
    Steward,
    Troubles,
    Withdrawals,
)
from ha_manager.observe import Counters, EventBus, NodeStats, Stats, tell
from ha_manager.topology import (
    Cause,
    ClusterDiscovery,
    Discovery,
    Refresher,
    Resolution,
    SentinelDiscovery,
    Shard,
    StandaloneDiscovery,
    Topology,
)
from ha_manager.topology.failover import CHANNELS
from ha_manager.transport import (
    Connection,
    Fleet,
    Node,
    NodeState,
    Subscription,
    ask,
    make_packer,
    open_connection,
)
from ha_manager.transport.connection import OnLost
from ha_manager.transport.liveness import Liveness

FIRST_CONFIRMATIONS = 1.0
"""Seconds for which a new manager waits for the primaries of a cluster: one that is down must not keep
the others' users waiting."""


def _same(endpoint: Endpoint) -> Endpoint:
    return endpoint


class _Silent:
    """Listens to Sentinels' nodes: their subscriptions tell of their ups and downs."""

    def node_up(self, node: Node) -> None: ...

    def node_silent(self, node: Node) -> None: ...

    def node_down(self, node: Node, reason: str, cause: object) -> None: ...


class Deployed:
    """Everything behind a manager: nodes, lanes, discovery, background work."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._loop = asyncio.get_running_loop()
        self.closed = False
        self._closing: asyncio.Task[None] | None = None
        self.bus = EventBus()
        self.bus.add_listener(tell)
        self.counters = Counters()
        self.lanes = Lanes(Backlog(options.max_pending, self.bus, self.counters))
        self._map = options.address_map or _same
        self._pack = make_packer("utf-8", "strict")
        self.steward = Steward(self.lanes)
        self._fleet = Fleet(self._build_node)
        # Only the replicas of a cluster want to be told that they are meant.
        self._readers = self._fleet if options.cluster_name else Fleet(self._build_reader)
        self._sentinel_fleet = Fleet(self._build_sentinel)
        self._subscriptions: dict[Endpoint, Subscription] = {}
        self._measurements: set[asyncio.Task[None]] = set()
        self.discovery = self._make_discovery()
        self.refresher = self._make_refresher()
        self._rescue = Rescue(
            ask_node=self._ask_node,
            members=self._shard_of,
            promoted=self.steward.promoted,
            trigger=self.refresher.trigger,
        )
        self._withdrawals = Withdrawals(self._dial)
        self._assemble_steward()
        self._herald = self._make_herald()
        self.executor = Executor(
            self.lanes,
            self.steward.troubles,
            node_at=self._node_at,
            sentinels=self._sentinel_nodes,
            refetch=lambda: self.refresher.refresh(Cause.UNCOVERED),
        )

    # Assembling

    def _assemble_steward(self) -> None:
        steward, options = self.steward, self.options
        steward.trigger = self.refresher.trigger
        steward.rescue = self._rescue.begin
        steward.troubles = Troubles(
            self.lanes,
            address_map=self._map,
            is_known=steward.knows,
            hint=self.discovery.hint,
            trigger=self.refresher.trigger,
            rescue=self._rescue.begin,
        )
        steward.arrangement = Arrangement(
            self.lanes,
            fleet=self._fleet,
            readers=self._readers,
            make_watch=self._make_watch,
            reads_from_replicas=options.read_from != "primary",
            patience=options.heartbeat,
            withdraw=self._withdrawals.begin,
        )

    def _make_watch(self, lane: Lane) -> ReplicaWatch:
        return ReplicaWatch(
            lane,
            ask=self._ask_at,
            address_map=self._map,
            wants_zones=self.options.read_from == "same_zone" or callable(self.options.read_from),
        )

    def _build_node(self, endpoint: Endpoint) -> Node:
        return self._node(endpoint, self.options.node, self.steward, self.options.poolsize)

    def _build_reader(self, endpoint: Endpoint) -> Node:
        how = replace(self.options.node, readonly=True)
        return self._node(endpoint, how, self.steward, self.options.poolsize)

    def _build_sentinel(self, endpoint: Endpoint) -> Node:
        return self._node(endpoint, self.options.sentinel, _Silent(), 1)

    def _node(self, endpoint: Endpoint, how: NodeOptions, listener: Any, poolsize: int) -> Node:
        heartbeat, timeout = self.options.heartbeat, self.options.command_timeout

        async def opener(endpoint: Endpoint, *, leased: bool, on_lost: OnLost) -> Connection:
            liveness = None if leased else Liveness(heartbeat, timeout)
            connection = await open_connection(endpoint, how, liveness=liveness, on_lost=on_lost)
            connection.limit_unacknowledged(2 * heartbeat)
            return connection

        return Node(
            endpoint,
            opener,
            listener,
            poolsize=poolsize,
            max_leases=self.options.max_connections,
            pulse=heartbeat,
        )

    def _make_discovery(self) -> SentinelDiscovery | StandaloneDiscovery | ClusterDiscovery:
        if self.options.startup_nodes:
            return self._cluster_discovery(self.options.startup_nodes)
        if self.options.server is not None:
            return StandaloneDiscovery(
                self._map(self.options.server),
                ask_node=self._ask_node,
                replica_allowed=self.options.read_from != "primary",
                as_cluster=lambda server: self._cluster_discovery((server,)),
            )
        assert self.options.cluster_name is not None, "checked by config"
        return SentinelDiscovery(
            self.options.cluster_name,
            self.options.sentinels,
            ask_sentinel=self._ask_sentinel,
            ask_node=self._ask_node,
            address_map=self._map,
            bus=self.bus,
            counters=self.counters,
        )

    def _cluster_discovery(self, seeds: Iterable[Endpoint]) -> ClusterDiscovery:
        return ClusterDiscovery(
            seeds,
            ask_node=self._ask_node,
            address_map=self._map,
            tls=self.options.node.tls is not None,
            bus=self.bus,
            counters=self.counters,
        )

    def _make_refresher(self) -> Refresher:
        discovery: Discovery = self.discovery
        return Refresher(
            discovery,
            current=lambda: self.steward.topology,
            publish=self._publish,
            interval=self.options.refresh_interval,
            enabled=self.options.refresh_triggers,
            scheduler=cast("AsyncIOScheduler | None", self.options.scheduler),
            bus=self.bus,
            counters=self.counters,
        )

    def _make_herald(self) -> Herald | None:
        if self.options.cluster_name is None or Cause.EVENTS.value not in self.options.refresh_triggers:
            return None
        return Herald(
            self.options.cluster_name,
            steward=self.steward,
            lane=self.lanes.default,
            ask_node=self._ask_node,
            address_map=self._map,
            bus=self.bus,
            counters=self.counters,
        )

    # Asking

    async def _dial(self, endpoint: Endpoint) -> Connection:
        """A connection for a few questions, whose answers are bytes."""
        return await open_connection(
            endpoint, replace(self.options.node, decode_responses=False), liveness=None
        )

    async def _ask_node(self, endpoint: Endpoint, *args: str) -> Any:
        return await self._ask_at(self._fleet.node(endpoint), *args)

    async def _ask_at(self, node: Node, *args: str) -> Any:
        return await ask(node, self._pack(args), self.options.node.connect_timeout)

    async def _ask_sentinel(self, endpoint: Endpoint, *args: str) -> Any:
        node = self._sentinel_fleet.node(endpoint)
        return await ask(node, self._pack(args), self.options.sentinel.connect_timeout)

    async def ask_default(self, *args: str) -> Any:
        """Ask the node that commands without keys go to, past every lane and policy."""
        primary = self.lanes.of(None).primary
        if primary is None:
            raise RedisConnectionError("no node is known to ask")
        return await self._ask_at(primary, *args)

    def _shard_of(self, lane: Lane) -> Shard | None:
        return self.steward.arrangement.shard_of(lane)

    def _node_at(self, endpoint: Endpoint, reading: bool) -> Node:
        if reading and endpoint in self.steward.arrangement.replicas:
            return self._readers.node(endpoint)
        return self._fleet.node(endpoint)

    def _sentinel_nodes(self) -> list[Node]:
        return [self._sentinel_fleet.node(endpoint) for endpoint in self.discovery.sentinels]

    # Living

    def present_topology(self) -> Topology:
        """The snapshot in force."""
        topology = self.steward.topology
        assert topology is not None, "nobody is given a manager before the first resolution"
        return topology

    async def resolve_first(self) -> Resolution:
        """Resolve once, before the background work starts."""
        self.counters.refreshes[Cause.START.value] += 1
        resolution = await self.discovery.resolve(self.steward.topology)
        self._publish(resolution, Cause.START)
        return resolution

    async def start(self) -> None:
        """Start the background work, and give each shard a moment to be ready."""
        self.refresher.start()
        self._listen_to_sentinels()
        if self.lanes.clustered:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FIRST_CONFIRMATIONS):
                    while not all(lane.confirmed for lane in self.lanes.all):
                        await asyncio.sleep(0.005)

    def _publish(self, resolution: Resolution, cause: Cause) -> None:
        self.steward.publish(resolution, cause)
        if resolution.confirmed and self._herald is not None:
            self._herald.settle()
        if cause is not Cause.START:
            self._listen_to_sentinels()
        if self.options.read_from == "nearest":
            self._measure_latency()

    def _listen_to_sentinels(self) -> None:
        """Subscribe to every Sentinel that nobody listens to yet."""
        if self._herald is None or self.closed:
            return
        for endpoint in self.discovery.sentinels:
            if endpoint not in self._subscriptions:
                self._subscriptions[endpoint] = Subscription(
                    endpoint, self.options.sentinel, CHANNELS, self._herald, heartbeat=self.options.heartbeat
                )

    # Latency, for read_from="nearest"

    def _measure_latency(self) -> None:
        for node in self._data_nodes:
            if node.state is NodeState.UP:
                task = asyncio.get_running_loop().create_task(self._measure(node))
                self._measurements.add(task)
                task.add_done_callback(self._measurements.discard)

    async def _measure(self, node: Node) -> None:
        began = time.perf_counter()
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            await ask(node, self._pack(("PING",)), self.options.node.connect_timeout)
            took = time.perf_counter() - began
            # A moving average: one slow answer must not move all reads elsewhere.
            node.latency = took if node.latency is None else 0.7 * node.latency + 0.3 * took

    # Figures

    def stats(self) -> Stats:
        """See :meth:`ConnectionManager.stats`."""
        topology, counters = self.steward.topology, self.counters
        return Stats(
            generation=topology.generation if topology else 0,
            epoch=topology.epoch if topology else 0,
            primary=topology.primary if topology else None,
            waiting=self.lanes.backlog.waiting,
            waited=counters.waited,
            waited_seconds=counters.waited_seconds,
            rejected=counters.rejected,
            timed_out=counters.timed_out,
            retried=counters.retried,
            in_doubt_raised=counters.in_doubt_raised,
            in_doubt_retried=counters.in_doubt_retried,
            switches=counters.switches,
            holds=counters.holds,
            stale_answers=counters.stale_answers,
            refresh_failures=counters.refresh_failures,
            refreshes=dict(counters.refreshes),
            sentinels=self.discovery.sentinels,
            nodes=tuple(self._node_stats(node) for node in self._data_nodes),
        )

    @property
    def _data_nodes(self) -> list[Node]:
        fleets = [self._fleet] if self._readers is self._fleet else [self._fleet, self._readers]
        return [node for fleet in fleets for node in fleet]

    def _node_stats(self, node: Node) -> NodeStats:
        return NodeStats(
            endpoint=node.endpoint,
            role="replica" if node.endpoint in self.steward.arrangement.replicas else "primary",
            state=node.state.name.lower(),
            connections=node.connections,
            leased=node.leased,
            pending=node.pending,
            replies=node.replies,
            latency=node.latency,
        )

    # Ending

    async def close(self, drain: float | None = None) -> None:
        """Stop everything; with ``drain``, wait so many seconds for commands under way.

        Runs once, to its end, however often it is called or cancelled.
        """
        if self._closing is None:
            self.closed = True
            self._closing = asyncio.get_running_loop().create_task(self._close(drain))
        await asyncio.shield(self._closing)

    def abandon(self) -> None:
        """Nobody holds the manager any more: close it if its loop still can."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(lambda: self._loop.create_task(self.close()))

    async def _close(self, drain: float | None) -> None:
        self.lanes.close()
        await self.refresher.stop()
        await self._rescue.close()
        await self._withdrawals.close()
        await self.steward.arrangement.close()
        if self._herald is not None:
            await self._herald.close()
        data_nodes = [*self._fleet.everything, *self._readers.everything]
        if drain:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(drain):
                    await asyncio.gather(*(node.drain() for node in data_nodes))
        subscriptions = self._subscriptions.values()
        await asyncio.gather(*(subscription.close() for subscription in subscriptions))
        nodes = [*data_nodes, *self._sentinel_fleet.everything]
        for node in nodes:
            node.retire("the manager was closed")
        await asyncio.gather(*(node.wait_closed() for node in nodes), *self._measurements)
        self.bus.close()
