"""Regenerate ``command_flags.txt`` from the COMMAND reply of real servers.

Usage::

    python -m ha_manager.routing.generate redis://127.0.0.1:6379 redis://127.0.0.1:6380 > command_flags.txt

Each line is a command or ``CONTAINER SUBCOMMAND`` followed by its marks: ``r`` only reads (the
``readonly`` flag), ``w`` writes (``write``), ``b`` may block (``blocking``), ``c`` has subcommands,
``-`` none of these. Where servers differ, a command that writes or blocks on one of them is taken
to do so.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import redis

_MARKS = {"readonly": "r", "write": "w", "blocking": "b"}


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _marks(flags: Iterable[Any]) -> set[str]:
    return {_MARKS[flag] for flag in map(_text, flags) if flag in _MARKS}


def collect(url: str, table: dict[str, set[str]]) -> None:
    """Add what the server at ``url`` says of its commands."""
    with redis.Redis.from_url(url, protocol=2) as client:
        client.set_response_callback("COMMAND", lambda reply: reply)
        for entry in client.execute_command("COMMAND"):
            subcommands = entry[9] if len(entry) > 9 else []
            name = _text(entry[0]).upper()
            table[name] |= _marks(entry[2]) | ({"c"} if subcommands else set())
            for sub in subcommands:
                table[_text(sub[0]).upper().replace("|", " ")] |= _marks(sub[2])


def main(urls: list[str]) -> None:
    table: dict[str, set[str]] = defaultdict(set)
    for url in urls:
        collect(url, table)
    for name in sorted(table):
        marks = table[name] - {"r"} if "w" in table[name] else table[name]
        sys.stdout.write(f"{name} {''.join(sorted(marks)) or '-'}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
