"""Reads what the servers kept, straight from the primary and not through the client under test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from redis.asyncio import Redis

from ha_manager.cli.workload import key_of
from ha_manager.sandbox import ServerProcess

__all__ = ["Copies", "read_back"]

_CHUNK = 20_000
_MOST_COPIES = 255


@dataclass(frozen=True, slots=True)
class Copies:
    """How often each number of one writer is in its list, and values there that it never sent."""

    counts: bytearray
    strangers: int = 0

    @classmethod
    def of(cls, values: Sequence[int], sent: int) -> Copies:
        """Count ``values``; the writer sent the numbers below ``sent``."""
        counts, strangers = bytearray(sent), 0
        for value in values:
            if not 0 <= value < sent:
                strangers += 1
            elif counts[value] < _MOST_COPIES:
                counts[value] += 1
        return cls(counts, strangers)


async def read_back(primary: ServerProcess, sent: Sequence[int]) -> list[Copies]:
    """Read the list of every writer.

    Args:
        primary: the server to read.
        sent: for each writer, how many numbers it sent.

    Raises:
        redis.RedisError: the primary does not answer.
    """
    async with Redis(host=primary.host, port=primary.port, socket_timeout=30) as server:
        return [Copies.of(await _list(server, key_of(writer)), count) for writer, count in enumerate(sent)]


async def _list(server: Redis, key: str) -> list[int]:
    values: list[int] = []
    length = await server.llen(key)
    for start in range(0, length, _CHUNK):
        values += map(int, await server.lrange(key, start, start + _CHUNK - 1))
    return values
