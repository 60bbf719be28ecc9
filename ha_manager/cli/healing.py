"""Makes a Sentinel deployment whole again after a fault. Knows nothing of the client."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from redis.exceptions import RedisError

from ha_manager.errors import FailoverTimeoutError
from ha_manager.sandbox import Reply, SentinelSandbox, ServerProcess

__all__ = ["PROBE_KEY", "agreed_primary", "heal", "replicates", "until"]

_POLL_SECONDS = 0.05
_WAIT_MS = 500
PROBE_KEY = "ha-manager:demo:replicated"
_CALM = frozenset({"master"})
_FAILING_OVER = "failover_in_progress"


async def agreed_primary(sandbox: SentinelSandbox, timeout: float) -> ServerProcess:
    """Wait until all Sentinels name the same data server, and it says that it is the primary.

    After a failover the old primary may say so too, for ten seconds; and while the Sentinels disagree,
    their epochs do not tell which of them is right. Nor is it enough that they agree: for up to a second
    after the promotion all of them name the old one, and the leader has only begun to replace it.

    Args:
        sandbox: the deployment; its Sentinels all run.
        timeout: seconds to wait.

    Raises:
        FailoverTimeoutError: they did not agree in time.
    """
    found: list[ServerProcess] = []

    async def agreed() -> bool:
        named = await asyncio.gather(*(_named(node, sandbox.name) for node in sandbox.sentinel_nodes))
        found[:] = [node for node in sandbox.nodes if set(named) == {node.address}]
        return bool(found) and _first(await _ask(found[0], "ROLE")) == "master"

    await until(agreed, timeout, "the Sentinels to agree on a primary")
    return found[0]


async def heal(sandbox: SentinelSandbox, timeout: float) -> ServerProcess:
    """Start what is down, and wait until another failover can be borne.

    A killed node comes back as a replica at once, as a supervisor would have it: the Sentinels
    themselves take about ten seconds to turn an old primary around. `SentinelSandbox.wait_healthy`
    asks for more, and takes two rounds of the Sentinels' INFO, 20 s.

    Args:
        sandbox: the deployment.
        timeout: seconds to wait for each step.

    Returns:
        The primary.

    Raises:
        FailoverTimeoutError: the servers and the Sentinels did not agree in time.
        ServerStartError: a server did not start again.
    """
    await sandbox.resume()
    primary = await agreed_primary(sandbox, timeout)
    replicas = [node for node in sandbox.nodes if node is not primary]
    for node in replicas:
        if not node.running:
            await sandbox.restart(node)
        await node.execute("REPLICAOF", primary.host, primary.port)

    async def whole() -> bool:
        following = [_follows(node, primary) for node in replicas]
        calm = [_is_calm(sentinel, sandbox.name) for sentinel in sandbox.sentinel_nodes]
        return all(await asyncio.gather(*following, *calm)) and await replicates(primary, len(replicas))

    await until(whole, timeout, "the replicas to follow, and the Sentinels to have no failover under way")
    return primary


async def _named(sentinel: ServerProcess, name: str) -> tuple[str, int] | None:
    """The primary that a Sentinel gives out; None if it is about to replace that one."""
    fields = await _fields(sentinel, name)
    match await _ask(sentinel, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", name):
        case [str(host), str(port)]:
            # MASTER goes on naming the old one; the address is another as soon as its heir is promoted.
            replaced = (host, port) != (fields.get("ip"), fields.get("port"))
            return (host, int(port)) if replaced or _FAILING_OVER not in _flags(fields) else None
    return None


async def _follows(node: ServerProcess, primary: ServerProcess) -> bool:
    role = await _ask(node, "ROLE")
    return isinstance(role, list) and role[:4] == ["slave", primary.host, primary.port, "connected"]


async def _is_calm(sentinel: ServerProcess, name: str) -> bool:
    return _flags(await _fields(sentinel, name)) == _CALM


async def replicates(primary: ServerProcess, replicas: int, key: str = PROBE_KEY) -> bool:
    """Whether a write reaches so many replicas within half a second.

    A replica says that its link is up before the primary sends it anything: that begins with its first
    acknowledgement, up to a second later. A primary killed until then takes every write with it.
    """
    try:
        *_, reached = await primary.ask(("SET", key, "1"), ("WAIT", replicas, _WAIT_MS))
    except RedisError:
        return False
    return reached == replicas


async def _fields(sentinel: ServerProcess, name: str) -> dict[str, str]:
    reply = await _ask(sentinel, "SENTINEL", "MASTER", name)
    flat = [str(item) for item in reply] if isinstance(reply, list) else []
    return dict(zip(flat[::2], flat[1::2], strict=False))


def _flags(fields: Mapping[str, str]) -> frozenset[str]:
    return frozenset(fields.get("flags", "").split(","))


async def _ask(node: ServerProcess, *command: str) -> Reply:
    try:
        return await node.execute(*command)
    except RedisError:
        return None


def _first(reply: Reply) -> Reply:
    return reply[0] if isinstance(reply, list) and reply else None


async def until(condition: Callable[[], Awaitable[bool]], timeout: float, waited_for: str) -> None:
    """Ask again and again until the condition holds.

    Raises:
        FailoverTimeoutError: it did not within ``timeout`` seconds.
    """
    deadline = time.monotonic() + timeout
    while not await condition():
        if time.monotonic() > deadline:
            raise FailoverTimeoutError(f"waited {timeout:g} s for {waited_for}", waited_for=waited_for)
        await asyncio.sleep(_POLL_SECONDS)
