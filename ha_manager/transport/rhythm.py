"""How long a server usually keeps quiet while it owes replies, and whether it is late now.

A server that falls silent may be hung, or about to hand over to another. What has not been sent to it
by then is better kept: it can still go elsewhere, while what was sent is in doubt. Each connection
learns from its own past what is usual on its way, from a loopback's microseconds to an ocean.
"""

from __future__ import annotations

LEAST = 0.001
"""Seconds of silence that are never late."""

MARGIN = 2.0
"""How many times the longest recent silence counts as late."""

FORGETTING = 0.98
"""What remains of the longest recent silence after each answer."""


class Rhythm:
    """The pauses of one connection. Times are the event loop's, in seconds.

    Attributes:
        quiet_since: since when replies are owed and nothing was heard; 0 if none are owed.
        patience: the silence beyond which the server is late.
    """

    __slots__ = ("_longest", "patience", "quiet_since")

    def __init__(self) -> None:
        self.quiet_since = 0.0
        self.patience = LEAST
        self._longest = 0.0

    def asked(self, now: float) -> None:
        """Something was sent."""
        if not self.quiet_since:
            self.quiet_since = now

    def heard(self, now: float, *, owed: bool) -> None:
        """Something was received; ``owed`` tells whether more is expected."""
        if self.quiet_since:
            silence, faded = now - self.quiet_since, self._longest * FORGETTING
            self._longest = longest = silence if silence > faded else faded
            self.patience = max(LEAST, MARGIN * longest)
        self.quiet_since = now if owed else 0.0

    def is_late(self, now: float) -> bool:
        """Whether the present silence is longer than usual."""
        return self.quiet_since > 0.0 and now - self.quiet_since > self.patience
