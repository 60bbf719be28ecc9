"""What happened, told as typed events and as counters. Knows nothing of the rooms that publish."""

from ha_manager.observe.bus import EventBus, EventStream
from ha_manager.observe.events import (
    CommandsWaited,
    Event,
    FailoverStep,
    NodeDown,
    NodeUp,
    OutcomeInDoubt,
    PrimarySwitched,
    RefreshFailed,
    SentinelDown,
    SentinelsLost,
    SentinelsRestored,
    SentinelUp,
    StaleAnswerRefused,
    StaleViewRefused,
    TopologyChanged,
    WritesHeld,
    WritesReleased,
)
from ha_manager.observe.metrics import Counters, NodeStats, Stats
from ha_manager.observe.story import tell

__all__ = [
    "CommandsWaited",
    "Counters",
    "Event",
    "EventBus",
    "EventStream",
    "FailoverStep",
    "NodeDown",
    "NodeStats",
    "NodeUp",
    "OutcomeInDoubt",
    "PrimarySwitched",
    "RefreshFailed",
    "SentinelDown",
    "SentinelUp",
    "SentinelsLost",
    "SentinelsRestored",
    "StaleAnswerRefused",
    "StaleViewRefused",
    "Stats",
    "TopologyChanged",
    "WritesHeld",
    "WritesReleased",
    "tell",
]
