"""A cluster in memory whose slots move, key by key, while somebody iterates over it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from delivery_fakes import FakeNode

from ha_manager.commands.sweep import Sweep
from ha_manager.commands.targets import Place
from ha_manager.config import Endpoint
from ha_manager.delivery import Backlog, Lanes
from ha_manager.errors import NoSuchNodeError
from ha_manager.observe import Counters, EventBus
from ha_manager.routing import SLOT_COUNT, key_slot

NODES = 3
TAGS = ("a", "b", "c", "d")
SLOTS = tuple(key_slot(tag.encode()) for tag in TAGS)
KEYS = tuple(f"{{{tag}}}{number}".encode() for number in range(3) for tag in TAGS)
PAGE = 2


@dataclass
class Server:
    """One primary.

    Attributes:
        owned: the slots that it owns.
        leaving: slots whose keys move away, and the name of the node that they go to.
        arriving: slots whose keys come in.
        session: how often it was started.
        epoch: its configuration epoch.
    """

    number: int
    owned: set[int] = field(default_factory=set)
    leaving: dict[int, str] = field(default_factory=dict)
    arriving: set[int] = field(default_factory=set)
    keys: set[bytes] = field(default_factory=set)
    session: int = 1
    epoch: int = 1

    @property
    def name(self) -> str:
        return f"{self.number:02x}ff"

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint("10.0.0.1", 7000 + self.number)

    def own_line(self) -> str:
        """Its answer to CLUSTER NODES, as far as it matters."""
        words = ["myself,master", "-", "0", "0", str(self.epoch), "connected", *_ranges(self.owned)]
        words += [f"[{slot}->-{name}]" for slot, name in self.leaving.items()]
        words += [f"[{slot}-<-00ee]" for slot in self.arriving]
        return f"{self.name} {self.endpoint}@17000 {' '.join(words)}\n"

    def scan(self, cursor: int) -> tuple[int, list[bytes]]:
        """SCAN: the keys of one stretch of the hash table, as it is now."""
        end = cursor + PAGE
        return (end if end < len(KEYS) else 0), [key for key in KEYS[cursor:end] if key in self.keys]


def _ranges(slots: set[int]) -> list[str]:
    ordered = sorted(slots)
    starts = [slot for slot in ordered if slot - 1 not in slots]
    ends = [slot for slot in ordered if slot + 1 not in slots]
    return [f"{start}-{end}" for start, end in zip(starts, ends, strict=True)]


class World:
    """The cluster, its map, and what happens to it in between.

    Attributes:
        before: called before each command with the lane's server and the command's first word.
        scanned: the servers that were asked for keys, in order.
    """

    def __init__(self) -> None:
        self.servers = [Server(number) for number in range(NODES)]
        self.lanes = Lanes(Backlog(10, EventBus(), Counters()))
        self._made = [self.lanes.make() for _ in self.servers]
        for lane, server in zip(self._made, self.servers, strict=True):
            lane.assign(FakeNode(server.endpoint).as_node)
        for slot in range(SLOT_COUNT):
            self.servers[slot * NODES // SLOT_COUNT].owned.add(slot)
        for key in KEYS:
            self.owner(key_slot(key)).keys.add(key)
        self.update_map()
        self.before: Callable[[Server, str], None] = lambda _server, _command: None
        self.scanned: list[int] = []
        self.commands = 0

    def owner(self, slot: int) -> Server:
        return next(server for server in self.servers if slot in server.owned)

    def update_map(self) -> None:
        """Have the lanes follow the servers."""
        slots = [[range(slot, slot + 1) for slot in server.owned] for server in self.servers]
        self.lanes.arrange(self._made, slots)

    # What happens to slots

    def target_of(self, slot: int) -> Server | None:
        """Where the keys of a slot go; ``None`` if it stays."""
        return next((server for server in self.servers if slot in server.arriving), None)

    def begin(self, slot: int, target: Server) -> None:
        """From now on, this slot is on its way."""
        source = self.owner(slot)
        if source is not target and self.target_of(slot) is None:
            source.leaving[slot] = target.name
            target.arriving.add(slot)

    def move(self, slot: int, count: int = 1) -> None:
        """Move so many keys of a slot that is on its way."""
        target, source = self.target_of(slot), self.owner(slot)
        if target is not None:
            moved = [key for key in KEYS if key in source.keys and key_slot(key) == slot][:count]
            source.keys -= set(moved)
            target.keys |= set(moved)

    def finish(self, slot: int) -> None:
        """Move what is left, and hand the slot over: its new owner takes the highest epoch."""
        target, source = self.target_of(slot), self.owner(slot)
        if target is not None:
            self.move(slot, len(KEYS))
            source.owned.discard(slot)
            del source.leaving[slot]
            target.arriving.discard(slot)
            target.owned.add(slot)
            target.epoch = max(target.epoch, 1 + max(s.epoch for s in self.servers if s is not target))

    def migrate(self, slot: int, target: Server) -> None:
        """All of it at once."""
        self.begin(slot, target)
        self.finish(slot)

    # Iterating

    async def _refetch(self) -> None:
        """The map comes late: only a script may change it."""

    async def execute_at(self, place: Place, *args: Any) -> tuple[Any, object]:
        assert place.lane is not None
        if place.lane.gone:
            raise NoSuchNodeError("it left")
        server = self.servers[self._made.index(place.lane)]
        self.commands += 1
        self.before(server, str(args[0]))
        by = (server.endpoint, server.session)
        if args[0] == "CLUSTER":
            return server.own_line(), by
        if args[1] == 0:
            self.scanned.append(server.number)
        return server.scan(args[1]), by

    async def sweep(self, given: list[bytes] | None = None) -> list[bytes]:
        """Iterate, and return what was given; ``given`` holds it also if the iteration fails."""
        given = [] if given is None else given
        async for key in Sweep(self.lanes, self.execute_at, bytes, self._refetch).keys([]):
            given.append(key)
        return given
