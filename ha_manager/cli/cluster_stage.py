"""A cluster, as a stage for trials: each writer is at home in one shard; the shards are struck in turn."""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from ha_manager.cli.faults import FAILOVER, FAULTS, RESHARD, strike
from ha_manager.cli.healing import PROBE_KEY, replicates, until
from ha_manager.cli.stage import Holder, Keys, Tell, Victim
from ha_manager.routing import SLOT_COUNT, key_slot
from ha_manager.sandbox import ClusterSandbox, ServerProcess

__all__ = ["ClusterStage"]

_PRIMARIES = 3
_REPLICAS = 1
_NODE_TIMEOUT_MS = 1500
_MOVED_SLOTS = 300


@dataclass(frozen=True, slots=True)
class _Shard:
    """A key in each slot that belongs together, in order, and the writers at home there."""

    keys: list[str]
    writers: range


class ClusterStage:
    """There is a list in every slot. Every writer goes through some slots of one shard, over and over.

    With fewer writers than shards, some are at home in several.

    Args:
        server: the server program, see `ha_manager.sandbox.find_server`.
    """

    name: ClassVar[str] = "cluster"
    title: ClassVar[str] = "Writes to a cluster while primaries are lost and slots move"
    facts: ClassVar[str] = (
        f"a cluster of {_PRIMARIES} primaries with a replica each, node timeout {_NODE_TIMEOUT_MS} ms"
    )
    faults: ClassVar[tuple[str, ...]] = (*FAULTS, RESHARD)

    def __init__(self, server: str | None) -> None:
        self.sandbox = ClusterSandbox(
            server=server, primaries=_PRIMARIES, replicas=_REPLICAS, node_timeout_ms=_NODE_TIMEOUT_MS
        )
        self._shards: list[_Shard] = []
        self._turns: Iterator[_Shard] = iter(())

    async def keys(self, writers: int) -> Keys:
        owned = _keys_of_owners(await self.sandbox.owners())
        self._shards = [_Shard(keys, _at_home(number, writers)) for number, keys in enumerate(owned)]
        self._turns = itertools.cycle(self._shards)
        keys: list[list[str]] = [[] for _ in range(writers)]
        for shard in self._shards:
            for position, writer in enumerate(shard.writers):
                keys[writer] += shard.keys[position :: len(shard.writers)]
        # In no order, so that a writer comes by the struck shard, and the slots that move, at any time.
        return [random.Random(0).sample(own, len(own)) for own in keys]

    async def heal(self, timeout: float) -> None:
        await self.sandbox.resume()
        for node in self.sandbox.nodes:
            if not node.running:
                await self.sandbox.restart(node)
        await self.sandbox.wait_healthy(timeout)
        await until(self._replicates, timeout, "the replicas to follow")

    async def victim(self) -> Victim:
        shard = next(self._turns)
        return Victim(await self.sandbox.owner(shard.keys[0]), shard.writers)

    async def inflict(self, fault: str, victim: Victim, tell: Tell) -> None:
        if fault == FAILOVER:
            await self.sandbox.failover(victim.primary)
        elif fault == RESHARD:
            await self._move_there_and_back(victim.primary, tell)
        else:
            await strike(fault, victim.primary)

    async def holder(self, timeout: float) -> Holder:
        await self.sandbox.wait_healthy(timeout)
        owners = await self.sandbox.owners()
        return lambda key: owners[key_slot(key.encode())]

    async def _replicates(self) -> bool:
        for shard in self._shards:
            own = shard.keys[0]
            if not await replicates(await self.sandbox.owner(own), _REPLICAS, f"{PROBE_KEY}:{{{own}}}"):
                return False
        return True

    async def _move_there_and_back(self, source: ServerProcess, tell: Tell) -> None:
        owners = await self.sandbox.owners()
        slots = [slot for slot, owner in sorted(owners.items()) if owner is source][:_MOVED_SLOTS]
        target = next(node for node in await self.sandbox.primaries() if node is not source)
        await self.sandbox.migrate_slots(slots, target)
        tell(f"{len(slots)} slots with their keys are at :{target.port}")
        await self.sandbox.migrate_slots(slots, source)
        tell(f"all {len(slots)} are at :{source.port} again")


def _keys_of_owners(owners: Mapping[int, ServerProcess]) -> list[list[str]]:
    """A key for each slot, in order, for each owner."""
    keys: dict[int, str] = {}
    for number in itertools.count():
        key = f"ha-manager:demo:{number}"
        keys.setdefault(key_slot(key.encode()), key)
        if len(keys) == SLOT_COUNT:
            break
    owned: dict[ServerProcess, list[str]] = defaultdict(list)
    for slot, owner in sorted(owners.items()):
        owned[owner].append(keys[slot])
    return list(owned.values())


def _at_home(shard: int, writers: int) -> range:
    """The writers of a shard: as many as of the others, next to each other, and one at least."""
    first = shard * writers // _PRIMARIES
    return range(first, max(first + 1, (shard + 1) * writers // _PRIMARIES))
