"""What is done to the deployment."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

from ha_manager.sandbox import SentinelSandbox, ServerProcess

__all__ = ["FAULTS", "TITLES", "inject"]


async def _kill(_: SentinelSandbox, primary: ServerProcess) -> None:
    await primary.kill()


async def _failover(sandbox: SentinelSandbox, _: ServerProcess) -> None:
    await sandbox.failover()


async def _hang(sandbox: SentinelSandbox, primary: ServerProcess) -> None:
    await sandbox.pause(primary)


_INJECT: Mapping[str, Callable[[SentinelSandbox, ServerProcess], Awaitable[None]]] = MappingProxyType(
    {"kill": _kill, "failover": _failover, "hang": _hang}
)
FAULTS = tuple(_INJECT)
TITLES = MappingProxyType(
    {
        "kill": "primary :{port} killed (SIGKILL)",
        "failover": "planned failover away from :{port}",
        "hang": "primary :{port} hangs (SIGSTOP)",
    }
)


async def inject(fault: str, sandbox: SentinelSandbox, primary: ServerProcess) -> None:
    """Do one of `FAULTS` to the deployment whose primary is ``primary``."""
    await _INJECT[fault](sandbox, primary)
