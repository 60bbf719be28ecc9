"""Commands that the table does not know: a module's, or a newer server's, learnt at run time."""

from __future__ import annotations

from typing import Any

from ha_manager.routing.commands import CommandSpec, spec_of
from ha_manager.routing.entries import rows_of


def learn(command_info_entry: Any) -> CommandSpec:
    """What one entry of a ``COMMAND INFO`` reply says of its command.

    Args:
        command_info_entry: the entry as the server sent it, in RESP2 or RESP3, decoded or not. Servers
            before Redis 7 tell only the first, last and step of keys.

    Raises:
        ValueError: it is no entry. Servers answer nil for what they do not know.
    """
    return spec_of(next(rows_of(command_info_entry)))


def learn_subcommands(command_info_entry: Any) -> dict[str, CommandSpec]:
    """The subcommands in such an entry, by full name (``CONFIG GET``); empty if it has none.

    Raises:
        ValueError: it is no entry.
    """
    _, *subcommands = rows_of(command_info_entry)
    return {row.name: spec_of(row) for row in subcommands}
