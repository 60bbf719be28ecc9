"""One command on its way, and how its caller wants it treated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ha_manager.routing import CommandSpec, ReadPreference


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


@dataclass(slots=True)
class Call:
    """A command: what it is, its bytes, its policy, and, once it had to wait, its deadline."""

    spec: CommandSpec
    packed: bytes
    policy: Policy
    undecoded: bool = False
    deadline: float | None = None
    attempts: int = 0

    @property
    def repeatable(self) -> bool:
        return self.spec.repeatable or self.policy.in_doubt == "retry"

    @property
    def writes(self) -> bool:
        """Anything that is not known to only read."""
        return not self.spec.repeatable


Outcome = Any
"""The value that a server replied, or the exception that stands for what happened instead."""
