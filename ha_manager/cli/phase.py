"""One fault and the time around it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

__all__ = ["Phase", "Step"]


@dataclass(frozen=True, slots=True)
class Step:
    """What was done to the servers after the fault began; ``label`` is a word for the picture, or empty."""

    at: float
    label: str


@dataclass(slots=True)
class Phase:
    """All moments in seconds of the monotonic clock.

    Attributes:
        fault: its name.
        started: the time belongs to this phase from here until the next phase starts.
        promotes: whether the servers answer the fault by a new primary.
        writers: the numbers of the writers whose keys the struck primary held; None for all.
        fault_at: just before the fault was inflicted.
        promoted_at: when another server first answered that it is the primary; None if none did.
        promotion_blur: seconds before ``promoted_at`` when it last answered otherwise.
        steps: such as that a hung server was let go on, or that slots came back.
        ended: when the watching ended.
    """

    fault: str
    started: float
    promotes: bool = True
    writers: range | None = None
    fault_at: float = math.inf
    promoted_at: float | None = None
    promotion_blur: float = 0.0
    steps: list[Step] = field(default_factory=list)
    ended: float = math.inf

    @property
    def settled_at(self) -> float | None:
        """When the servers had done their part: the promotion, or the last step; None if that never came."""
        if self.promotes:
            return self.promoted_at
        return self.steps[-1].at if self.steps else None
