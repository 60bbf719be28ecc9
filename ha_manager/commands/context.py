"""What every view of one manager shares."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ha_manager.commands.learned import Learned
from ha_manager.commands.targets import Targets
from ha_manager.config import NodeOptions
from ha_manager.delivery import Executor, Lanes


@dataclass(frozen=True, slots=True)
class Context:
    """Where commands go, and how values are written and read.

    Attributes:
        executor, lanes: where commands go.
        targets: finds nodes.
        learned: tells of commands that the table does not know.
        refetch: fetches the topology anew.
        options: protocol, encoding and decoding.
        cross_slot: whether commands whose keys lie in several slots are split.
    """

    executor: Executor
    lanes: Lanes
    targets: Targets
    learned: Learned
    refetch: Callable[[], Awaitable[None]]
    options: NodeOptions
    cross_slot: bool = True
