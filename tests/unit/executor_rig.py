"""An executor over lanes whose nodes follow scripts, and everything that it sets in motion."""

from __future__ import annotations

import asyncio
from typing import Any

from delivery_fakes import FakeNode
from unit_support import A, B, C, soon

from ha_manager.config import Endpoint
from ha_manager.delivery import Backlog, Call, Confirmation, Executor, Lane, Lanes, Policy, Troubles
from ha_manager.observe import Counters, Event, EventBus, OutcomeInDoubt
from ha_manager.routing import SLOT_COUNT, describe
from ha_manager.topology import Cause
from ha_manager.transport import Node

SECRET = b"hunter2"

LOW = range(SLOT_COUNT // 2)
HIGH = range(SLOT_COUNT // 2, SLOT_COUNT)


def policy(**changes: Any) -> Policy:
    defaults: dict[str, Any] = {"in_doubt": "raise", "preference": None, "failover_timeout": 60.0}
    return Policy(**{**defaults, **changes})


def call(
    command: str,
    *,
    undecoded: bool = False,
    slot: int | None = None,
    lane: Lane | None = None,
    node: Endpoint | None = None,
    confirmation: Confirmation | None = None,
    **changes: Any,
) -> Call:
    """A call; ``changes`` are those of its policy."""
    spec = describe(command.split())
    return Call(spec, SECRET, policy(**changes), undecoded, slot, lane, node, confirmation)


class Rig:
    """An executor over one lane, whose primary follows ``script``."""

    def __init__(
        self, *script: Any, confirmed: bool = True, limit: int = 10, sentinels: tuple[FakeNode, ...] = ()
    ) -> None:
        self.node = FakeNode(A, *script)
        self.nodes: dict[Endpoint, FakeNode] = {A: self.node}
        self.counters = Counters()
        self.events: list[Event] = []
        self.triggers: list[Cause] = []
        self.hints: list[Endpoint] = []
        self.rescued: list[Lane] = []
        self.looked_up: list[tuple[Endpoint, bool]] = []
        self.refetches = 0
        self.addresses: dict[Endpoint, Endpoint] = {}
        bus = EventBus()
        bus.add_listener(self.events.append)
        self.backlog = Backlog(limit, bus, self.counters)
        self.lanes = Lanes(self.backlog)
        self.lane = self.lanes.default
        self.lane.assign(self.node.as_node)
        if confirmed:
            self.lane.confirm()
        self.troubles = Troubles(
            self.lanes,
            address_map=lambda endpoint: self.addresses.get(endpoint, endpoint),
            is_known=lambda endpoint: endpoint in (A, B),
            hint=self.hints.append,
            trigger=self.triggers.append,
            rescue=self.rescued.append,
        )
        self.executor = Executor(
            self.lanes,
            self.troubles,
            node_at=self.node_at,
            sentinels=lambda: [sentinel.as_node for sentinel in sentinels],
            refetch=self.refetch,
        )

    def node_at(self, endpoint: Endpoint, reading: bool) -> Node:
        self.looked_up.append((endpoint, reading))
        return self.nodes[endpoint].as_node

    async def refetch(self) -> None:
        self.refetches += 1

    async def run(self, command: str, **changes: Any) -> Any:
        return await soon(self.executor.run(call(command, **changes)))

    def start(self, command: str, **changes: Any) -> asyncio.Task[Any]:
        return asyncio.ensure_future(self.executor.run(call(command, **changes)))

    @property
    def doubts(self) -> list[tuple[str, str]]:
        return [(e.command, e.action) for e in self.events if isinstance(e, OutcomeInDoubt)]


class ClusterRig(Rig):
    """A cluster of two shards: ``A`` owns the lower slots, ``B`` the upper ones; ``C`` owns nothing.

    ``A`` and ``B`` belong to the snapshot, ``C`` does not.
    """

    def __init__(self, *script: Any, limit: int = 10) -> None:
        super().__init__(*script, limit=limit)
        self.upper = FakeNode(B)
        self.stranger = FakeNode(C)
        self.nodes |= {B: self.upper, C: self.stranger}
        self.upper_lane = self.lanes.make()
        self.upper_lane.assign(self.upper.as_node)
        self.upper_lane.confirm()
        self.arrange([LOW], [HIGH])

    def arrange(self, lower: list[range], upper: list[range]) -> None:
        """Give each of the two shards these slots."""
        self.lanes.arrange([self.lane, self.upper_lane], [lower, upper])
