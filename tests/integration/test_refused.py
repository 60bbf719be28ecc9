"""Commands that would change a connection which others share are refused before they are sent."""

from __future__ import annotations

import pytest
from redis.exceptions import DataError

from ha_manager import ConnectionManager, UnsafeCommandError

REFUSED = [
    ("SELECT", 1),
    ("select", 1),
    (b"SELECT", 1),
    ("SELECT 1",),
    ("MULTI",),
    ("EXEC",),
    ("DISCARD",),
    ("WATCH", "key"),
    ("UNWATCH",),
    ("SUBSCRIBE", "channel"),
    ("PSUBSCRIBE", "channel*"),
    ("SSUBSCRIBE", "channel"),
    ("UNSUBSCRIBE",),
    ("PUNSUBSCRIBE",),
    ("SUNSUBSCRIBE",),
    ("MONITOR",),
    ("AUTH", "secret"),
    ("HELLO", 3),
    ("RESET",),
    ("QUIT",),
    ("SYNC",),
    ("PSYNC", "?", -1),
    ("READONLY",),
    ("READWRITE",),
    ("ASKING",),
    ("CLIENT REPLY", "OFF"),
    ("CLIENT", "REPLY", "OFF"),
    (b"client", b"reply", b"off"),
    ("CLIENT", "TRACKING", "ON"),
    ("CLIENT CACHING", "YES"),
    ("CLIENT", "NO-EVICT", "ON"),
    ("CLIENT NO-TOUCH", "ON"),
    ("CLIENT", "CAPA", "redirect"),
]


@pytest.mark.parametrize("command", REFUSED, ids=lambda command: " ".join(map(str, command)))
async def test_refused_and_the_connection_still_works(
    manager: ConnectionManager, command: tuple[str | bytes | int, ...]
) -> None:
    replies = manager.stats().nodes[0].replies
    for again in range(2):  # the second time, the command's plan is known
        with pytest.raises(UnsafeCommandError, match="was not sent") as caught:
            await manager.execute_command(*command)
        assert isinstance(caught.value, DataError), again
    assert manager.stats().nodes[0].replies == replies
    assert await manager.set("key", "value")
    assert await manager.get("key") == b"value"
    assert (await manager.client_info())["db"] == 0


async def test_a_refusal_never_shows_arguments(manager: ConnectionManager) -> None:
    with pytest.raises(UnsafeCommandError) as caught:
        await manager.execute_command("AUTH", "user", "top-secret")
    assert "top-secret" not in str(caught.value)


async def test_the_rest_of_a_container_is_allowed(manager: ConnectionManager) -> None:
    assert isinstance(await manager.execute_command("CLIENT", "ID"), int)
    assert await manager.execute_command("CLIENT GETNAME") is None
