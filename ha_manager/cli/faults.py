"""What is done to the deployment, and how it is made whole again. Knows nothing of the client."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

from redis.exceptions import RedisError

from ha_manager.errors import FailoverTimeoutError
from ha_manager.sandbox import SentinelSandbox, ServerProcess

__all__ = ["FAULTS", "TITLES", "heal", "inject"]

_POLL_SECONDS = 0.05
_WAIT_MS = 500
_PROBE_KEY = "ha-manager:demo:replicated"
_CALM = frozenset({"master"})


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


async def heal(sandbox: SentinelSandbox, timeout: float) -> ServerProcess:
    """Start what is down, and wait until another failover can be borne.

    A killed node comes back as a replica at once, as a supervisor would have it: the Sentinels
    themselves take about ten seconds to turn an old primary around.

    Args:
        sandbox: the deployment.
        timeout: seconds to wait.

    Returns:
        The primary.

    Raises:
        FailoverTimeoutError: the servers and the Sentinels did not agree in time.
    """
    await sandbox.resume()
    primary = await sandbox.wait_for_primary(timeout=timeout)
    for node in sandbox.nodes:
        if not node.running:
            await sandbox.restart(node)
        if node is not primary:
            await node.execute("REPLICAOF", primary.host, primary.port)
    deadline = time.monotonic() + timeout
    while not (await _calm(sandbox, primary) and await _replicates(sandbox, primary)):
        if time.monotonic() > deadline:
            raise FailoverTimeoutError(
                f"the deployment did not calm down within {timeout:g} s", waited_for="replicas and Sentinels"
            )
        await asyncio.sleep(_POLL_SECONDS)
    return primary


async def _calm(sandbox: SentinelSandbox, primary: ServerProcess) -> bool:
    """All replicas are linked, and every Sentinel names the primary and has no failover under way.

    `SentinelSandbox.wait_healthy` asks for more, and takes two rounds of the Sentinels' INFO, 20 s.
    """
    replicas = [_follows(node, primary) for node in sandbox.nodes if node is not primary]
    sentinels = [_agrees(sentinel, sandbox.name, primary) for sentinel in sandbox.sentinel_nodes]
    return all(await asyncio.gather(*replicas, *sentinels))


async def _replicates(sandbox: SentinelSandbox, primary: ServerProcess) -> bool:
    """A write reaches every replica.

    A replica says that its link is up before the primary sends it anything: that begins with its first
    acknowledgement, up to a second later. A primary killed until then takes every write with it.
    """
    replicas = len(sandbox.nodes) - 1
    try:
        *_, reached = await primary.ask(("SET", _PROBE_KEY, "1"), ("WAIT", replicas, _WAIT_MS))
    except RedisError:
        return False
    return reached == replicas


async def _follows(node: ServerProcess, primary: ServerProcess) -> bool:
    try:
        role = await node.execute("ROLE")
    except RedisError:
        return False
    return isinstance(role, list) and role[:4] == ["slave", primary.host, primary.port, "connected"]


async def _agrees(sentinel: ServerProcess, name: str, primary: ServerProcess) -> bool:
    try:
        reply = await sentinel.execute("SENTINEL", "MASTER", name)
    except RedisError:
        return False
    flat = [str(item) for item in reply] if isinstance(reply, list) else []
    fields = dict(zip(flat[::2], flat[1::2], strict=False))
    named = (fields.get("ip"), fields.get("port")) == (primary.host, str(primary.port))
    return named and frozenset(fields.get("flags", "").split(",")) == _CALM
