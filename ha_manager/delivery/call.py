"""One command on its way, and how its caller wants it treated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ha_manager.config import Endpoint
from ha_manager.delivery.lane import Lane
from ha_manager.routing import CommandSpec, ReadPreference, Redirect


@dataclass(frozen=True, slots=True)
class Policy:
    """How commands are treated; one for the manager, another for each ``with_options`` view.

    Attributes:
        in_doubt: what to do when the outcome is unknown and the command does not only read.
        preference: which node answers reads; ``None`` for the primary.
        command_timeout: seconds to wait for a reply, where it differs from the connections' own
            bound; ``None`` otherwise.
        failover_timeout: seconds that a command may spend waiting for a usable node.
    """

    in_doubt: Literal["raise", "retry"]
    preference: ReadPreference | None
    failover_timeout: float
    command_timeout: float | None = None


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A command to follow a write in the same batch: WAIT, or WAITAOF if ``local`` is not ``None``.

    Attributes:
        replicas: how many replicas must have the write; with WAITAOF, on disk.
        local: how many local disks must have it, 0 or 1.
        packed: the command.
        timeout: seconds to wait for its reply, more than it takes itself.
    """

    replicas: int
    local: int | None
    packed: bytes
    timeout: float

    def suffices(self, told: Any) -> bool:
        """Whether the reply says that enough of them have it."""
        if self.local is None:
            return bool(told >= self.replicas)
        return bool(told[0] >= self.local and told[1] >= self.replicas)

    def describe(self, told: Any) -> str:
        """The reply in words."""
        if self.local is None:
            return f"{told} of {self.replicas} replicas have it"
        return f"{told[0]} of {self.local} local disks and {told[1]} of {self.replicas} replicas' have it"


@dataclass(slots=True)
class Call:
    """A command: what it is, its bytes, its policy, where it belongs, and what became of it so far.

    Attributes:
        undecoded: its reply is wanted as bytes.
        slot: the slot of its keys, in a cluster.
        lane: the shard that it is meant for, whatever its keys; fan-out sets it.
        node: the very node that it is meant for.
        confirmation: what must follow it on the same connection, if it writes.
        deadline: loop time at which waiting ends; set with the first trouble.
        attempts: how often it was tried.
        redirect: where the last reply sent it.
        redirects: how many redirects it followed.
        refetched: the map was fetched again because nobody owned its slot.
        answered_by: the node that it was sent to last, and that node's session.
    """

    spec: CommandSpec
    packed: bytes
    policy: Policy
    undecoded: bool = False
    slot: int | None = None
    lane: Lane | None = None
    node: Endpoint | None = None
    confirmation: Confirmation | None = None
    deadline: float | None = None
    attempts: int = 0
    redirect: Redirect | None = None
    redirects: int = 0
    refetched: bool = False
    answered_by: tuple[Endpoint, int] | None = None

    @property
    def repeatable(self) -> bool:
        return self.spec.repeatable or self.policy.in_doubt == "retry"

    @property
    def writes(self) -> bool:
        """Anything that is not known to only read."""
        return not self.spec.repeatable


Outcome = Any
"""The value that a server replied, or the exception that stands for what happened instead."""
