"""Asks the running nodes of a cluster what is true, and what is still missing."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field

from redis.exceptions import RedisError

from ha_manager.errors import DiscoveryError
from ha_manager.sandbox import cluster_health
from ha_manager.sandbox.cluster_files import Entry, Seat
from ha_manager.sandbox.cluster_health import Expected, Report
from ha_manager.sandbox.cluster_view import Picture, View, read_view
from ha_manager.sandbox.health import read_role
from ha_manager.sandbox.process import ServerProcess

__all__ = ["ClusterObserver"]

_ANSWER_SECONDS = 1.0


@dataclass(slots=True)
class ClusterObserver:
    """Looks at the nodes that run and are not paused; the others are not asked.

    Attributes:
        seats: what each node keeps for life; the sandbox adds and removes them.
        slots: how many slots must have an owner.
    """

    slots: int
    seats: dict[ServerProcess, Seat] = field(default_factory=dict)

    def awake(self) -> list[ServerProcess]:
        """The nodes that run and are not paused."""
        return [node for node in self.seats if node.state == "running"]

    def node(self, node_id: str) -> ServerProcess | None:
        """The node with that id; None if it is not one of the sandbox's."""
        return next((node for node, seat in self.seats.items() if seat.node_id == node_id), None)

    async def picture(self) -> Picture:
        """What the nodes say of each other.

        Raises:
            DiscoveryError: none of them answers.
        """
        awake = self.awake()
        views = await asyncio.gather(*map(_view, awake))
        told = zip(awake, views, strict=True)
        answers = {self.seats[node].node_id: view for node, view in told if view is not None}
        if not answers:
            raise DiscoveryError("sandbox: no node of the cluster answers")
        return Picture(answers)

    async def owner(self, slot: int) -> ServerProcess:
        """The node that owns the slot, alive or not.

        Raises:
            DiscoveryError: the slot has no owner.
        """
        owner = (await self.picture()).owner_of(slot)
        node = None if owner is None else self.node(owner)
        if node is None:
            raise DiscoveryError(f"sandbox: slot {slot} has no owner")
        return node

    async def owners(self) -> dict[int, ServerProcess]:
        """The node that owns each slot, for the slots that one of the sandbox's nodes owns."""
        nodes = {seat.node_id: node for node, seat in self.seats.items()}
        owners = (await self.picture()).owners()
        return {slot: nodes[owner] for slot, owner in owners.items() if owner in nodes}

    async def confirmed_owner(self, slot: int) -> ServerProcess:
        """The node that owns the slot, if it runs and says so itself.

        Raises:
            DiscoveryError: there is no such node.
        """
        picture = await self.picture()
        owner = picture.owner_of(slot)
        view = {} if owner is None else picture.views.get(owner, {})
        node = None if owner is None else self.node(owner)
        if owner is None or node is None or not view or not view[owner].owns(slot):
            raise DiscoveryError(f"sandbox: no running node says that it owns slot {slot}")
        return node

    async def primaries(self) -> list[ServerProcess]:
        """The primaries, in the order of their slots; a dead one as long as it owns slots."""
        found = [self.node(node_id) for node_id in (await self.picture()).primaries()]
        return [node for node in found if node is not None]

    async def replicas(self, primary: ServerProcess | None = None) -> list[ServerProcess]:
        """The replicas of all primaries, or of one."""
        picture = await self.picture()
        followed = {node: picture.primary_of(seat.node_id) for node, seat in self.seats.items()}
        wanted = None if primary is None else self.seats[primary].node_id
        return [node for node, head in followed.items() if (head if wanted is None else head == wanted)]

    async def linked_replicas(self, primary: ServerProcess) -> list[ServerProcess]:
        """The running replicas of a node: those that have a link to it first."""
        candidates = [node for node in await self.replicas(primary) if node.state == "running"]
        linked = dict(zip(candidates, await asyncio.gather(*map(_linked, candidates)), strict=True))
        return sorted(candidates, key=lambda node: not linked[node])

    async def healthy_primaries(self) -> list[ServerProcess]:
        """The primaries, once all nodes that run work together.

        Raises:
            DiscoveryError: something is missing; the message says what.
        """
        awake = self.awake()
        reports = await asyncio.gather(*map(_report, awake))
        expected = Expected(
            names={seat.node_id: node.name for node, seat in self.seats.items()},
            addresses={seat.node_id: node.address for node, seat in self.seats.items()},
            slots=self.slots,
        )
        ids = [self.seats[node].node_id for node in awake]
        found = cluster_health.complaints(dict(zip(ids, reports, strict=True)), expected)
        if found:
            raise DiscoveryError(f"sandbox: {'; '.join(found)}")
        return await self.primaries()

    async def entries(self) -> list[Entry]:
        """All nodes as a new node's table shall have them."""
        picture = await self.picture()
        slots: dict[str, list[range]] = defaultdict(list)
        for slot, owner in sorted(picture.owners().items()):
            slots[owner].append(range(slot, slot + 1))
        ids = {seat: seat.node_id for seat in self.seats.values()}
        return [Entry(seat, picture.primary_of(me), slots[me], picture.epoch(me)) for seat, me in ids.items()]


async def _view(node: ServerProcess) -> View | None:
    try:
        return read_view(str(await node.execute("CLUSTER", "NODES", timeout=_ANSWER_SECONDS)))
    except RedisError:
        return None


async def _report(node: ServerProcess) -> Report | None:
    try:
        return cluster_health.read_report(await node.ask(*cluster_health.QUESTIONS, timeout=_ANSWER_SECONDS))
    except RedisError:
        return None


async def _linked(node: ServerProcess) -> bool:
    try:
        return read_role(await node.execute("ROLE", timeout=_ANSWER_SECONDS)).linked
    except RedisError:
        return False
