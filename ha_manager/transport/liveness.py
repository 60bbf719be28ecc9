"""Is the server alive, and which replies are late? Decided at each tick, without I/O or clock.

One timer a connection asks this, however many commands are under way; nothing is noted for a
single command. ``marks`` remember how many commands had been sent at each tick.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum, auto


class Pulse(Enum):
    """What to do about the connection."""

    FINE = auto()
    PING = auto()
    DEAD = auto()


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one tick: what to do, and how many of the oldest replies are late."""

    pulse: Pulse
    overdue: int = 0


class Liveness:
    """Judges one connection.

    Args:
        heartbeat: seconds of silence before a PING, and again before the connection is dead.
        command_timeout: seconds after which a reply is late, or ``None``.
    """

    def __init__(self, heartbeat: float, command_timeout: float | None) -> None:
        self._heartbeat = heartbeat
        self._timeout = command_timeout
        self.period = max(min(heartbeat, command_timeout or heartbeat) / 4, 0.005)
        self._silent_since = 0.0
        self._pinged = False
        self._last_tick = 0.0
        self._marks: deque[tuple[float, int]] = deque()

    def begin(self, now: float, sent: int) -> None:
        """Replies are owed from now on, after a time in which none were; ``sent`` commands in all."""
        self._silent_since = self._last_tick = now
        self._pinged = False
        self._marks.clear()
        self._marks.append((now, sent))

    def tick(self, now: float, *, heard: bool, sent: int, replied: int) -> Finding:
        """Judge; ``heard`` is whether bytes came since the last tick, the rest are running totals."""
        stalled = now - self._last_tick > 2 * self.period + self._heartbeat / 2
        self._last_tick = now
        if stalled:
            # Our own loop stood still: bytes may lie unread in the socket, so silence proves nothing.
            self._shift(now)
        overdue = self._overdue(now, sent, replied)
        if heard or stalled:
            self._silent_since, self._pinged = now, False
            return Finding(Pulse.FINE, overdue)
        if now - self._silent_since < self._heartbeat:
            return Finding(Pulse.FINE, overdue)
        if self._pinged:
            return Finding(Pulse.DEAD, overdue)
        self._silent_since, self._pinged = now, True
        return Finding(Pulse.PING, overdue)

    def _overdue(self, now: float, sent: int, replied: int) -> int:
        if self._timeout is None:
            return 0
        late = 0
        while self._marks and (self._marks[0][1] <= replied or self._marks[0][0] <= now - self._timeout):
            late = max(late, self._marks.popleft()[1])
        if not self._marks or self._marks[-1][1] < sent:
            self._marks.append((now, sent))
        return max(late - replied, 0)

    def _shift(self, now: float) -> None:
        self._marks = deque((now, sent) for _, sent in self._marks)
