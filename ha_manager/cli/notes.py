"""What happened in a trial, as short sentences with a moment: for the terminal and for the picture."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import singledispatch

from ha_manager import observe
from ha_manager.config import Endpoint

__all__ = ["Note", "Source", "narrate"]


class Source(StrEnum):
    """Who a note is about."""

    TRIAL = "trial"
    FAULT = "fault"
    SERVERS = "servers"
    MANAGER = "manager"


@dataclass(frozen=True, slots=True)
class Note:
    """One sentence; ``at`` in seconds of the monotonic clock."""

    at: float
    source: Source
    text: str


@singledispatch
def narrate(event: observe.Event) -> str | None:
    """An event of the manager in a few words; None for those that would only fill the page."""
    del event
    return None


@narrate.register
def _(event: observe.PrimarySwitched) -> str:
    slots = sum(map(len, event.slots))
    what = f"writes to {slots:,} slots go" if slots else "writes go"
    return f"{what} to {_short(event.new)} (epoch {event.epoch})"


@narrate.register
def _(event: observe.TopologyChanged) -> str | None:
    # The other causes have a sentence of their own.
    return "redirected by MOVED: the slot map is refreshed" if event.cause == "moved" else None


@narrate.register
def _(event: observe.NodeDown) -> str:
    return f"connections to {_short(event.endpoint)} lost"


@narrate.register
def _(event: observe.WritesHeld) -> str:
    return f"writes held: {event.reason.removeprefix('a Sentinel announced ')}"


@narrate.register
def _(event: observe.WritesReleased) -> str:
    return f"writes released after {event.held_for * 1000:.0f} ms"


@narrate.register
def _(event: observe.FailoverStep) -> str | None:
    # Of a Sentinel's many steps, the one that a client without our head start would have waited for.
    return "Sentinels announce +switch-master" if event.step == "+switch-master" else None


@narrate.register
def _(event: observe.SentinelsLost) -> str:
    return f"no Sentinel answers; staying with {_short(event.primary)}"


@narrate.register
def _(_: observe.SentinelsRestored) -> str:
    return "a Sentinel answers again"


@narrate.register
def _(event: observe.OutcomeInDoubt) -> str:
    return f"writes in doubt: {event.action}"


def _short(endpoint: Endpoint | None) -> str:
    # Everything in a sandbox has the same host.
    return "none" if endpoint is None else f":{endpoint.port}"
