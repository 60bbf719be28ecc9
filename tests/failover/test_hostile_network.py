"""A network that cuts connections anywhere, or writes nonsense into replies, under load."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ha_manager import ConnectionManager, OutcomeUnknownError
from ha_manager.sandbox import StandaloneSandbox


class Saboteur:
    """Forwards connections to a server, and damages each after a random number of reply bytes."""

    def __init__(self, target: tuple[str, int], damage: bytes, seed: int) -> None:
        self._target = target
        self._damage = damage
        self._random = random.Random(seed)
        self.peaceful = False
        self.damaged = 0

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection(*self._target)
        forward = asyncio.create_task(self._forward(reader, up_writer))
        try:
            await self._reply(up_reader, writer)
        except ConnectionError:
            pass
        except asyncio.CancelledError:
            return  # the test's loop is closing
        finally:
            forward.cancel()
            for end in (writer, up_writer):
                end.transport.abort()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)

    async def _reply(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left = self._random.randrange(500, 60_000)
        while data := await reader.read(65536):
            if len(data) > left and not self.peaceful:
                self.damaged += 1
                # RESP has no checksums: nonsense inside a value would be its value. A cut may be anywhere.
                writer.write(data + self._damage if self._damage else data[:left])
                await writer.drain()
                return
            left -= len(data)
            writer.write(data)


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("damage", [b"", b"?nonsense\r\n", b"$-7\r\n", b":notanumber\r\n", b"\xff\x00" * 40])
async def test_no_reply_is_mixed_up_and_no_write_is_repeated(protocol: int, damage: bytes) -> None:
    async with StandaloneSandbox() as sandbox:
        saboteur = Saboteur(sandbox.node.address, damage, seed=protocol)
        async with saboteur.listening() as port:
            async with await ConnectionManager.create(
                host="127.0.0.1", port=port, protocol=protocol
            ) as manager:
                acknowledged, in_doubt = [], []

                async def caller(name: int) -> None:
                    for number in range(150):
                        text = f"{name}:{number}:{'x' * (number % 50)}"
                        assert await manager.echo(text) == text.encode()
                        try:
                            acknowledged.append(await manager.incr("counter"))
                        except OutcomeUnknownError:
                            in_doubt.append(number)

                async with asyncio.timeout(60):
                    await asyncio.gather(*(caller(name) for name in range(20)))
                saboteur.peaceful = True
                stored = int(await manager.get("counter"))
        assert saboteur.damaged > 3
        # Nonsense behind whole replies leaves nobody waiting; a cut goes through the middle of some.
        assert damage or in_doubt
        assert len(set(acknowledged)) == len(acknowledged)
        assert len(acknowledged) <= stored <= len(acknowledged) + len(in_doubt)
