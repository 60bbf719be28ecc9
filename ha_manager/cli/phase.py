"""One fault and the time around it."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Phase"]


@dataclass(slots=True)
class Phase:
    """All moments in seconds of the monotonic clock.

    Attributes:
        fault: its name.
        started: the time belongs to this phase from here until the next phase starts.
        fault_at: just before the fault was inflicted.
        promoted_at: when another server first answered that it is the primary; None if none did.
        promotion_blur: seconds before ``promoted_at`` when it last answered otherwise.
        resumed_at: when a hung server was let go on.
        ended: when the watching ended.
    """

    fault: str
    started: float
    fault_at: float = math.inf
    promoted_at: float | None = None
    promotion_blur: float = 0.0
    resumed_at: float | None = None
    ended: float = math.inf
