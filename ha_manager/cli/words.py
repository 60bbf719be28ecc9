"""How numbers are written for people."""

from __future__ import annotations

import math

__all__ = ["duration"]


def duration(seconds: float | None) -> str:
    """``1.43 s``, ``131 ms``, ``4.7 ms``; ``-`` for None, and ``never`` for what did not end."""
    if seconds is None:
        return "-"
    if math.isinf(seconds):
        return "never"
    if abs(seconds) >= 1.0:
        return f"{seconds:.2f} s"
    milliseconds = seconds * 1000
    return f"{milliseconds:.0f} ms" if abs(milliseconds) >= 10 else f"{milliseconds:.1f} ms"
