"""All keys of a cluster, while slots move from node to node.

Each primary is scanned as a whole, between two looks at which slots it owns and which of them are on
their way elsewhere. A slot that it owned all the while is done. A slot on its way is done once its
destination was scanned as well, afterwards: keys move in one direction only. Whatever else happened to
a slot, it is left for another pass over whoever owns it then. Keys of slots that are done are not
given again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from ha_manager.commands.targets import Place
from ha_manager.delivery import Lane, Lanes
from ha_manager.errors import NoSuchNodeError, UncoveredSlotError
from ha_manager.routing import SLOT_COUNT, key_slot
from ha_manager.topology.own_slots import OwnSlots, parse_own_slots

ExecuteAt = Callable[..., Awaitable[tuple[Any, object]]]

MOST_PASSES = 100
"""Passes over the cluster before it counts as too restless to be iterated."""


@dataclass(slots=True)
class _Progress:
    """What is left to do.

    Attributes:
        todo: slots whose keys were not all given.
        awaited: slots of ``todo`` whose source was scanned, by the id of the node that they go to.
    """

    todo: set[int] = field(default_factory=lambda: set(range(SLOT_COUNT)))
    awaited: dict[int, str] = field(default_factory=dict)


class Sweep:
    """One iteration over the keys of a cluster.

    Args:
        lanes: the shards.
        execute_at: sends one command to one place; returns the reply, and who answered.
        encode: turns a key into bytes.
        refetch: fetches the topology anew: SCAN is never redirected, so nobody else may notice a change.
    """

    def __init__(
        self,
        lanes: Lanes,
        execute_at: ExecuteAt,
        encode: Callable[[Any], bytes],
        refetch: Callable[[], Awaitable[None]],
    ) -> None:
        self._lanes = lanes
        self._execute_at = execute_at
        self._encode = encode
        self._refetch = refetch

    async def keys(self, pieces: list[Any]) -> AsyncIterator[Any]:
        """The keys, by SCAN with these options.

        Raises:
            UncoveredSlotError: at the end, if slots had no owner: their keys are unknown.
        """
        progress = _Progress()
        left = 0
        for _ in range(MOST_PASSES):
            # A pass that settled nothing went by a map that is out of date: ask everybody.
            in_vain, left = left == len(progress.todo), len(progress.todo)
            for lane in self._lanes.all if in_vain else self._concerned(progress):
                async for key in self._scan(lane, pieces, progress):
                    yield key
            if not progress.todo:
                return
            await self._refetch()
            if all(self._lanes.of(slot) is self._lanes.nobody for slot in progress.todo):
                break
        raise UncoveredSlotError(
            f"{len(progress.todo)} slots could not be iterated: they have no owner, or never came to rest; "
            "the keys of all others were given"
        )

    def _concerned(self, progress: _Progress) -> list[Lane]:
        """The shards with something left to do, as the map is now."""
        if progress.awaited or len(progress.todo) == SLOT_COUNT:
            return list(self._lanes.all)
        owners = {self._lanes.of(slot) for slot in progress.todo}
        return [lane for lane in self._lanes.all if lane in owners]

    async def _scan(self, lane: Lane, pieces: list[Any], progress: _Progress) -> AsyncIterator[Any]:
        place = Place(lane=lane)
        awaited = dict(progress.awaited)
        try:
            before, process = await self._own_slots(place)
            cursor: Any = 0
            while True:
                (cursor, keys), by = await self._execute_at(place, "SCAN", cursor, *pieces)
                if by != process:
                    return
                for key in keys:
                    if key_slot(self._encode(key)) in progress.todo:
                        yield key
                if not cursor:
                    break
            after, by = await self._own_slots(place)
        except NoSuchNodeError:
            return
        if by == process:
            _note(progress, before, after, awaited)

    async def _own_slots(self, place: Place) -> tuple[OwnSlots, object]:
        reply, by = await self._execute_at(place, "CLUSTER", "NODES")
        return parse_own_slots(reply), by


def _note(progress: _Progress, before: OwnSlots, after: OwnSlots, awaited: dict[int, str]) -> None:
    """Enter what a complete scan of one node, between these two looks, has settled."""
    if before.epoch != after.epoch:
        # Slots came to it meanwhile: one that it owned before may have been away in between.
        return
    moving = {**before.leaving, **after.leaving}
    progress.todo -= (before.owned & after.owned) - moving.keys()
    progress.awaited |= moving
    held = (before.owned | before.arriving) & (after.owned | after.arriving)
    for slot, target in awaited.items():
        # Its source was scanned before: what was there then, and is not there now, came here. It may
        # have gone on from here already; then whoever has it now is to be scanned.
        if target == after.node_id and slot in held and slot not in moving:
            progress.todo.discard(slot)
            progress.awaited.pop(slot, None)
