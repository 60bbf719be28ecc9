"""Writers that append unique values and note what became of each."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field
from typing import Any, Self

from ha_manager import OutcomeUnknownError
from ha_manager.cli.healing import heal
from ha_manager.commands import CommandAPI
from ha_manager.sandbox import SentinelSandbox

KEY = "log"


@dataclass
class Load:
    """``writers`` tasks that RPUSH one unique value after the other until the block ends."""

    client: CommandAPI
    writers: int = 16
    acknowledged: list[str] = field(default_factory=list)
    in_doubt: list[str] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    _stopped: bool = False

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._write(i)) for i in range(self.writers)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stopped = True
        await asyncio.gather(*self._tasks)

    async def _write(self, writer: int) -> None:
        for number in itertools.count():
            if self._stopped:
                return
            value = f"{writer}:{number}"
            try:
                await self.client.rpush(KEY, value)
                self.acknowledged.append(value)
            except OutcomeUnknownError:
                self.in_doubt.append(value)
            except Exception as error:
                self.errors.append(error)
                await asyncio.sleep(0.01)

    async def progress(self, count: int = 200, timeout: float = 20.0) -> None:
        """Wait until so many more writes were acknowledged, by every writer at least one."""
        goal = len(self.acknowledged) + count
        start = len(self.acknowledged)
        async with asyncio.timeout(timeout):
            while len(self.acknowledged) < goal or not self._all_wrote(start):
                await asyncio.sleep(0.01)

    def _all_wrote(self, start: int) -> bool:
        return len({value.split(":")[0] for value in self.acknowledged[start:]}) == self.writers


async def stored(client: Any) -> list[str]:
    """What the servers kept."""
    return [value.decode() for value in await client.lrange(KEY, 0, -1)]


async def make_whole(sandbox: SentinelSandbox) -> None:
    """Start what is down, and wait until another failover can be borne.

    Not `wait_healthy`: by themselves the Sentinels take ten seconds to turn an old primary around, and
    if they are told to hurry, they turn the new one around, when its promotion is noticed late.
    """
    await heal(sandbox, 30.0)


async def eventually(condition: Any, timeout: float = 15.0) -> None:
    """Wait until ``condition()`` holds."""
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.01)
