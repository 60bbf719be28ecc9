"""Records of trials that never took place, and the command as a child process."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

from ha_manager.cli.audit import audit
from ha_manager.cli.faults import RESHARD
from ha_manager.cli.notes import Note, Source
from ha_manager.cli.phase import Phase, Step
from ha_manager.cli.readback import Copies
from ha_manager.cli.sentinel_stage import SentinelStage
from ha_manager.cli.stage import Stage
from ha_manager.cli.trial import Settings, TrialResult
from ha_manager.cli.workload import Failure, Ledger, Outcome

COMMAND = [sys.executable, "-m", "ha_manager"]

# One operation of a writer: start, end, outcome, copies that were found.
Operation = tuple[float, float, Outcome, int]
OK, DOUBT, FAILED, OPEN = Outcome.ACKNOWLEDGED, Outcome.IN_DOUBT, Outcome.FAILED, Outcome.UNFINISHED


def ledger_of(operations: Sequence[Operation]) -> Ledger:
    ledger = Ledger()
    for start, end, outcome, _ in operations:
        ledger.starts.append(start)
        ledger.ends.append(end)
        ledger.outcomes.append(outcome)
        if outcome is FAILED:
            ledger.failures.append(Failure(end, "ConnectionError: broken"))
    return ledger


def copies_of(operations: Sequence[Operation], strangers: int = 0) -> Copies:
    return Copies(bytearray(copies for *_, copies in operations), strangers)


def calm(start: float, end: float, step: float = 0.25) -> list[Operation]:
    """Writes that succeed, one after another, between two moments."""
    count = math.floor((end - start) / step)
    return [(start + i * step, start + (i + 1) * step, OK, 1) for i in range(count)]


def phase_of(fault: str = "failover", started: float = 0.0) -> Phase:
    """A fault 2 s after the start, and a promotion 1 s later."""
    return Phase(fault, started, fault_at=started + 2.0, promoted_at=started + 3.0, ended=started + 5.0)


def reshard_of(started: float = 0.0) -> Phase:
    """Slots that leave 2 s after the start, and are back 2 s later."""
    steps = [Step(started + 3.0, ""), Step(started + 4.0, "")]
    return Phase(RESHARD, started, promotes=False, fault_at=started + 2.0, steps=steps, ended=started + 5.0)


def trial_of(
    *operations: Sequence[Operation],
    fault: str = "failover",
    phase: Phase | None = None,
    stage: type[Stage] = SentinelStage,
) -> TrialResult:
    """A trial with one fault and these writers."""
    phase = phase_of(fault) if phase is None else phase
    writes = [ledger_of(own) for own in operations]
    return TrialResult(
        settings=Settings(stage=stage, faults=(phase.fault,), writers=len(writes), readers=0),
        scenarios=audit([phase], writes, [], [copies_of(own) for own in operations]),
        writes=tuple(writes),
        reads=(),
        notes=(
            Note(phase.fault_at, Source.FAULT, "a <fault> & more"),
            Note(3.0, Source.SERVERS, ":7002 answers that it is the primary"),
        ),
        started=0.0,
        ended=5.0,
    )
