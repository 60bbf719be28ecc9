"""Commands that the table does not know, such as modules': asked for once, by COMMAND INFO."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
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
from ha_manager.routing.words import as_word

_LIMIT = 1024
"""Commands that are remembered: more than any module has, bounded against nonsense."""

_FIRST_WORD = KeyRule((KeySpec(begin=1),))


@dataclass(frozen=True, slots=True)
class _Told:
    """What a server told of one command: of the command itself, and by their names of its subcommands."""

    itself: CommandSpec
    subcommands: dict[str, CommandSpec]

    def about(self, words: Sequence[Any]) -> CommandSpec:
        subcommand = as_word(words[1]) if len(words) > 1 else ""
        return self.subcommands.get(subcommand, self.itself)


class Learned:
    """What servers told of their own commands.

    Args:
        ask: sends one command to any node.
    """

    def __init__(self, ask: Callable[..., Awaitable[Any]]) -> None:
        self._ask = ask
        self._known: dict[str, _Told] = {}

    async def spec(self, guess: CommandSpec, words: Sequence[Any]) -> CommandSpec:
        """What the command with these words is.

        Where no server tells, its first argument is taken for its key: if that is wrong, the server
        redirects it.
        """
        container = guess.name.split(" ", 1)[0]
        told = self._known.get(container) or await self._ask_for(container)
        if told is None:
            return _guessed(guess, words)
        if len(self._known) < _LIMIT:
            self._known[container] = told
        return told.about(words)

    async def _ask_for(self, container: str) -> _Told | None:
        try:
            reply = await self._ask("COMMAND", "INFO", container)
            # A server may know the command by another name: then its subcommands bear that one too.
            subcommands = {
                name.rpartition(" ")[2]: spec for name, spec in learn_subcommands(reply[0]).items()
            }
            return _Told(learn(reply[0]), subcommands)
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
