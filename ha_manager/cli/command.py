"""The ``ha-manager`` command: reads the command line and runs a subcommand until its end or a signal."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Coroutine, Sequence
from typing import Any

from ha_manager import __version__
from ha_manager.cli import demo, sandbox
from ha_manager.errors import HAError

__all__ = ["main"]

# As a shell reports a process that the signal ended.
_STOPPED_BY = 128


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: the command line without the program's name; ``sys.argv`` by default.

    Returns:
        The exit status: 0 well, 1 a promise was broken or something failed, 2 wrong usage,
        128 + n stopped by signal n.
    """
    parsed = _parser().parse_args(arguments)
    try:
        return asyncio.run(_until_signal(parsed.run(parsed), keeps_running=parsed.run is sandbox.run))
    except HAError as error:
        print(f"ha-manager: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ha-manager",
        description="Watch ha_manager live through failovers, or have real servers to try things on.",
    )
    parser.add_argument("--version", action="version", version=f"ha-manager {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, module, text in (
        ("demo", demo, "kill, fail over and hang primaries under load, and account for every write"),
        ("sandbox", sandbox, "keep a deployment of real servers up"),
    ):
        command = commands.add_parser(name, help=text)
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return parser


async def _until_signal(work: Coroutine[Any, Any, int], *, keeps_running: bool) -> int:
    """Run ``work``; SIGINT and SIGTERM cancel it, so that it cleans up.

    Args:
        work: returns an exit status.
        keeps_running: it is meant to be ended by a signal: then that is no failure.
    """
    task = asyncio.ensure_future(work)
    received: list[int] = []

    def stop(number: int) -> None:
        received.append(number)
        task.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)
    try:
        return await task
    except asyncio.CancelledError:
        if not received:
            raise
        return 0 if keeps_running else _STOPPED_BY + received[0]
