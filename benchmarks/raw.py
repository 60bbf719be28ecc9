"""Many commands to one server over a plain socket: no client takes part in what the benchmark itself asks."""

import socket
from collections.abc import Sequence
from typing import Any

import hiredis

CHUNK = 500
PATIENCE = 30.0


def exchange(address: tuple[str, int], commands: Sequence[tuple[Any, ...]]) -> list[Any]:
    """The replies to these commands, in order; OSError if the server is gone, an error reply is raised."""
    replies: list[Any] = []
    reader = hiredis.Reader()
    with socket.create_connection(address, PATIENCE) as connection:
        for start in range(0, len(commands), CHUNK):
            part = commands[start : start + CHUNK]
            connection.sendall(b"".join(hiredis.pack_command(command) for command in part))
            while len(replies) < start + len(part):
                data = connection.recv(1 << 20)
                if not data:
                    raise ConnectionError("the server closed the connection")
                reader.feed(data)
                while (reply := reader.gets()) is not False:
                    if isinstance(reply, Exception):
                        raise reply
                    replies.append(reply)
    return replies
