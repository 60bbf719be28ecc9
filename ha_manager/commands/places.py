"""The nodes, slots and flags that users of redis-py's ``RedisCluster`` ask for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from ha_manager.commands import targets
from ha_manager.routing import key_slot
from ha_manager.topology import NodeInfo, Role

if TYPE_CHECKING:
    from ha_manager.commands.context import Context


class Places:
    """Methods about where things are; they ask no server."""

    PRIMARIES: ClassVar[str] = targets.PRIMARIES
    REPLICAS: ClassVar[str] = targets.REPLICAS
    ALL_NODES: ClassVar[str] = targets.ALL_NODES
    RANDOM: ClassVar[str] = targets.RANDOM
    DEFAULT_NODE: ClassVar[str] = targets.DEFAULT_NODE

    _context: Context
    _key_bytes: Callable[[Any], bytes]

    def get_nodes(self) -> list[NodeInfo]:
        """Every node of the present topology."""
        return self._context.targets.nodes()

    def get_primaries(self) -> list[NodeInfo]:
        """The primaries of the present topology."""
        return self._context.targets.nodes(Role.PRIMARY)

    def get_replicas(self) -> list[NodeInfo]:
        """The replicas of the present topology."""
        return self._context.targets.nodes(Role.REPLICA)

    def get_node(
        self, host: str | None = None, port: int | None = None, node_name: str | None = None
    ) -> NodeInfo:
        """The node with this address.

        Args:
            host: its host, with ``port``.
            port: its port.
            node_name: ``"host:port"``, in place of both.

        Raises:
            NoSuchNodeError: it is not in the present topology.
        """
        return self._context.targets.find(node_name if node_name else (host, port))

    def keyslot(self, key: Any) -> int:
        """The slot of a key, from 0 to 16383."""
        return key_slot(self._key_bytes(key))

    def get_node_from_key(self, key: Any, replica: bool = False) -> NodeInfo | None:
        """The primary that owns a key's slot, or one of its replicas; ``None`` if there is none.

        Args:
            key: the key.
            replica: ask for a replica.
        """
        shard = self._context.targets.shard_of(self.keyslot(key))
        if shard is None:
            return None
        return (shard.replicas[0] if shard.replicas else None) if replica else shard.primary

    def get_default_node(self) -> NodeInfo | None:
        """The primary that commands without keys go to."""
        return self._context.targets.default()

    def set_default_node(self, node: Any) -> None:
        """Have commands without keys go to this primary's shard.

        Args:
            node: a node of :meth:`get_primaries`, or its ``"host:port"``.

        Raises:
            NoSuchNodeError: it is no primary of the present topology.
        """
        self._context.targets.set_default(node)
