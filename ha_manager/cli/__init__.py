"""The ``ha-manager`` command, and the trial engine behind its demo.

::

    from ha_manager.cli.trial import run_scenario

    result = await run_scenario("kill", writers=16, in_doubt="raise")
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; see `ha_manager.cli.command.main`."""
    from ha_manager.cli.command import main as run  # noqa: PLC0415 - whoever wants the engine needs no parser

    return run(arguments)
