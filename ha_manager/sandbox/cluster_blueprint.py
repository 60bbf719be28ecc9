"""What a cluster shall look like, as the user asked for it, checked."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ha_manager.errors import ConfigurationError

__all__ = ["SLOT_COUNT", "ClusterBlueprint"]

SLOT_COUNT = 16384


@dataclass(frozen=True, slots=True)
class ClusterBlueprint:
    """The shape of a cluster; the fields are options of `ClusterSandbox`.

    Raises:
        ConfigurationError: a field is out of its range.
    """

    primaries: int
    replicas: int
    node_timeout_ms: int
    full_coverage: bool
    announce_hostname: str | None

    def __post_init__(self) -> None:
        if not 1 <= self.primaries <= SLOT_COUNT:
            raise ConfigurationError(f"sandbox: primaries={self.primaries} must be from 1 to {SLOT_COUNT}")
        if self.replicas < 0:
            raise ConfigurationError("sandbox: replicas (of each primary) must be 0 or more")
        if self.node_timeout_ms < 1:
            raise ConfigurationError("sandbox: node_timeout_ms must be 1 or more")
        if self.announce_hostname is not None and not re.fullmatch(r"[A-Za-z0-9.-]+", self.announce_hostname):
            raise ConfigurationError(
                f"sandbox: announce_hostname={self.announce_hostname!r} may have letters, digits, '.' and '-'"
            )

    def slots_of(self, number: int) -> range:
        """The slots of the primary with that number, from 0: even shares, in order."""
        first, end = (SLOT_COUNT * index // self.primaries for index in (number, number + 1))
        return range(first, end)
