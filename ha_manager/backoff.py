"""How long to wait before trying again: one pure rule for every room."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential growth up to a limit, spread by jitter so that many clients do not act in step.

    Attributes:
        first: seconds before the second try.
        limit: the longest wait in seconds.
        factor: growth from one wait to the next.
        spread: part of the wait that is random; 0.5 gives 75 % to 125 %.
    """

    first: float = 0.05
    limit: float = 1.0
    factor: float = 2.0
    spread: float = 0.5

    def delay(self, attempt: int, jitter: Callable[[], float] = random.random) -> float:
        """Seconds to wait after try number ``attempt`` (from 1) failed."""
        base = self.first
        for _ in range(1, min(attempt, 64)):
            base = min(base * self.factor, self.limit)
        base = min(base, self.limit)
        return base * (1 - self.spread / 2 + self.spread * jitter())
