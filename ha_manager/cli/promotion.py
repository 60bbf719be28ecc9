"""When did the servers themselves promote a new primary? Told by a process that is no part of the client."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from ha_manager.cli import _role_watch
from ha_manager.sandbox import Credentials, ServerProcess

__all__ = ["PromotionProbe", "RoleChange"]

INTERVAL_SECONDS = 0.002
_EXIT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class RoleChange:
    """A server gave another answer to ROLE than before.

    Attributes:
        port: the server.
        role: ``"master"``, ``"slave"``, or None for anything else.
        at: when that answer arrived, in seconds of the monotonic clock.
        not_before: when the previous, different answer arrived: the change lies between the two.
    """

    port: int
    role: str | None
    at: float
    not_before: float


class PromotionProbe:
    """Asks every data server for its ROLE, every two milliseconds, from a process of its own.

    Args:
        nodes: the data servers.
        credentials: how to log in to them, if they ask for it.
    """

    def __init__(self, nodes: Sequence[ServerProcess], credentials: Credentials | None = None) -> None:
        self._nodes = nodes
        self._credentials = credentials or Credentials()
        self._process: Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self.changes: list[RoleChange] = []

    async def __aenter__(self) -> Self:
        # In a group of its own: Ctrl-C in a terminal is for the process that can clean up.
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", _role_watch.__file__),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            process_group=0,
        )
        assert self._process.stdin is not None
        self._process.stdin.write(self._order())
        self._reading = asyncio.create_task(self._read(self._process))
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._reading is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(_EXIT_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        finally:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def promotion(self, *, after: float, other_than: int, timeout: float) -> RoleChange | None:
        """Wait for the first promotion of another server.

        Args:
            after: seconds of the monotonic clock; earlier promotions do not count.
            other_than: the port of the server that was the primary.
            timeout: seconds to wait.

        Returns:
            The change, or None if no other server became the primary in time.
        """
        try:
            async with asyncio.timeout(timeout):
                while True:
                    for change in self.changes:
                        if change.role == "master" and change.at > after and change.port != other_than:
                            return change
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return None

    def _order(self) -> bytes:
        order = {
            "nodes": [node.address for node in self._nodes],
            "username": self._credentials.username,
            "password": self._credentials.password,
            "interval": INTERVAL_SECONDS,
        }
        return json.dumps(order).encode() + b"\n"

    async def _read(self, process: Process) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            self.changes.append(RoleChange(**json.loads(line)))
            self._changed.set()
