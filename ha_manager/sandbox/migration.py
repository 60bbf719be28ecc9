"""Moves slots with their keys from one node of a running cluster to another, in the servers' own steps."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from redis.exceptions import ResponseError

from ha_manager.sandbox.admin import Argument, Reply
from ha_manager.sandbox.process import ServerProcess

__all__ = ["Migration", "run"]

_T = TypeVar("_T")
_SECONDS = 30.0
_MIGRATE_MS = 10_000
# How many slots are in between at the same time: few enough to look like a real migration.
_TOGETHER = 32
_ON_ONE_CONNECTION = 4


@dataclass(frozen=True, slots=True)
class Migration:
    """The way of some slots from one node to another.

    Attributes:
        source: the node that owns the slots.
        target: the node that shall.
        ids: the node id of each.
    """

    source: ServerProcess
    target: ServerProcess
    ids: Mapping[ServerProcess, str]

    async def move(
        self, slots: Sequence[int], others: Sequence[ServerProcess], *, pause: float, batch: int
    ) -> None:
        """All the steps for these slots, some at a time, or one by one if there is a pause between.

        Args:
            slots: the slots.
            others: the other primaries, which are told at the end.
            pause: seconds to wait after each slot.
            batch: how many keys one MIGRATE takes at most.
        """
        for part in _parts(slots, 1 if pause > 0 else _TOGETHER):
            await self.begin(part)
            await self.move_all_keys(part, batch)
            await self.finish(part, others)
            await asyncio.sleep(pause)

    async def begin(self, slots: Iterable[int]) -> None:
        """Has the target import the slots, and the source give them away: from now on, clients see ASK."""
        slots = list(slots)
        source, target = self.ids[self.source], self.ids[self.target]
        await _set_slots(self.target, slots, "IMPORTING", source)
        await _set_slots(self.source, slots, "MIGRATING", target)

    async def move_all_keys(self, slots: Iterable[int], batch: int) -> None:
        """Moves the keys that the source still has in these slots, until there are none."""
        remaining = list(slots)
        while remaining:
            found = await run(self.source, *(("CLUSTER", "GETKEYSINSLOT", slot, batch) for slot in remaining))
            full = {
                slot: keys
                for slot, keys in zip(remaining, found, strict=True)
                if isinstance(keys, list) and keys
            }
            # The source creates no key in a slot that it gives away: what is empty once stays so.
            await self.move_keys(self.source, self.target, *full.values())
            remaining = list(full)

    async def move_keys(self, source: ServerProcess, target: ServerProcess, *groups: Sequence[Reply]) -> None:
        """One MIGRATE for each group of keys, which are of one slot."""
        await run(source, *(_migrate(target, [_raw(key) for key in group]) for group in groups))

    async def finish(self, slots: Iterable[int], others: Iterable[ServerProcess]) -> None:
        """Gives the empty slots to the target: there first, so that they always have an owner."""
        slots, owner = list(slots), self.ids[self.target]
        await _set_slots(self.target, slots, "NODE", owner)
        await _set_slots(self.source, slots, "NODE", owner)
        await asyncio.gather(*(_set_slots(other, slots, "NODE", owner) for other in others))

    async def cancel(self, slot: int, batch: int) -> None:
        """Leaves the slot with its source, and moves the keys back that had already gone."""
        await run(self.source, ("CLUSTER", "SETSLOT", slot, "STABLE"))
        while True:
            (keys,) = await run(self.target, ("CLUSTER", "GETKEYSINSLOT", slot, batch))
            if not isinstance(keys, list) or not keys:
                break
            await self.move_keys(self.target, self.source, keys)
        await run(self.target, ("CLUSTER", "SETSLOT", slot, "STABLE"))


async def run(node: ServerProcess, *commands: Sequence[Argument]) -> list[Reply]:
    """Sends the commands to a node on one connection and returns the replies.

    Raises:
        redis.exceptions.ResponseError: the first error among them, with the node's name.
    """
    if not commands:
        return []
    replies = await node.ask(*commands, timeout=_SECONDS)
    for command, reply in zip(commands, replies, strict=True):
        if isinstance(reply, ResponseError):
            words = " ".join(str(word) for word in command[:3])
            raise ResponseError(f"{node.name}: {words}: {reply}")
    return replies


async def _set_slots(node: ServerProcess, slots: Sequence[int], *what: str) -> None:
    # Valkey answers only when the replicas have acknowledged: on several connections they do at once.
    commands: list[tuple[Argument, ...]] = [("CLUSTER", "SETSLOT", slot, *what) for slot in slots]
    await asyncio.gather(*(run(node, *part) for part in _parts(commands, _ON_ONE_CONNECTION)))


def _migrate(target: ServerProcess, keys: Sequence[Argument]) -> tuple[Argument, ...]:
    user, password = target.access.credentials.username, target.access.credentials.password
    login: tuple[Argument, ...] = ()
    if password is not None:
        login = ("AUTH", password) if user is None else ("AUTH2", user, password)
    return "MIGRATE", *target.address, "", 0, _MIGRATE_MS, *login, "KEYS", *keys


def _raw(key: Reply) -> bytes:
    return str(key).encode("utf-8", "surrogateescape")


def _parts(whole: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    for first in range(0, len(whole), size):
        yield whole[first : first + size]
