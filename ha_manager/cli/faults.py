"""What is done to a deployment."""

from __future__ import annotations

from types import MappingProxyType

from ha_manager.sandbox import ServerProcess

__all__ = ["FAILOVER", "FAULTS", "HANG", "KILL", "RESHARD", "TITLES", "strike"]

KILL, FAILOVER, HANG, RESHARD = "kill", "failover", "hang", "reshard"
# Those after which another server becomes the primary: they befall every kind of deployment.
FAULTS = (KILL, FAILOVER, HANG)
TITLES = MappingProxyType(
    {
        KILL: "primary :{port} killed (SIGKILL)",
        FAILOVER: "planned failover away from :{port}",
        HANG: "primary :{port} hangs (SIGSTOP)",
        RESHARD: "slots of :{port} move away, and back",
    }
)


async def strike(fault: str, primary: ServerProcess) -> None:
    """Kill a primary, or let it hang."""
    if fault == KILL:
        await primary.kill()
    elif fault == HANG:
        primary.pause()
    else:
        raise ValueError(f"{fault} is nothing that befalls a single server")
