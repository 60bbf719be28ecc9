"""Commands that the table does not know, such as modules': asked for once, by COMMAND INFO."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from redis.exceptions import RedisError

from ha_manager.routing import (
    CommandSpec,
    KeyRule,
    KeySpec,
    RequestPolicy,
    learn,
    learn_subcommands,
)

_LIMIT = 1024
"""Commands that are remembered: more than any module has, bounded against nonsense."""

_FIRST_WORD = KeyRule((KeySpec(begin=1),))


class Learned:
    """What servers told of their own commands.

    Args:
        ask: sends one command to any node.
    """

    def __init__(self, ask: Callable[..., Awaitable[Any]]) -> None:
        self._ask = ask
        self._known: dict[str, CommandSpec] = {}

    async def spec(self, guess: CommandSpec, words: Sequence[Any]) -> CommandSpec:
        """What the command with these words is.

        Where no server tells, its first argument is taken for its key: if that is wrong, the server
        redirects it.
        """
        known = self._known.get(guess.name)
        if known is not None:
            return known
        container = guess.name.split(" ", 1)[0]
        found = await self._ask_for(container, guess.name)
        if found is None:
            return _guessed(guess, words)
        if len(self._known) < _LIMIT:
            self._known[guess.name] = found
        return found

    async def _ask_for(self, container: str, name: str) -> CommandSpec | None:
        try:
            reply = await self._ask("COMMAND", "INFO", container)
            return learn_subcommands(reply[0]).get(name) or learn(reply[0])
        except (RedisError, OSError, TimeoutError, ValueError, LookupError, TypeError):
            return None


def _guessed(guess: CommandSpec, words: Sequence[Any]) -> CommandSpec:
    keys = _FIRST_WORD if len(words) > 1 else None
    return CommandSpec(
        name=guess.name,
        refusal=guess.refusal,
        keys=keys,
        first_key=1 if keys else 0,
        request=RequestPolicy.KEYED if keys else RequestPolicy.DEFAULT,
    )
