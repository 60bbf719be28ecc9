"""Reads what the nodes of a cluster say of each other, and merges it into one picture. No I/O."""

from __future__ import annotations

import binascii
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from ha_manager.sandbox.cluster_blueprint import SLOT_COUNT

__all__ = ["NodeLine", "Picture", "View", "read_view", "slot_of"]


@dataclass(frozen=True, slots=True)
class NodeLine:
    """One node as another one, or itself, sees it.

    Attributes:
        node_id: its name in the cluster.
        flags: e.g. ``master``, ``slave``, ``fail``.
        primary_id: of the node that it replicates; empty for a primary.
        epoch: its configuration epoch, or that of its primary; a higher one is newer.
        linked: whether the one that sees it has a link to it.
        slots: the slots that it owns.
    """

    node_id: str
    flags: frozenset[str]
    primary_id: str
    epoch: int
    linked: bool
    slots: tuple[range, ...]

    @property
    def is_primary(self) -> bool:
        """Whether it is a primary, alive or not."""
        return "master" in self.flags

    def owns(self, slot: int) -> bool:
        """Whether the slot is one of its own."""
        return any(slot in part for part in self.slots)


View = Mapping[str, NodeLine]


@dataclass(frozen=True, slots=True)
class Picture:
    """What the nodes that answer say together.

    Attributes:
        views: of each node that answered, by node id.
    """

    views: Mapping[str, View]

    def owner_of(self, slot: int) -> str | None:
        """The id of the slot's owner: of different ones, that of the newest epoch. None if it has none."""
        lines = [line for view in self.views.values() for line in view.values() if line.owns(slot)]
        newest = max(lines, key=lambda line: (line.epoch, line.node_id), default=None)
        return None if newest is None else newest.node_id

    def owners(self) -> dict[int, str]:
        """The id of each slot's owner as by `owner_of`, for the slots that have one."""
        lines = {line for view in self.views.values() for line in view.values() if line.slots}
        newest_last = sorted(lines, key=lambda line: (line.epoch, line.node_id))
        return {slot: line.node_id for line in newest_last for part in line.slots for slot in part}

    def primary_of(self, node_id: str) -> str:
        """The id of the primary that most say the node replicates; empty if most say that it is a primary."""
        opinions = Counter(line.primary_id for line in self._lines(node_id))
        return opinions.most_common(1)[0][0] if opinions else ""

    def primaries(self) -> list[str]:
        """The primaries' ids in the order of their slots; a dead one counts as long as it owns some."""
        lowest = {owner: slot for slot, owner in sorted(self.owners().items(), reverse=True)}
        ids = dict.fromkeys(node_id for view in self.views.values() for node_id in view)
        found = [node_id for node_id in ids if self._is_primary(node_id, owner=node_id in lowest)]
        return sorted(found, key=lambda node_id: lowest.get(node_id, SLOT_COUNT))

    def epoch(self, node_id: str | None = None) -> int:
        """The newest configuration epoch of a node, or of any node."""
        lines = [line for view in self.views.values() for line in view.values()]
        return max((line.epoch for line in lines if node_id in (None, line.node_id)), default=0)

    def all_call_primary(self, node_id: str) -> bool:
        """Whether every node that answered, itself included, says that it is a primary."""
        lines = [view.get(node_id) for view in self.views.values()]
        return node_id in self.views and all(line is not None and line.is_primary for line in lines)

    def all_know(self, node_id: str) -> bool:
        """Whether every node that answered knows it under its id, and it knows all of them."""
        others = self.views.get(node_id, {})
        return all(node_id in view for view in self.views.values()) and all(
            other in others for other in self.views
        )

    def all_give(self, slots: Collection[int], node_id: str) -> bool:
        """Whether every node that answered says that the node owns all these slots."""
        lines = [view.get(node_id) for view in self.views.values()]
        return all(line is not None and all(map(line.owns, slots)) for line in lines)

    def owners_anywhere(self, slots: Iterable[int]) -> bool:
        """Whether any node says of any of these slots that somebody owns it."""
        wanted = set(slots)
        parts = [part for view in self.views.values() for line in view.values() for part in line.slots]
        return any(not wanted.isdisjoint(part) for part in set(parts))

    def _is_primary(self, node_id: str, *, owner: bool) -> bool:
        lines = self._lines(node_id)
        called = sum(line.is_primary for line in lines)
        dead = sum("fail" in line.flags for line in lines)
        return 2 * called > len(lines) and (owner or 2 * dead < len(lines))

    def _lines(self, node_id: str) -> list[NodeLine]:
        return [view[node_id] for view in self.views.values() if node_id in view]


def read_view(text: str) -> dict[str, NodeLine]:
    """A reply to CLUSTER NODES."""
    lines = [_read_line(row.split()) for row in text.splitlines() if row]
    return {line.node_id: line for line in lines}


def slot_of(slot_or_key: int | str | bytes) -> int:
    """The slot of a key, by its hash tag if it has one; a slot is returned as it is.

    Raises:
        ValueError: there is no such slot.
    """
    if isinstance(slot_or_key, int):
        if not 0 <= slot_or_key < SLOT_COUNT:
            raise ValueError(f"slot {slot_or_key} is not from 0 to {SLOT_COUNT - 1}")
        return slot_or_key
    key = slot_or_key.encode() if isinstance(slot_or_key, str) else slot_or_key
    _, opened, rest = key.partition(b"{")
    tag, closed, _ = rest.partition(b"}")
    return binascii.crc_hqx(tag if opened and closed and tag else key, 0) % SLOT_COUNT


def _read_line(fields: list[str]) -> NodeLine:
    node_id, _, flags, primary_id, _, _, epoch, link, *slots = fields
    return NodeLine(
        node_id,
        frozenset(flags.split(",")),
        primary_id.removeprefix("-"),
        int(epoch),
        link == "connected",
        # A slot that is on its way is listed once more, in brackets.
        tuple(_read_range(text) for text in slots if not text.startswith("[")),
    )


def _read_range(text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)
