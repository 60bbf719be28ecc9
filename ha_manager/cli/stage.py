"""What a trial needs of a deployment, whatever its kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from ha_manager.sandbox import ClusterSandbox, SentinelSandbox, ServerProcess

__all__ = ["Holder", "Keys", "Stage", "Tell", "Victim"]

# For each writer, the lists that it appends to in turn; no two writers share one.
Keys = Sequence[Sequence[str]]
# The primary that holds a key.
Holder = Callable[[str], ServerProcess]
# Takes a sentence about what was just done to the servers.
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Victim:
    """Whom a fault strikes.

    Attributes:
        primary: the server.
        writers: the numbers of the writers whose keys it holds.
    """

    primary: ServerProcess
    writers: range


class Stage(Protocol):
    """A deployment of real servers, and what can be done to it. It knows nothing of the client under test.

    Attributes:
        name: its kind in one word.
        title: the headline of its picture.
        facts: which servers there are.
        faults: what can be done to it.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    facts: ClassVar[str]
    faults: ClassVar[tuple[str, ...]]

    def __init__(self, server: str | None) -> None:
        """Take the server program, see `ha_manager.sandbox.find_server`."""

    @property
    def sandbox(self) -> SentinelSandbox | ClusterSandbox:
        """The servers: whoever wants to use the stage enters it first."""

    async def keys(self, writers: int) -> Keys:
        """Choose where each of so many writers writes; before anything else."""

    async def heal(self, timeout: float) -> None:
        """Start what is down, and wait until the next fault can be borne.

        Args:
            timeout: seconds to wait for each step.

        Raises:
            FailoverTimeoutError: the servers did not agree in time.
            ServerStartError: a server did not start again.
        """

    async def victim(self) -> Victim:
        """Choose whom the next fault strikes."""

    async def inflict(self, fault: str, victim: Victim, tell: Tell) -> None:
        """Do one of `faults`; it may have steps to tell of, the last one at its end."""

    async def holder(self, timeout: float) -> Holder:
        """Find the primaries that hold the keys now, once the servers agree about them.

        Raises:
            FailoverTimeoutError: they did not agree in time.
        """
