"""What several of the tests on clusters need."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from redis.crc import key_slot

from ha_manager import ConnectionManager
from ha_manager.routing import Candidate
from ha_manager.sandbox import ClusterSandbox, ServerProcess
from tests.integration.support import eventually

PRIMARIES = 3
REPLICAS = 3


async def flush(cluster: ClusterSandbox) -> None:
    """Remove all keys."""
    await asyncio.gather(*(node.execute("FLUSHALL") for node in await cluster.primaries()))


def keys_in(slots: Iterable[int], each: int = 1) -> list[str]:
    """``each`` keys for every one of these slots."""
    wanted = dict.fromkeys(slots, each)
    found: list[str] = []
    number = 0
    while wanted:
        key = f"key-{number}"
        slot = key_slot(key.encode())
        if slot in wanted:
            found.append(key)
            wanted[slot] -= 1
            if not wanted[slot]:
                del wanted[slot]
        number += 1
    return found


def one_key_each(cluster: ClusterSandbox, prefix: str = "") -> list[str]:
    """A key for each of the primaries of a fresh cluster, in their order."""
    shares = [
        range(16384 * index // PRIMARIES, 16384 * (index + 1) // PRIMARIES) for index in range(PRIMARIES)
    ]
    return [
        next(key for number in range(1000) if key_slot((key := f"{prefix}{number}").encode()) in share)
        for share in shares
    ]


async def counted(node: ServerProcess, command: str) -> int:
    """How often the node ran a command since its counters were reset."""
    for line in str(await node.execute("INFO", "commandstats")).splitlines():
        if line.startswith(f"cmdstat_{command}:"):
            return int(line.split("calls=")[1].split(",")[0])
    return 0


async def counts(nodes: Sequence[ServerProcess], command: str) -> list[int]:
    return list(await asyncio.gather(*(counted(node, command) for node in nodes)))


async def reset_counts(nodes: Iterable[ServerProcess]) -> None:
    await asyncio.gather(*(node.execute("CONFIG", "RESETSTAT") for node in nodes))


async def replicated(cluster: ClusterSandbox) -> None:
    """Wait until every replica has what its primary has now."""
    for node in await cluster.primaries():
        offset = _offset(await node.execute("INFO", "replication"), "master_repl_offset")
        for replica in await cluster.replicas_of(node):

            async def in_step(replica: ServerProcess = replica, offset: int = offset) -> bool:
                told = await replica.execute("INFO", "replication")
                return _offset(told, "slave_repl_offset") >= offset

            await eventually(in_step, f"{replica.name} has all writes")


async def replicas_shown(cluster: ClusterSandbox) -> None:
    """Wait until the CLUSTER SLOTS of every node lists all replicas.

    A node leaves those out of which it has not heard that they have replicated anything.
    """
    for key, node in zip(one_key_each(cluster), cluster.nodes, strict=False):
        await node.ask(("SET", key, "value"), ("DEL", key))
    for node in cluster.nodes:
        await eventually(partial(_shows_all, node), f"replicas in the CLUSTER SLOTS of {node.name}")


async def _shows_all(node: ServerProcess) -> bool:
    reply: Any = await node.execute("CLUSTER", "SLOTS")
    return all(len(shard) == 4 for shard in reply)


def _offset(info: Any, field: str) -> int:
    return next(int(line.split(":")[1]) for line in str(info).splitlines() if line.startswith(f"{field}:"))


async def admitted(manager: ConnectionManager, keys: Iterable[str], members: int = 2) -> None:
    """Wait until reads of each of these keys may go to so many nodes."""
    for key in keys:

        async def all_seen(key: str = key) -> bool:
            seen: set[Any] = set()

            def look(candidates: Sequence[Candidate]) -> Sequence[Candidate]:
                seen.update(candidate.endpoint for candidate in candidates)
                return candidates

            await manager.with_options(read_from=look).exists(key)
            return len(seen) >= members

        await eventually(all_seen, f"{members} nodes to read {key} from")
