"""A primary, its replicas and their Sentinels, as a stage for trials."""

from __future__ import annotations

from typing import ClassVar

from ha_manager.cli.faults import FAILOVER, FAULTS, strike
from ha_manager.cli.healing import agreed_primary, heal
from ha_manager.cli.stage import Holder, Keys, Tell, Victim
from ha_manager.sandbox import SentinelSandbox

__all__ = ["SentinelStage"]

_REPLICAS = 2
_SENTINELS = 3
_DOWN_AFTER_MS = 1000
_AGREE_SECONDS = 30.0


class SentinelStage:
    """All writers write to the one primary, each to a list of its own.

    Args:
        server: the server program, see `ha_manager.sandbox.find_server`.
    """

    name: ClassVar[str] = "Sentinel"
    title: ClassVar[str] = "Writes while the primary is lost"
    facts: ClassVar[str] = (
        f"one primary with {_REPLICAS} replicas, {_SENTINELS} Sentinels, down-after {_DOWN_AFTER_MS} ms"
    )
    faults: ClassVar[tuple[str, ...]] = FAULTS

    def __init__(self, server: str | None) -> None:
        self.sandbox = SentinelSandbox(
            server=server, replicas=_REPLICAS, sentinels=_SENTINELS, down_after_ms=_DOWN_AFTER_MS
        )
        self._writers = 0

    async def keys(self, writers: int) -> Keys:
        self._writers = writers
        return [[f"ha-manager:demo:{writer}"] for writer in range(writers)]

    async def heal(self, timeout: float) -> None:
        await heal(self.sandbox, timeout)

    async def victim(self) -> Victim:
        return Victim(await agreed_primary(self.sandbox, _AGREE_SECONDS), range(self._writers))

    async def inflict(self, fault: str, victim: Victim, tell: Tell) -> None:
        del tell
        if fault == FAILOVER:
            await self.sandbox.failover()
        else:
            await strike(fault, victim.primary)

    async def holder(self, timeout: float) -> Holder:
        primary = await agreed_primary(self.sandbox, timeout)
        return lambda key: primary
