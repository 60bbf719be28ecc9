"""Servers behind other addresses: a TCP proxy for each server of a sandbox."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field

from ha_manager.sandbox import ServerProcess
from tests.integration.listeners import Handler, listener

Address = tuple[str, int]


@dataclass
class Proxies:
    """The proxies of a deployment.

    Attributes:
        outside: from the address that a server announces to the address of its proxy.
        peers: for each server (its own address), the source ports of the proxy's connections to it.
    """

    outside: dict[Address, Address] = field(default_factory=dict)
    peers: dict[Address, set[str]] = field(default_factory=dict)


def forward_to(target: Address, peers: set[str] | None = None, delay: float = 0.0) -> Handler:
    """A handler that passes everything on; ``peers`` gets the source address of each connection.

    Args:
        delay: seconds for which the server's replies are held back.
    """

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_server, from_proxy = await asyncio.open_connection(*target)
        host, port = from_proxy.get_extra_info("sockname")
        if peers is not None:
            peers.add(f"{host}:{port}")
        try:
            # Whichever side ends, both end.
            pumps = [
                asyncio.ensure_future(_pump(reader, from_proxy, 0.0)),
                asyncio.ensure_future(_pump(to_server, writer, delay)),
            ]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        finally:
            from_proxy.transport.abort()
            with contextlib.suppress(OSError):
                await from_proxy.wait_closed()

    return forward


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    while data := await reader.read(1 << 16):
        if delay:
            await asyncio.sleep(delay)
        writer.write(data)
        await writer.drain()


@contextlib.asynccontextmanager
async def proxied(
    servers: Iterable[ServerProcess], delays: Mapping[Address, float] | None = None
) -> AsyncIterator[Proxies]:
    """Start a proxy for each server; they end with the block.

    Args:
        delays: seconds by which replies come late, for some of the servers' addresses.
    """
    proxies = Proxies()
    async with contextlib.AsyncExitStack() as stack:
        for server in servers:
            peers = proxies.peers[server.address] = set()
            handler = forward_to(server.address, peers, (delays or {}).get(server.address, 0.0))
            port = await stack.enter_async_context(listener(handler))
            proxies.outside[server.address] = ("127.0.0.1", port)
        yield proxies
