"""A trial: real servers, a client under load, faults one after another, and an audit of what is left.

::

    result = await run_scenario("kill", writers=16, in_doubt="raise")
    assert result.duplicates == 0

Nothing here writes to the terminal; whoever wants to watch passes an `onlooker`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ha_manager.cli.audit import ScenarioResult, audit
from ha_manager.cli.client import ClientFactory, managed_client
from ha_manager.cli.faults import FAULTS, HANG, TITLES
from ha_manager.cli.notes import Note, Source, narrate
from ha_manager.cli.phase import Phase, Step
from ha_manager.cli.promotion import PromotionProbe
from ha_manager.cli.readback import read_back
from ha_manager.cli.sentinel_stage import SentinelStage
from ha_manager.cli.stage import Stage, Victim
from ha_manager.cli.workload import Ledger, Workload, clock
from ha_manager.errors import ConfigurationError
from ha_manager.observe import Event

__all__ = ["Onlooker", "Settings", "Trial", "TrialResult", "run_scenario", "run_trial"]

_PROMOTION_SECONDS = 30.0
_HEAL_SECONDS = 30.0
# Longer than a write may wait by default, so that none is cut off while it still has a right to wait.
_STOP_SECONDS = 40.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What to do in a trial.

    Attributes:
        stage: the kind of deployment.
        faults: of the stage's, in this order.
        in_doubt: ``"raise"`` or ``"retry"``, the client's policy for writes without an answer.
        writers, readers: how many tasks use the client at the same time.
        think: seconds that each waits between two operations; 0 is full load.
        server: the server program, see `ha_manager.sandbox.find_server`.
        before: seconds of calm before a fault.
        after: seconds of watching after the promotion, and after a hung server goes on or slots came back.
        hang: seconds that a hung server hangs.
        client: makes the client under test.
    """

    stage: type[Stage] = SentinelStage
    faults: tuple[str, ...] = FAULTS
    in_doubt: str = "raise"
    writers: int = 16
    readers: int = 4
    think: float = 0.001
    server: str | None = None
    before: float = 2.0
    after: float = 2.0
    hang: float = 8.0
    client: ClientFactory = managed_client


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialResult:
    """What a trial left behind.

    Attributes:
        scenarios: the audit, one for each fault.
        writes, reads: every operation of every writer and reader.
        notes: what happened, in order.
        started, ended: of the load, in seconds of the monotonic clock.
    """

    settings: Settings
    scenarios: tuple[ScenarioResult, ...]
    writes: tuple[Ledger, ...]
    reads: tuple[Ledger, ...]
    notes: tuple[Note, ...]
    started: float
    ended: float


@dataclass(slots=True)
class Trial:
    """A trial under way, for onlookers: they read it at any time, and are called for each note."""

    settings: Settings
    onlooker: Onlooker | None = None
    workload: Workload | None = None
    phases: list[Phase] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def note(self, source: Source, text: str, at: float | None = None) -> None:
        """Keep a sentence about now, or about ``at``, and tell the onlooker."""
        note = Note(clock() if at is None else at, source, text)
        self.notes.append(note)
        if self.onlooker is not None:
            self.onlooker(self, note)

    def take_step(self, text: str, label: str = "") -> None:
        """Keep what was just done to the servers; ``label`` is its word in the picture, or empty."""
        now = clock()
        self.phases[-1].steps.append(Step(now, label))
        self.note(Source.FAULT, text, now)

    def hear(self, event: Event) -> None:
        """Keep an event of the manager that is worth a sentence, once where it comes in swarms."""
        text = narrate(event)
        since = self.phases[-1].started if self.phases else 0.0
        if text is not None and not any(note.text == text and note.at >= since for note in self.notes[-20:]):
            self.note(Source.MANAGER, text)


Onlooker = Callable[[Trial, Note], None]


async def run_scenario(fault: str, **settings: Any) -> ScenarioResult:
    """Run one fault in a deployment of its own, and audit it.

    Args:
        fault: one of the stage's.
        settings: fields of `Settings`, other than ``faults``.
    """
    result = await run_trial(Settings(faults=(fault,), **settings))
    return result.scenarios[0]


