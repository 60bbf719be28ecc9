"""Which node shall own which slots: migrations, whole or half done, and slots without an owner."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from ha_manager.errors import ConfigurationError, DiscoveryError
from ha_manager.sandbox.cluster_observer import ClusterObserver
from ha_manager.sandbox.cluster_view import slot_of
from ha_manager.sandbox.migration import Migration, run
from ha_manager.sandbox.process import ServerProcess
from ha_manager.sandbox.waiting import until

__all__ = ["SlotKeeper"]

_BATCH = 100
_SECONDS = 30.0


class SlotKeeper:
    """Moves slots between the nodes of one cluster, and remembers the migrations that are half done."""

    def __init__(self, observer: ClusterObserver) -> None:
        self._observer = observer
        self._open: dict[int, Migration] = {}

    async def migrate(self, slots: Iterable[int], to: ServerProcess, *, pause: float, batch: int) -> None:
        """See `ClusterSandbox.migrate_slots`."""
        for source, own in (await self._by_owner(slots)).items():
            if source is not to:
                others = await self._bystanders(source, to)
                await self._migration(source, to).move(own, others, pause=pause, batch=batch)

    async def begin(self, slot: int, to: ServerProcess) -> None:
        """See `ClusterSandbox.begin_migration`."""
        if slot in self._open:
            raise ConfigurationError(f"sandbox: slot {slot} is on its way already")
        source = await self._observer.owner(slot_of(slot))
        if source is to:
            raise ConfigurationError(f"sandbox: {to.name} owns slot {slot} already")
        migration = self._migration(source, to)
        await migration.begin([slot])
        self._open[slot] = migration

    async def move_keys(self, slot: int, keys: Sequence[str | bytes]) -> None:
        """See `ClusterSandbox.move_keys`."""
        migration = self._on_its_way(slot)
        texts = [key if isinstance(key, str) else key.decode("utf-8", "surrogateescape") for key in keys]
        await migration.move_keys(migration.source, migration.target, texts)

    async def finish(self, slot: int) -> None:
        """See `ClusterSandbox.finish_migration`."""
        migration = self._on_its_way(slot)
        await migration.move_all_keys([slot], _BATCH)
        await migration.finish([slot], await self._bystanders(migration.source, migration.target))
        del self._open[slot]

    async def cancel(self, slot: int) -> None:
        """See `ClusterSandbox.cancel_migration`."""
        await self._on_its_way(slot).cancel(slot, _BATCH)
        del self._open[slot]

    async def unassign(self, slots: Iterable[int]) -> None:
        """See `ClusterSandbox.unassign`."""
        owners = await self._by_owner(slots)
        self._observer.slots -= sum(map(len, owners.values()))
        gone = [slot for own in owners.values() for slot in own]

        async def without_owner() -> None:
            # The owners first: as long as one of them claims the slots, the others learn of it again.
            for owner, own in owners.items():
                await _delete(owner, own)
            await asyncio.gather(*(_delete(node, gone) for node in self._observer.awake()))
            if (await self._observer.picture()).owners_anywhere(gone):
                raise DiscoveryError("sandbox: some nodes still know an owner")

        await until(without_owner, _SECONDS, "slots without an owner")

    async def assign(self, slots: Iterable[int], to: ServerProcess) -> None:
        """See `ClusterSandbox.assign`."""
        numbers = sorted(set(map(slot_of, slots)))
        await run(to, ("CLUSTER", "ADDSLOTS", *numbers))
        self._observer.slots += len(numbers)

        async def known() -> None:
            picture = await self._observer.picture()
            if not picture.all_give(numbers, self._observer.seats[to].node_id):
                raise DiscoveryError(f"sandbox: not all nodes know that {to.name} owns the slots")

        await until(known, _SECONDS, "slots to be assigned")

    async def _by_owner(self, slots: Iterable[int]) -> Mapping[ServerProcess, list[int]]:
        owners = await self._observer.owners()
        found: dict[ServerProcess, list[int]] = defaultdict(list)
        for slot in sorted(set(map(slot_of, slots))):
            if slot not in owners:
                raise DiscoveryError(f"sandbox: slot {slot} has no owner")
            found[owners[slot]].append(slot)
        return found

    async def _bystanders(self, source: ServerProcess, target: ServerProcess) -> list[ServerProcess]:
        primaries = await self._observer.primaries()
        return [node for node in primaries if node not in (source, target) and node.state == "running"]

    def _migration(self, source: ServerProcess, target: ServerProcess) -> Migration:
        ids = {node: seat.node_id for node, seat in self._observer.seats.items()}
        return Migration(source, target, ids)

    def _on_its_way(self, slot: int) -> Migration:
        if slot not in self._open:
            raise ConfigurationError(f"sandbox: slot {slot} is not on its way; begin_migration starts that")
        return self._open[slot]


async def _delete(node: ServerProcess, slots: Sequence[int]) -> None:
    # One by one: a node refuses a whole list if one of its slots has no owner. That is no error here.
    await node.ask(*(("CLUSTER", "DELSLOTS", slot) for slot in slots), timeout=_SECONDS)
