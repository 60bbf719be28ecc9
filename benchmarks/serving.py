"""When did nodes of a cluster serve? The parent's end of `serve_watch.py`."""

import asyncio
import json
import math
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ha_manager.sandbox import ServerProcess

WATCH = Path(__file__).resolve().parent / "serve_watch.py"
INTERVAL = 0.002
EXIT_SECONDS = 5.0


@dataclass(frozen=True)
class Turn:
    """A node changed its mind: moments of the monotonic clock."""

    port: int
    serves: bool
    at: float
    not_before: float


class ServeProbe:
    """Asks nodes every two milliseconds for a key each, from a process of its own.

    Args:
        nodes: each with a key of a slot that it serves, or that its primary does.
    """

    def __init__(self, nodes: Sequence[tuple[ServerProcess, str]]) -> None:
        self._order = {"nodes": [(*node.address, key) for node, key in nodes], "interval": INTERVAL}
        self._turns: list[Turn] = []
        self._process: Process | None = None
        self._reading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._process = process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(WATCH)), stdin=PIPE, stdout=PIPE, process_group=0
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps(self._order).encode() + b"\n")
        self._reading = asyncio.create_task(self._read(process))
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._reading is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(EXIT_SECONDS):
                await self._process.wait()
                await self._reading
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    def serves_from(self, after: float, nodes: Collection[ServerProcess]) -> float | None:
        """When the first of these nodes began to serve; ``None`` if none did."""
        ports = {node.port for node in nodes}
        moments = [turn.at for turn in self._turns if turn.serves and turn.port in ports and turn.at > after]
        return min(moments, default=None)

    def longest_refusal(self, after: float, nodes: Collection[ServerProcess]) -> float:
        """For how long, at most, one or another of these nodes did not serve; inf if it did not end."""
        ports = {node.port for node in nodes}
        turns = [turn for turn in self._turns if turn.port in ports and turn.at > after]
        refusing: set[int] = set()
        begin, longest = 0.0, 0.0
        for turn in sorted(turns, key=lambda turn: turn.at):
            if turn.serves:
                refusing.discard(turn.port)
                if not refusing:
                    longest = max(longest, turn.at - begin)
            else:
                begin = begin if refusing else turn.not_before
                refusing.add(turn.port)
        return math.inf if refusing else longest

    async def _read(self, process: Process) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            self._turns.append(Turn(**json.loads(line)))
