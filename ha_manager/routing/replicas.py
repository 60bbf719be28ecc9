"""Which node answers a read: the rules of ``read_from``, as functions over candidates."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ha_manager.config import Endpoint
from ha_manager.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Candidate:
    """A node that could answer a read.

    Attributes:
        endpoint: its address.
        is_primary: whether it is the primary.
        latency: its measured round trip in seconds, or ``None``.
        zone: the availability zone that it tells, or empty.
    """

    endpoint: Endpoint
    is_primary: bool
    latency: float | None = None
    zone: str = ""


ReadPreference = Callable[[Sequence[Candidate]], Sequence[Candidate]]
"""Orders candidates, the primary first among them: the first that is connected is used, and those
left out are never used."""


class _RoundRobin:
    """Replicas in turn, then the primary if it may stand in for them."""

    def __init__(self, *, fall_back: bool) -> None:
        self._fall_back = fall_back
        self._turn = random.randrange(1 << 16)

    def __call__(self, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        replicas = [c for c in candidates if not c.is_primary]
        if len(replicas) > 1:
            self._turn += 1
            shift = self._turn % len(replicas)
            replicas = replicas[shift:] + replicas[:shift]
        if self._fall_back:
            replicas += [c for c in candidates if c.is_primary]
        return replicas


class _SameZone:
    """Replicas of the client's own zone in turn, then the other replicas, then the primary."""

    def __init__(self, zone: str) -> None:
        self._zone = zone
        self._replicas_then_primary = _RoundRobin(fall_back=True)

    def __call__(self, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        ordered = self._replicas_then_primary(candidates)
        return sorted(ordered, key=lambda c: (c.is_primary, c.zone != self._zone))


def _nearest(candidates: Sequence[Candidate]) -> Sequence[Candidate]:
    unmeasured = float("inf")
    return sorted(candidates, key=lambda c: unmeasured if c.latency is None else c.latency)


class _Custom:
    """The user's function: takes candidates, returns one of them or a sequence of them."""

    def __init__(self, choose: Callable[..., Any]) -> None:
        self._choose = choose

    def __call__(self, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        chosen = self._choose(candidates)
        if isinstance(chosen, Candidate):
            return (chosen,)
        if isinstance(chosen, Sequence) and all(isinstance(c, Candidate) for c in chosen):
            return chosen
        raise ConfigurationError(
            f"read_from: the function returned {type(chosen).__name__}; "
            "return one of the given candidates or a list of them"
        )


def make_preference(read_from: str | Callable[..., Any], zone: str | None = None) -> ReadPreference | None:
    """The rule for an option value; ``None`` for ``primary``, which needs no choice.

    Args:
        read_from: the option.
        zone: the availability zone of this client, for ``same_zone``.
    """
    if callable(read_from):
        return _Custom(read_from)
    if read_from == "primary":
        return None
    if read_from == "nearest":
        return _nearest
    if read_from == "same_zone":
        return _SameZone(zone or "")
    return _RoundRobin(fall_back=read_from == "prefer_replica")
