"""Takes back what a primary that hands over has put off.

A primary pauses its writes while its successor takes over, and redirects them when it has heard of
that, which takes the cluster some 40 ms. Only the server can say that a command did not run, and it can
be asked: it is made to close the connection whose next command it put off, and says in the same breath
that it owed it no reply. When that connection then ends in good order, nothing it was sent and did not answer
has run, or ever will.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from redis.exceptions import RedisError

from ha_manager.config import Endpoint
from ha_manager.routing import describe
from ha_manager.transport import Connection, ConnectionLostError, Node, Withdrawal, make_packer

LONGEST = 2.0
"""Seconds after which the server is left alone: it will have answered by redirects long before."""

Dial = Callable[[Endpoint], Awaitable[Connection]]


class Withdrawals:
    """Withdraws commands from nodes that are being left.

    Args:
        dial: opens a connection of one's own that does not decode.
    """

    def __init__(self, dial: Dial) -> None:
        self._dial = dial
        self._pack = make_packer("utf-8", "strict")
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, node: Node) -> None:
        """Try it for every shared connection that still owes replies; if it fails, nothing has changed."""
        owing = [connection for connection in node.leaving if connection.pending]
        if owing:
            task = asyncio.get_running_loop().create_task(self._withdraw(node.endpoint, owing))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Withdraw nothing more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _withdraw(self, endpoint: Endpoint, owing: Sequence[Connection]) -> None:
        try:
            async with asyncio.timeout(LONGEST):
                own = await self._dial(endpoint)
                try:
                    for connection in owing:
                        await self._close_there(own, connection)
                finally:
                    own.close("it has served its purpose")
        except (RedisError, ConnectionLostError, OSError, TimeoutError):
            return

    async def _close_there(self, own: Connection, connection: Connection) -> None:
        """Have the server close a connection, if that does no harm."""
        listing = self._pack(("CLIENT", "LIST", "ID", connection.client_id or 0))
        if not is_put_off(await own.send(listing)):
            return
        closing = self._pack(("CLIENT", "KILL", "ID", connection.client_id or 0))
        batch = [self._pack(("MULTI",)), listing, closing, self._pack(("EXEC",))]
        granted = Withdrawal.NONE
        connection.withdraw(Withdrawal.ASKED)
        try:
            *_, told = await asyncio.gather(*(own.send(packed) for packed in batch))
            if is_proof(told):
                granted = Withdrawal.GRANTED
        finally:
            connection.withdraw(granted)


def is_proof(told: Any) -> bool:
    """Whether EXEC's reply says that the command was put off up to its connection's end."""
    return isinstance(told, list) and len(told) == 2 and is_put_off(told[0]) and told[1] == 1


def is_put_off(listed: Any) -> bool:
    """Whether CLIENT LIST's reply tells of a client whose next command waits for the end of a pause.

    "Blocked" may also be said of a command that works in the background, or waits after having done its
    work. None of these is a server's own command with keys that does not block by its nature. And all
    replies to earlier commands must have left the server.
    """
    if not isinstance(listed, bytes):
        return False
    lines = listed.decode("utf-8", "replace").splitlines()
    if len(lines) != 1:
        return False
    about = dict(word.partition("=")[::2] for word in lines[0].split(" "))
    command = about.get("cmd", "")
    spec = describe((command.replace("|", " "),))
    return (
        "b" in about.get("flags", "")
        and (about.get("obl"), about.get("oll"), about.get("omem")) == ("0", "0", "0")
        and spec.keys is not None
        and not spec.blocking
        and "." not in command
    )
