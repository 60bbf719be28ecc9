"""Reads what the servers kept, straight from the primaries and not through the client under test."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from redis.asyncio import Redis

from ha_manager.cli.stage import Holder, Keys
from ha_manager.sandbox import ServerProcess

__all__ = ["Copies", "read_back"]

_KEYS_AT_ONCE = 500
_VALUES_AT_ONCE = 20_000
_MOST_COPIES = 255


@dataclass(frozen=True, slots=True)
class Copies:
    """How often each number of one writer is in its lists, and values there that it never sent."""

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


async def read_back(keys: Keys, holder: Holder, sent: Sequence[int]) -> list[Copies]:
    """Read the lists of every writer.

    Args:
        keys: of each writer.
        holder: the server to read a key from.
        sent: for each writer, how many numbers it sent.

    Raises:
        redis.RedisError: a server does not answer, or does not hold the key.
    """
    held: dict[ServerProcess, list[str]] = defaultdict(list)
    for key in chain.from_iterable(keys):
        held[holder(key)].append(key)
    lists: dict[str, list[int]] = {}
    for node, own in held.items():
        async with Redis(host=node.host, port=node.port, socket_timeout=30) as server:
            for part in _parts(own):
                lists |= await _lists(server, part)
    return [
        Copies.of(list(chain.from_iterable(lists[key] for key in own)), count)
        for own, count in zip(keys, sent, strict=True)
    ]


async def _lists(server: Redis, keys: list[str]) -> dict[str, list[int]]:
    lists: dict[str, list[int]] = {key: [] for key in keys}
    unread, start = keys, 0
    while unread:
        async with server.pipeline(transaction=False) as pipeline:
            for key in unread:
                pipeline.lrange(key, start, start + _VALUES_AT_ONCE - 1)
            answers = dict(zip(unread, await pipeline.execute(), strict=True))
        for key, values in answers.items():
            lists[key] += map(int, values)
        unread = [key for key, values in answers.items() if len(values) == _VALUES_AT_ONCE]
        start += _VALUES_AT_ONCE
    return lists


def _parts(keys: list[str]) -> Iterator[list[str]]:
    for first in range(0, len(keys), _KEYS_AT_ONCE):
        yield keys[first : first + _KEYS_AT_ONCE]
