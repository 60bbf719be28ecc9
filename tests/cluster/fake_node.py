"""A node of a cluster that answers what a test wants it to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import hiredis

from tests.integration.listeners import listener

Replies = Mapping[str, bytes]


@dataclass
class FakeNode:
    """Where it is, and the commands that it got."""

    address: tuple[str, int] = ("127.0.0.1", 0)
    heard: list[str] = field(default_factory=list)


@asynccontextmanager
async def fake_node(replies: Replies) -> AsyncIterator[FakeNode]:
    """It ends with the block.

    Args:
        replies: by the beginning of a command; whatever has none is answered by ``+OK``.
    """

    fake = FakeNode()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        parser = hiredis.Reader()
        while data := await reader.read(1 << 16):
            parser.feed(data)
            while (command := parser.gets()) is not False:
                words = b" ".join(command).decode("utf-8", "replace").upper()
                fake.heard.append(words)
                found = (reply for name, reply in replies.items() if words.startswith(name))
                writer.write(next(found, b"+OK\r\n"))
            await writer.drain()

    async with listener(serve) as port:
        fake.address = ("127.0.0.1", port)
        yield fake


def encode(value: Any) -> bytes:
    """A reply in RESP2."""
    if value is None:
        return b"$-1\r\n"
    if isinstance(value, int):
        return b":%d\r\n" % value
    if isinstance(value, list):
        return b"*%d\r\n" % len(value) + b"".join(map(encode, value))
    text = str(value).encode()
    return b"$%d\r\n%s\r\n" % (len(text), text)


def info(epoch: int, state: str = "ok") -> bytes:
    """The reply to CLUSTER INFO."""
    fields = {
        "cluster_enabled": 1,
        "cluster_state": state,
        "cluster_slots_assigned": 16384,
        "cluster_known_nodes": 6,
        "cluster_current_epoch": epoch,
        "cluster_my_epoch": epoch,
    }
    return encode("".join(f"{name}:{value}\r\n" for name, value in fields.items()))


def shard(port: int, slots: list[int], **changes: Any) -> list[Any]:
    """One shard of CLUSTER SHARDS, with one node."""
    node = {
        "id": "f" * 40,
        "port": port,
        "ip": "127.0.0.1",
        "endpoint": "127.0.0.1",
        "role": "master",
        "replication-offset": 0,
        "health": "online",
        **changes,
    }
    return ["slots", slots, "nodes", [[word for pair in node.items() for word in pair]]]
