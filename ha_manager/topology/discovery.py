"""What every discovery is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from ha_manager.config import Endpoint
from ha_manager.topology.model import Topology

AddressMap = Callable[[Endpoint], Endpoint]


class Ask(Protocol):
    """Send one command to one server and return its reply; error replies and lost connections raise."""

    async def __call__(self, endpoint: Endpoint, *args: str) -> Any: ...


@dataclass(frozen=True, slots=True)
class Resolution:
    """The outcome of asking the servers once.

    Attributes:
        topology: the snapshot to go on with, or ``None`` if nothing was learnt.
        confirmed: the primary of ``topology`` itself said just now that it is primary.
        reason: why it is not confirmed, in words; empty when it is.
        detached: nobody who may name a primary (no Sentinel) answered.
        superseded: the primary in force is known not to be it any more, though no other is
            confirmed yet; nothing may be sent to it.
        reset: the epoch went backwards on purpose.
        fault: the error to raise when this was the first resolution and it failed for good.
    """

    topology: Topology | None
    confirmed: bool
    reason: str = ""
    detached: bool = False
    superseded: bool = False
    reset: bool = False
    fault: Exception | None = field(default=None, compare=False)


class Discovery(Protocol):
    """Asks the servers who they are."""

    def hint(self, endpoint: Endpoint) -> None:
        """A server named this node in a redirect."""
        ...

    async def resolve(self, current: Topology | None) -> Resolution:
        """Ask once; ``current`` is the snapshot in force. Never raises for faults of servers."""
        ...


@dataclass(frozen=True, slots=True)
class Denial:
    """Why a node does not count as primary now.

    Attributes:
        reason: in words.
        definite: the node itself said so; otherwise it merely did not answer.
        fault: the error, where waiting would not help.
    """

    reason: str
    definite: bool
    fault: Exception | None = None
