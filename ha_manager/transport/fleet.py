"""The nodes that are in use, one object for each address."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ha_manager.config import Endpoint
from ha_manager.transport.node import Node


class Fleet:
    """Creates nodes on demand and retires those that nobody needs any more."""

    def __init__(self, build: Callable[[Endpoint], Node]) -> None:
        self._build = build
        self._nodes: dict[Endpoint, Node] = {}

    def __iter__(self) -> Iterator[Node]:
        return iter(tuple(self._nodes.values()))

    def node(self, endpoint: Endpoint) -> Node:
        """The node at this address; a new one if there is none."""
        node = self._nodes.get(endpoint)
        if node is None:
            node = self._nodes[endpoint] = self._build(endpoint)
        return node

    def find(self, endpoint: Endpoint) -> Node | None:
        """The node at this address, if there is one."""
        return self._nodes.get(endpoint)

    def retire(self, endpoint: Endpoint, reason: str) -> None:
        """Leave one node at once."""
        node = self._nodes.pop(endpoint, None)
        if node is not None:
            node.retire(reason)

    def keep_only(self, endpoints: Iterable[Endpoint], reason: str) -> None:
        """Leave every node but these."""
        wanted = set(endpoints)
        for endpoint in tuple(self._nodes):
            if endpoint not in wanted:
                self.retire(endpoint, reason)
