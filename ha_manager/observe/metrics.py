"""Counters that the rooms raise when something unusual happens, and the snapshot a user reads."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from ha_manager.config import Endpoint


@dataclass(slots=True)
class Counters:
    """Running totals. Nothing here is touched by a command that simply succeeds."""

    waited: int = 0
    waited_seconds: float = 0.0
    rejected: int = 0
    timed_out: int = 0
    retried: int = 0
    in_doubt_raised: int = 0
    in_doubt_retried: int = 0
    switches: int = 0
    holds: int = 0
    stale_answers: int = 0
    refresh_failures: int = 0
    refreshes: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStats:
    """One node as the manager sees it; ``latency`` in seconds, ``None`` until it was measured."""

    endpoint: Endpoint
    role: str
    state: str
    connections: int
    leased: int
    pending: int
    replies: int
    latency: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """What ``manager.stats()`` returns: totals since creation, and the present state.

    Attributes:
        generation: number of the published snapshot.
        epoch: the servers' configuration epoch of that snapshot.
        waiting: commands that wait for a node right now.
        waited, waited_seconds: how often a command waited for a node, and the waits added up.
        rejected: commands refused because ``max_pending`` others waited.
        timed_out: commands that waited in vain until ``failover_timeout``.
        retried: repetitions of commands that were known not to have run.
        in_doubt_raised, in_doubt_retried: commands without an answer, by what was done about them.
        switches: times that writes moved to another node.
        holds: times that writes were held for an announced failover.
        stale_answers: answers of Sentinels refused for their older epoch.
        refreshes: resolutions of the topology, by cause.
        refresh_failures: resolutions that found no confirmed primary.
        sentinels: the known Sentinels.
        nodes: the data nodes.
    """

    generation: int
    epoch: int
    primary: Endpoint | None
    waiting: int
    waited: int
    waited_seconds: float
    rejected: int
    timed_out: int
    retried: int
    in_doubt_raised: int
    in_doubt_retried: int
    switches: int
    holds: int
    stale_answers: int
    refresh_failures: int
    refreshes: dict[str, int]
    sentinels: tuple[Endpoint, ...]
    nodes: tuple[NodeStats, ...]
