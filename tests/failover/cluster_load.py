"""Writers that append unique values to keys in many slots of a cluster, and an audit of the outcome."""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Self

from ha_manager import ConnectionManager, OutcomeUnknownError
from ha_manager.routing import key_slot


def keys_in(slots: Iterable[int]) -> list[str]:
    """A key for each of these slots."""
    wanted = set(slots)
    found: dict[int, str] = {}
    for number in itertools.count():
        key = f"log:{number}"
        slot = key_slot(key.encode())
        if slot in wanted:
            wanted.remove(slot)
            found[slot] = key
        if not wanted:
            return [found[slot] for slot in sorted(found)]
    raise AssertionError("numbers do not end")


class ClusterLoad:
    """``writers`` tasks that RPUSH one unique value after the other until the block ends.

    Args:
        client: the manager.
        keys: where they write, in turn; each writer begins at another one.
        writers: how many.
    """

    def __init__(self, client: ConnectionManager, keys: list[str], writers: int = 64) -> None:
        self.client = client
        self.keys = keys
        self.writers = writers
        self.acknowledged: dict[str, list[str]] = defaultdict(list)
        self.in_doubt: list[tuple[str, str]] = []
        self.errors: list[Exception] = []
        self.count = [0] * writers
        self._stopped = False

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._write(i)) for i in range(self.writers)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stopped = True
        await asyncio.gather(*self._tasks)

    async def _write(self, writer: int) -> None:
        stride = len(self.keys) // self.writers + 1
        for number in itertools.count():
            if self._stopped:
                return
            key = self.keys[(writer * stride + number) % len(self.keys)]
            value = f"{writer}:{number}"
            try:
                await self.client.rpush(key, value)
                self.acknowledged[key].append(value)
                self.count[writer] += 1
            except OutcomeUnknownError:
                self.in_doubt.append((key, value))
            except Exception as error:
                self.errors.append(error)
                await asyncio.sleep(0.01)

    async def progress(self, each: int = 20, timeout: float = 30.0) -> None:
        """Wait until every writer had so many more writes acknowledged."""
        goals = [done + each for done in self.count]
        async with asyncio.timeout(timeout):
            while any(done < goal for done, goal in zip(self.count, goals, strict=True)):
                await asyncio.sleep(0.01)

    async def audit(self) -> Audit:
        """Read everything back."""
        stored = await asyncio.gather(*(self.client.lrange(key, 0, -1) for key in self.keys))
        return Audit(self, dict(zip(self.keys, stored, strict=True)))


class Audit:
    """What the servers kept, beside what the writers were told."""

    def __init__(self, load: ClusterLoad, stored: dict[str, list[Any]]) -> None:
        kept = {key: [value.decode() for value in values] for key, values in stored.items()}
        self.lost = [
            (key, value)
            for key, values in load.acknowledged.items()
            for value in sorted(set(values) - set(kept[key]))
        ]
        self.twice = [
            (key, value) for key, values in kept.items() for value in set(values) if values.count(value) > 1
        ]
        told = {(key, value) for key, values in load.acknowledged.items() for value in values}
        self.unexplained = [
            (key, value)
            for key, values in kept.items()
            for value in values
            if (key, value) not in told and (key, value) not in set(load.in_doubt)
        ]
