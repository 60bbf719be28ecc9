"""What a Sentinel deployment shall look like, as the user asked for it, checked."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ha_manager.errors import ConfigurationError

__all__ = ["Blueprint"]


@dataclass(frozen=True, slots=True)
class Blueprint:
    """The shape of a Sentinel deployment; the fields are options of `SentinelSandbox`.

    Raises:
        ConfigurationError: a field is out of its range.
    """

    name: str
    replicas: int
    sentinels: int
    quorum: int
    down_after_ms: int
    failover_timeout_ms: int

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9._-]+", self.name):
            raise ConfigurationError(
                f"sandbox: name={self.name!r} may have letters, digits, '.', '-' and '_'"
            )
        if self.replicas < 0 or self.sentinels < 1:
            raise ConfigurationError("sandbox: replicas must be 0 or more, and sentinels 1 or more")
        if not 1 <= self.quorum <= self.sentinels:
            raise ConfigurationError(f"sandbox: quorum={self.quorum} must be from 1 to {self.sentinels}")
        if self.down_after_ms < 1 or self.failover_timeout_ms < 1:
            raise ConfigurationError("sandbox: down_after_ms and failover_timeout_ms must be 1 or more")

    @property
    def ping_period_ms(self) -> int:
        """How often Sentinels shall ping, and at most reconnect, in milliseconds.

        They do so each second by themselves. A promoted server drops its connections, so with a
        `down_after_ms` of about a second the Sentinels may take it for down at once, and fail over again.
        Much shorter does harm too: a replica whose INFO is older than five periods cannot be elected,
        and during a failover a Sentinel asks for it once a second.
        """
        return max(300, min(1000, self.down_after_ms * 2 // 5))
