"""Every shard's lane, and which of them a slot belongs to.

A deployment of one shard has one lane, and nobody counts slots. ``writer_of`` and its sisters are on
the fast path of a cluster: one hash, one look into a list, whatever the number of shards.
"""

from __future__ import annotations

import weakref
from binascii import crc_hqx
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ha_manager.delivery.gate import Backlog, Gate
from ha_manager.delivery.lane import Lane
from ha_manager.routing import SLOT_COUNT, CommandSpec, RequestPolicy, key_slot
from ha_manager.transport import Connection

Taker = Callable[[Sequence[Any]], Connection | None]
"""Gives a ready connection for a command with these words, or ``None``."""


class Planner(Protocol):
    """Remembers takers, and forgets them when they lead the wrong way."""

    def forget_plans(self) -> None: ...


class Lanes:
    """The lanes of one deployment.

    Args:
        backlog: counts the commands that wait at their gates.

    Attributes:
        all: every shard's lane.
        clustered: whether slots decide.
        nobody: the lane of slots without an owner: nothing ever goes there.
        default: where commands without keys go.
    """

    def __init__(self, backlog: Backlog) -> None:
        self.backlog = backlog
        self.nobody = self.make()
        self.default = self.make()
        self.all: tuple[Lane, ...] = (self.default,)
        self.clustered = False
        self._by_slot: list[Lane] = []
        self._planners: weakref.WeakSet[Planner] = weakref.WeakSet()

    def make(self) -> Lane:
        """A lane for one more shard."""
        return Lane(Gate(self.backlog))

    # Choosing

    def of(self, slot: int | None) -> Lane:
        """The lane of a slot; without one, a lane that can be used, the default one if possible."""
        if not self.clustered:
            return self.default
        if slot is not None:
            return self._by_slot[slot]
        if self.default.writer_node() is None:
            return next((lane for lane in self.all if lane.writer_node() is not None), self.default)
        return self.default

    def with_primary(self, endpoint: object) -> Lane | None:
        """The lane whose primary has this address."""
        return next((lane for lane in self.all if lane.primary and lane.primary.endpoint == endpoint), None)

    # The fast path

    def taker(self, spec: CommandSpec) -> Taker | None:
        """Where a command of this kind gets its connection; ``None`` if its words must be looked at."""
        if not self.clustered:
            return self.default.reader if spec.repeatable else self.default.writer
        if spec.first_key == 1:
            return self._reader_of_first if spec.repeatable else self._writer_of_first
        if words := _words_with_one_key(spec):
            return _if_words(words, self._reader_of_first if spec.repeatable else self._writer_of_first)
        return None

    def _writer_of_first(self, args: Sequence[Any]) -> Connection | None:
        lane = self._lane_of_first(args)
        node = None if lane is None else lane.writing
        return None if node is None else node.take()

    def _reader_of_first(self, args: Sequence[Any]) -> Connection | None:
        lane = self._lane_of_first(args)
        node = None if lane is None else lane.reading
        return None if node is None else node.take()

    def _lane_of_first(self, args: Sequence[Any]) -> Lane | None:
        if len(args) < 2:
            return None
        key = args[1]
        if type(key) is str:
            # Only UTF-8 comes here, see CommandAPI: other encodings take the careful way.
            key = key.encode()
        elif type(key) is not bytes:
            return None
        slot = key_slot(key) if b"{" in key else crc_hqx(key, 0) & (SLOT_COUNT - 1)
        return self._by_slot[slot]

    # Changing

    def arrange(self, lanes: Sequence[Lane], slots: Sequence[Sequence[range]]) -> None:
        """From now on, these are the shards, and each owns these slots."""
        owners = [self.nobody] * SLOT_COUNT
        for lane, ranges in zip(lanes, slots, strict=True):
            for owned in ranges:
                owners[owned.start : owned.stop] = [lane] * len(owned)
        staying = set(lanes)
        gone = [lane for lane in self.all if lane not in staying]
        self._by_slot, self.all = owners, tuple(lanes)
        if self.default not in self.all:
            self.default = self.all[0]
        if not self.clustered:
            self.clustered = True
            self._forget_plans()
        for lane in gone:
            lane.abandon()

    def _forget_plans(self) -> None:
        for planner in list(self._planners):
            planner.forget_plans()

    def tell(self, planner: Planner) -> None:
        """Have ``planner`` forget its takers when the deployment turns out to be a cluster."""
        self._planners.add(planner)

    def close(self) -> None:
        """Fail whoever waits, and whoever would."""
        for lane in (*self.all, self.nobody):
            lane.gate.close()
            lane.assign(None)


def _words_with_one_key(spec: CommandSpec) -> int:
    """How many words a command that takes many keys has when there is only one (``DEL k``: 2); or 0."""
    if spec.request is not RequestPolicy.MULTI_SHARD or spec.keys is None or len(spec.keys.specs) != 1:
        return 0
    keys = spec.keys.specs[0]
    if spec.keys.options or keys.keyword or keys.begin != 1 or keys.count_at >= 0 or keys.last >= 0:
        return 0
    return keys.step - keys.last


def _if_words(count: int, taker: Taker) -> Taker:
    return lambda args: taker(args) if len(args) == count else None