async def run_trial(settings: Settings, onlooker: Onlooker | None = None) -> TrialResult:
    """Run all faults in one deployment, and audit them.

    Raises:
        ConfigurationError: the deployment knows no such fault, or could not be started.
        ServerStartError: the servers could not be started.
        FailoverTimeoutError: it could not be made whole again between two faults.
    """
    _check(settings)
    trial = Trial(settings, onlooker)
    trial.note(Source.TRIAL, f"starting {settings.stage.facts}")
    stage = settings.stage(settings.server)
    async with stage.sandbox as sandbox, PromotionProbe(sandbox.nodes) as probe:
        keys = await stage.keys(settings.writers)
        await stage.heal(_HEAL_SECONDS)
        trial.note(Source.TRIAL, f"{len(sandbox.processes)} servers work together")
        async with settings.client(sandbox, settings.in_doubt, trial.hear) as client:
            workload = Workload(client, keys, readers=settings.readers, think=settings.think)
            trial.workload = workload
            started = clock()
            workload.start()
            try:
                for fault in settings.faults:
                    await _next_phase(trial, fault, stage)
                    await _run_phase(trial, stage, probe)
            finally:
                await workload.stop(_STOP_SECONDS)
            ended = clock()
            repeats = tuple(client.repeats)
        trial.note(Source.TRIAL, "reading back every list from the servers")
        holder = await stage.holder(_HEAL_SECONDS)
        copies = await read_back(keys, holder, [len(ledger.outcomes) for ledger in workload.writes])
    return TrialResult(
        settings=settings,
        scenarios=audit(trial.phases, workload.writes, workload.reads, copies, repeats),
        writes=tuple(workload.writes),
        reads=tuple(workload.reads),
        notes=tuple(trial.notes),
        started=started,
        ended=ended,
    )


def _check(settings: Settings) -> None:
    unknown = [fault for fault in settings.faults if fault not in settings.stage.faults]
    if unknown:
        raise ConfigurationError(f"no {', '.join(unknown)} with {settings.stage.facts}")


async def _next_phase(trial: Trial, fault: str, stage: Stage) -> None:
    """Begin a phase: from here on, what happens is counted as its own, the healing included."""
    first = not trial.phases
    trial.phases.append(Phase(fault, started=clock(), promotes=fault in FAULTS))
    if not first:
        await stage.heal(_HEAL_SECONDS)
        trial.note(Source.TRIAL, "the deployment is whole again")


async def _run_phase(trial: Trial, stage: Stage, probe: PromotionProbe) -> None:
    settings, phase = trial.settings, trial.phases[-1]
    victim = await stage.victim()
    phase.writers = victim.writers
    await asyncio.sleep(settings.before)
    phase.fault_at = clock()
    trial.note(Source.FAULT, TITLES[phase.fault].format(port=victim.primary.port), phase.fault_at)
    watching = asyncio.create_task(_watch_promotion(trial, phase, victim, probe))
    try:
        await stage.inflict(phase.fault, victim, trial.take_step)
        await watching
    finally:
        watching.cancel()
    if phase.fault == HANG:
        await asyncio.sleep(max(0.0, phase.fault_at + settings.hang - clock()))
        victim.primary.resume()
        trial.take_step(f":{victim.primary.port} goes on (SIGCONT)", "SIGCONT")
    await asyncio.sleep(settings.after)
    phase.ended = clock()


async def _watch_promotion(trial: Trial, phase: Phase, victim: Victim, probe: PromotionProbe) -> None:
    if not phase.promotes:
        return
    old = victim.primary.port
    change = await probe.promotion(after=phase.fault_at, other_than=old, timeout=_PROMOTION_SECONDS)
    if change is None:
        trial.note(Source.SERVERS, "no other server was promoted")
        return
    phase.promoted_at, phase.promotion_blur = change.at, change.at - change.not_before
    trial.note(Source.SERVERS, f":{change.port} answers that it is the primary", change.at)
