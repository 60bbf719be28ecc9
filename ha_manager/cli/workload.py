"""Writers that append numbers, readers beside them, and a record of what each of them lived through."""

from __future__ import annotations

import asyncio
import math
import time
from array import array
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

from ha_manager.cli.stage import Keys

__all__ = ["Client", "Failure", "Ledger", "Outcome", "Workload"]

Operation = Callable[[int], Awaitable[None]]

clock = time.monotonic

_PAUSE_AFTER_ERROR = 0.02
_FAILURES_KEPT = 1000


class Client(Protocol):
    """What the workload needs of a client under test.

    Attributes:
        in_doubt: the errors that say "this write may or may not have run".
        repeats: moments (monotonic seconds) at which a write in doubt was repeated, by permission.
    """

    @property
    def in_doubt(self) -> tuple[type[Exception], ...]: ...

    @property
    def repeats(self) -> Sequence[float]: ...

    async def append(self, key: str, number: int) -> None:
        """RPUSH: not idempotent, so that a repetition shows."""

    async def read(self, key: str) -> None:
        """Any command that only reads the list ``key``."""


class Outcome(IntEnum):
    """What a caller was told of one operation."""

    UNFINISHED = 0
    ACKNOWLEDGED = 1
    IN_DOUBT = 2
    FAILED = 3


@dataclass(frozen=True, slots=True)
class Failure:
    """An error that a caller got, other than a write's outcome in doubt."""

    at: float
    text: str


@dataclass(slots=True)
class Ledger:
    """Every operation of one worker, in order; the position is the number that a writer appended.

    Arrays, not objects: under full load there are millions of operations.
    """

    starts: array[float] = field(default_factory=lambda: array("d"))
    ends: array[float] = field(default_factory=lambda: array("d"))
    outcomes: bytearray = field(default_factory=bytearray)
    failures: list[Failure] = field(default_factory=list)

    def begin(self) -> int:
        """Note the start of an operation, and return its number."""
        self.starts.append(clock())
        self.ends.append(math.inf)
        self.outcomes.append(Outcome.UNFINISHED)
        return len(self.outcomes) - 1

    def finish(self, number: int, outcome: Outcome) -> None:
        """Note the end of an operation."""
        self.ends[number] = clock()
        self.outcomes[number] = outcome

    def fail(self, number: int, error: Exception) -> None:
        """Note an operation that ended with an error."""
        self.finish(number, Outcome.FAILED)
        if len(self.failures) < _FAILURES_KEPT:
            self.failures.append(Failure(self.ends[number], f"{type(error).__name__}: {error}"))


class Workload:
    """Concurrent writers and readers on one client, until stopped.

    Args:
        client: the client under test.
        keys: the lists of each writer; there are as many writers.
        readers: tasks that read those lists.
        think: seconds that each of them waits between two operations; 0 is full load.
    """

    def __init__(self, client: Client, keys: Keys, *, readers: int, think: float) -> None:
        self._client = client
        self._keys = keys
        self._think = think
        self._stopping = False
        self.writes = [Ledger() for _ in keys]
        self.reads = [Ledger() for _ in range(readers)]
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def acknowledged(self) -> int:
        """Writes that were acknowledged so far."""
        return self._count(Outcome.ACKNOWLEDGED)

    @property
    def in_doubt(self) -> int:
        """Writes whose outcome the callers were told to be unknown, so far."""
        return self._count(Outcome.IN_DOUBT)

    @property
    def failed(self) -> int:
        """Operations of writers and readers that ended with another error, so far."""
        return self._count(Outcome.FAILED) + sum(
            ledger.outcomes.count(Outcome.FAILED) for ledger in self.reads
        )

    def start(self) -> None:
        """Start the tasks."""
        writers = [self._work(ledger, self._append(number)) for number, ledger in enumerate(self.writes)]
        readers = [self._work(ledger, self._read()) for ledger in self.reads]
        self._tasks = [asyncio.create_task(work) for work in (*writers, *readers)]

    async def stop(self, timeout: float) -> None:
        """Let every task end its last operation, for ``timeout`` seconds; the rest stays UNFINISHED."""
        self._stopping = True
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=timeout)
        for task in late:
            task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        # An error in the workload itself must not pass for a writer that had nothing more to do.
        for result in results:
            if isinstance(result, Exception):
                raise result

    def _append(self, writer: int) -> Operation:
        keys, append = self._keys[writer], self._client.append
        return lambda number: append(keys[number % len(keys)], number)

    def _read(self) -> Operation:
        keys, read = self._keys, self._client.read

        def operate(number: int) -> Awaitable[None]:
            turn, writer = divmod(number, len(keys))
            return read(keys[writer][turn % len(keys[writer])])

        return operate

    async def _work(self, ledger: Ledger, operate: Operation) -> None:
        while not self._stopping:
            number = ledger.begin()
            try:
                await operate(number)
            except self._client.in_doubt:
                ledger.finish(number, Outcome.IN_DOUBT)
            except Exception as error:  # noqa: BLE001 - every error is a result of the trial
                ledger.fail(number, error)
                await asyncio.sleep(_PAUSE_AFTER_ERROR)
            else:
                ledger.finish(number, Outcome.ACKNOWLEDGED)
            if self._think:
                await asyncio.sleep(self._think)

    def _count(self, outcome: Outcome) -> int:
        return sum(ledger.outcomes.count(outcome) for ledger in self.writes)
