"""What a node of a cluster says of its own slots: its own line in CLUSTER NODES."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ha_manager.topology.model import SLOT_COUNT
from ha_manager.topology.replies import BadReplyError, text

_RANGE = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")
_LEAVING = re.compile(r"\[([0-9]{1,5})->-([0-9a-f]+)\]")
_ARRIVING = re.compile(r"\[([0-9]{1,5})-<-[0-9a-f]+\]")
_EPOCH = 6
_FIELDS_BEFORE_SLOTS = 8


@dataclass(frozen=True, slots=True)
class OwnSlots:
    """One node's slots.

    Attributes:
        node_id: its name in the cluster.
        owned: the slots that it owns.
        leaving: those of them whose keys move away, by the id of the node that they go to.
        arriving: slots of other nodes whose keys move here.
        epoch: its configuration epoch, which grows with every slot that comes to stay.
    """

    node_id: str
    owned: frozenset[int]
    leaving: dict[int, str]
    arriving: frozenset[int] = frozenset()
    epoch: str = ""


def parse_own_slots(reply: Any) -> OwnSlots:
    """Find the ``myself`` line of CLUSTER NODES.

    Raises:
        BadReplyError: there is no such line, or it makes no sense.
    """
    for line in text(reply).splitlines():
        words = line.split()
        if len(words) >= _FIELDS_BEFORE_SLOTS and "myself" in words[2].split(","):
            return _parse(words)
    raise BadReplyError("CLUSTER NODES without a line for the node itself")


def _parse(words: list[str]) -> OwnSlots:
    owned: set[int] = set()
    leaving: dict[int, str] = {}
    arriving: set[int] = set()
    for word in words[_FIELDS_BEFORE_SLOTS:]:
        if found := _RANGE.fullmatch(word):
            first, last = int(found[1]), int(found[2] or found[1])
            if not first <= last < SLOT_COUNT:
                raise BadReplyError(f"not a range of slots: {word!r}")
            owned.update(range(first, last + 1))
        elif found := _LEAVING.fullmatch(word):
            leaving[int(found[1])] = found[2]
        elif found := _ARRIVING.fullmatch(word):
            arriving.add(int(found[1]))
    return OwnSlots(words[0], frozenset(owned), leaving, frozenset(arriving), words[_EPOCH])
