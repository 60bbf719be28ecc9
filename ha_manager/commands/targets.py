"""``target_nodes=``: from redis-py's flags and node objects to places in the present topology."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from random import choice
from typing import Any

from ha_manager.config import Endpoint
from ha_manager.delivery import Lane, Lanes
from ha_manager.errors import ConfigurationError, NoSuchNodeError
from ha_manager.topology import NodeInfo, Role, Shard, Topology

PRIMARIES = "primaries"
REPLICAS = "replicas"
ALL_NODES = "all"
RANDOM = "random"
DEFAULT_NODE = "default-node"
_FLAGS = (PRIMARIES, REPLICAS, ALL_NODES, RANDOM, DEFAULT_NODE)


@dataclass(frozen=True, slots=True)
class Place:
    """Where one copy of a command goes: to a shard, whichever node is its primary, or to one very node."""

    lane: Lane | None = None
    node: Endpoint | None = None

    @property
    def name(self) -> str:
        """The address as redis-py names nodes; of a shard, its primary's."""
        if self.lane is not None:
            return str(self.lane.primary.endpoint) if self.lane.primary else "unknown"
        return str(self.node)


class Targets:
    """Finds the places that a caller or a routing policy means.

    Args:
        lanes: the shards.
        topology: returns the snapshot in force.
    """

    def __init__(self, lanes: Lanes, topology: Callable[[], Topology]) -> None:
        self._lanes = lanes
        self._topology = topology

    def primaries(self) -> list[Place]:
        """Every shard."""
        return [Place(lane=lane) for lane in self._lanes.all]

    def replicas(self) -> list[Place]:
        """Every replica."""
        return [Place(node=endpoint) for endpoint in self._topology().replicas]

    def everywhere(self) -> list[Place]:
        """Every shard and every replica."""
        return [*self.primaries(), *self.replicas()]

    def resolve(self, wanted: Any) -> list[Place]:
        """What ``target_nodes=`` means.

        Args:
            wanted: a flag, a node, ``"host:port"``, or several of them in a list or as a dictionary's values.

        Raises:
            NoSuchNodeError: it names no node of the present topology, or of a kind that there is none of.
        """
        places = list(self._resolve(wanted))
        if not places:
            raise NoSuchNodeError(f"target_nodes={_shown(wanted)}: there is no such node; nothing was sent")
        return list(dict.fromkeys(places))

    def _resolve(self, wanted: Any) -> Iterable[Place]:
        if isinstance(wanted, str) and wanted.lower() in _FLAGS:
            return self._flagged(wanted.lower())
        if isinstance(wanted, Mapping):
            wanted = list(wanted.values())
        if isinstance(wanted, list | set | frozenset) or (isinstance(wanted, tuple) and not _is_pair(wanted)):
            return [place for one in wanted for place in self._resolve(one)]
        return [Place(node=self.find(wanted).endpoint)]

    def _flagged(self, flag: str) -> list[Place]:
        if flag == PRIMARIES:
            return self.primaries()
        if flag == REPLICAS:
            return self.replicas()
        if flag == ALL_NODES:
            return self.everywhere()
        if flag == RANDOM:
            return [choice(self.primaries())]
        return [Place(lane=self._lanes.of(None))]

    # Nodes

    def nodes(self, role: Role | None = None) -> list[NodeInfo]:
        """The nodes of the snapshot in force, of one role or all."""
        return [node for node in self._topology().nodes if role in (None, node.role)]

    def find(self, wanted: Any) -> NodeInfo:
        """The node that is meant.

        Raises:
            NoSuchNodeError: it is not in the present topology.
        """
        endpoint = _endpoint(wanted)
        for node in self._topology().nodes:
            if node.endpoint == endpoint:
                return node
        known = ", ".join(str(node.endpoint) for node in self._topology().nodes)
        raise NoSuchNodeError(f"{_shown(wanted)} is no node of the present topology; the nodes are: {known}")

    def shard_of(self, slot: int) -> Shard | None:
        """The shard that owns a slot."""
        return self._topology().shard_of(slot)

    def default(self) -> NodeInfo | None:
        """The primary that commands without keys go to."""
        primary = self._lanes.of(None).primary
        return self.find(primary.endpoint) if primary else None

    def set_default(self, wanted: Any) -> None:
        """Have commands without keys go to this primary's shard."""
        lane = self._lanes.with_primary(self.find(wanted).endpoint)
        if lane is None:
            raise NoSuchNodeError(f"{_shown(wanted)} is no primary; the default node must be one")
        self._lanes.default = lane


def _is_pair(value: tuple[Any, ...]) -> bool:
    return len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], int)


def _endpoint(wanted: Any) -> Endpoint:
    host, port = getattr(wanted, "host", None), getattr(wanted, "port", None)
    if isinstance(host, str) and isinstance(port, int):
        return Endpoint(host, port)
    if isinstance(wanted, str | tuple):
        try:
            return Endpoint.parse(wanted, option="target_nodes", default_port=6379)
        except ConfigurationError as wrong:
            raise NoSuchNodeError(str(wrong)) from None
    raise NoSuchNodeError(
        f"target_nodes={_shown(wanted)}: give {', '.join(_FLAGS)}, a node of get_nodes(), or a list of nodes"
    )


def _shown(wanted: Any) -> str:
    name = getattr(wanted, "name", wanted)
    return repr(name) if isinstance(name, str | tuple) else type(wanted).__name__
