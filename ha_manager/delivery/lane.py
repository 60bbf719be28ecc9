"""The way to one shard: its nodes, and whether writes and reads may go to them now.

The primary may be used while it is ``confirmed`` (it said that it is primary since its last
connection was opened) and, for writes, while no announced failover holds them. ``writer`` and
``reader`` are on the fast path: they look at one attribute.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ha_manager.delivery.gate import Gate
from ha_manager.routing import Candidate, ReadPreference
from ha_manager.transport import Connection, Node, NodeState


class Lane:
    """One shard's primary and replicas, as far as commands are concerned.

    Args:
        gate: where its commands wait.

    Attributes:
        primary: where writes go, ``None`` while unknown.
        replicas: the nodes that reads may go to besides.
        confirmed: the primary said that it is one, on the connection in use.
        read_only: there is no primary, and none is expected.
        held: why writes wait although the primary is confirmed; empty if they do not.
        refusal: why the primary is doubted, where that is known; empty otherwise.
        writing, reading: the primary, while writes (reads) may go to it.
        gone: the shard left the topology; whoever is here must look for another lane.
    """

    def __init__(self, gate: Gate) -> None:
        self.primary: Node | None = None
        self.replicas: tuple[Node, ...] = ()
        self.confirmed = False
        self.read_only = False
        self.held = ""
        self.refusal = ""
        self.gone = False
        self.gate = gate
        self.writing: Node | None = None
        self.reading: Node | None = None

    # The fast path

    def writer(self, _args: Sequence[Any] = ()) -> Connection | None:
        """A ready connection that writes may use now, or ``None``."""
        node = self.writing
        return None if node is None else node.take()

    def reader(self, _args: Sequence[Any] = ()) -> Connection | None:
        """A ready connection to the primary that reads may use now, or ``None``."""
        node = self.reading
        return None if node is None else node.take()

    @property
    def in_question(self) -> bool:
        """Whether the primary may be none any more: it is not confirmed, or falls strangely silent."""
        return not self.confirmed or (self.primary is not None and self.primary.late)

    # Choosing

    def writer_node(self) -> Node | None:
        """The node that writes may go to now."""
        return self.writing

    def reader_node(self, preference: ReadPreference | None) -> Node | None:
        """The node that a read goes to now: the first in order of preference that is connected."""
        if preference is None:
            return self.reading
        members = (self.reading, *self.replicas)
        nodes = {node.endpoint: node for node in members if node is not None}
        candidates = [Candidate(n.endpoint, n is self.reading, n.latency, n.zone) for n in nodes.values()]
        for candidate in preference(candidates):
            node = nodes.get(candidate.endpoint)
            if node is not None and node.state is NodeState.UP:
                return node
        return None

    # Changing

    def assign(self, primary: Node | None, *, read_only: bool = False) -> None:
        """A primary, which starts unconfirmed if it is new, or none, to only read from replicas."""
        if primary is not self.primary:
            self.confirmed = False
        self.primary, self.read_only = primary, read_only
        self._update()

    def admit(self, *replicas: Node) -> None:
        """These replicas may be read from."""
        self.replicas += tuple(node for node in replicas if node not in self.replicas)
        self.changed()

    def expel(self, *replicas: Node) -> None:
        """These replicas may not be read from any more."""
        self.replicas = tuple(node for node in self.replicas if node not in replicas)

    def confirm(self) -> None:
        """The primary itself has just said that it is primary."""
        if self.primary is not None and self.primary.take() is not None:
            self.confirmed = True
            self.refusal = ""
        self._update()

    def doubt(self, refusal: str = "") -> None:
        """Nothing goes to the primary until it is confirmed again."""
        self.confirmed = False
        self.refusal = refusal or self.refusal
        self._update()

    def hold(self, reason: str) -> None:
        """Writes wait, reads go on."""
        self.held = reason
        self._update()

    def release(self) -> None:
        """Writes go on."""
        self.held = ""
        self._update()

    def changed(self) -> None:
        """A node came up: let waiting commands look again."""
        self.gate.open()

    def abandon(self) -> None:
        """The shard is no more: its commands look for another lane."""
        self.gone = True
        self.assign(None)
        self.gate.open()

    def why(self) -> str:
        """What a command that waits now is waiting for."""
        if self.primary is None:
            return "a replica to become reachable" if self.read_only else "a primary to be found"
        if self.held:
            return f"an announced failover away from {self.primary.endpoint} to end ({self.held})"
        if self.primary.state is not NodeState.UP:
            return f"the primary {self.primary.endpoint} to come back or be replaced ({self.primary.reason})"
        if self.refusal:
            return f"{self.primary.endpoint} to serve again ({self.refusal})"
        if not self.confirmed:
            return f"{self.primary.endpoint} to be confirmed as primary"
        return "a connection"

    def _update(self) -> None:
        before = (self.reading, self.writing)
        self.reading = self.primary if self.confirmed else None
        self.writing = None if self.held else self.reading
        after = (self.reading, self.writing)
        if any(now is not None and now is not was for now, was in zip(after, before, strict=True)):
            self.changed()
