"""The nodes that are in use, one object for each address."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ha_manager.config import Endpoint
from ha_manager.transport.node import Node, NodeState


class Fleet:
    """Creates nodes on demand and retires those that nobody needs any more."""

    def __init__(self, build: Callable[[Endpoint], Node]) -> None:
        self._build = build
        self._nodes: dict[Endpoint, Node] = {}
        self._leaving: list[Node] = []

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

    def leave(self, endpoint: Endpoint, reason: str, patience: float) -> None:
        """Leave one node when it has answered, or after ``patience`` seconds."""
        node = self._nodes.pop(endpoint, None)
        if node is not None:
            self._leaving = [left for left in self._leaving if left.state is not NodeState.RETIRED]
            self._leaving.append(node)
            node.leave(reason, patience)

    def keep_only(self, endpoints: Iterable[Endpoint], reason: str, patience: float = 0.0) -> None:
        """Leave every node but these."""
        wanted = set(endpoints)
        for endpoint in tuple(self._nodes):
            if endpoint not in wanted:
                self.leave(endpoint, reason, patience)

    @property
    def everything(self) -> tuple[Node, ...]:
        """Every node that may still hold a socket, those being left included."""
        return (*self._nodes.values(), *self._leaving)
