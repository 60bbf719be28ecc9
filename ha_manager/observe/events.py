"""The events that a manager publishes, as frozen dataclasses.

Each carries ``at``, the wall-clock time in seconds since the epoch, so that events can be laid
beside the servers' own logs.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from ha_manager.config import Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The base of all events."""

    at: float = field(default_factory=time.time)


@dataclass(frozen=True, slots=True, kw_only=True)
class TopologyChanged(Event):
    """A new snapshot was published; ``cause`` names the trigger that led to it."""

    cause: str
    generation: int
    epoch: int
    primaries: tuple[Endpoint, ...]
    replicas: tuple[Endpoint, ...]
    added: tuple[Endpoint, ...] = ()
    removed: tuple[Endpoint, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PrimarySwitched(Event):
    """Writes go to ``new`` from now on, for ``slots`` of a cluster or for all; ``old`` was left."""

    old: Endpoint | None
    new: Endpoint
    cause: str
    epoch: int
    slots: tuple[range, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeDown(Event):
    """The last connection to a node was lost, or it could not be connected to."""

    endpoint: Endpoint
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeUp(Event):
    """A node has a working connection again."""

    endpoint: Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class SentinelDown(Event):
    """The event subscription to one Sentinel broke; it is re-established in the background."""

    endpoint: Endpoint
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SentinelUp(Event):
    """The event subscription to one Sentinel stands."""

    endpoint: Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class SentinelsLost(Event):
    """No known Sentinel answers; commands go on against the primary known last."""

    primary: Endpoint | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SentinelsRestored(Event):
    """A Sentinel answers again after all were lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailoverStep(Event):
    """A Sentinel published a step of a failover of our service, such as ``+selected-slave``."""

    step: str
    sentinel: Endpoint
    node: Endpoint | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WritesHeld(Event):
    """A failover was announced: writes wait instead of reaching a primary about to be discarded."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WritesReleased(Event):
    """Held writes go on; ``held_for`` is the length of the hold in seconds."""

    reason: str
    held_for: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandsWaited(Event):
    """``count`` commands waited for a usable node and were let go; the longest for ``longest`` seconds."""

    count: int
    longest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeInDoubt(Event):
    """A command left and was never answered; ``action`` is ``raised`` or ``retried``."""

    command: str
    endpoint: Endpoint
    reason: str
    action: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StaleAnswerRefused(Event):
    """A Sentinel named a primary under an epoch older than the one already known."""

    sentinel: Endpoint
    claimed: Endpoint
    claimed_epoch: int
    known_epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StaleViewRefused(Event):
    """Every node of the cluster that answered shows an epoch older than the one already known."""

    node: Endpoint
    claimed_epoch: int
    known_epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshFailed(Event):
    """A resolution of the topology ended without a confirmed primary; it is repeated."""

    cause: str
    reason: str
