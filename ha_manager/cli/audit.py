"""What did the writers live through, and what became of their writes? Pure functions over the records."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from ha_manager.cli.phase import Phase
from ha_manager.cli.readback import Copies
from ha_manager.cli.workload import Ledger, Outcome

__all__ = ["Gap", "ScenarioResult", "audit"]

# Asynchronous replication: a primary that is killed takes with it what it acknowledged in its last
# moment; an answer may still arrive from the kernel's buffers a moment later.
EXCUSED_BEFORE_KILL = 1.0
EXCUSED_AFTER_KILL = 0.1
# An outage may begin this much after the promotion: the old primary may answer on until it hears of it.
LATEST_BEGIN = 0.05
_SAMPLES = 3


@dataclass(frozen=True, slots=True)
class Gap:
    """A time without a success, from the last one before it to the first one after; inf if there is none."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.start


@dataclass(slots=True, kw_only=True)
class ScenarioResult:
    """One fault, as the writers lived through it. Durations in seconds, moments of the monotonic clock.

    A success is an acknowledged write that was still there at the end.

    Attributes:
        phase: the fault and its moments.
        outage: the longest gap without a success of any writer of the struck primary.
        writer_outages: the longest gap of each of them.
        other_outages: the longest gap of each of the other writers.
        acknowledged: writes that succeeded as their callers were told.
        lost, lost_excused: acknowledged writes that were gone at the end. Excused are those that a
            killed primary acknowledged in its last second.
        in_doubt: writes whose outcome the callers were told to be unknown.
        in_doubt_applied: of these, how many did run.
        duplicates: copies too many that nobody allowed.
        repeated_by_permission: copies too many of writes that were in doubt and were repeated because
            the caller allowed it.
        errors: operations of writers and readers that ended with any other error, or never ended.
        errors_applied: writes among these that did run.
        strangers: values found that nobody wrote.
        error_samples: the first few errors.
    """

    phase: Phase
    outage: Gap
    writer_outages: list[Gap] = field(default_factory=list)
    other_outages: list[Gap] = field(default_factory=list)
    acknowledged: int = 0
    lost: int = 0
    lost_excused: int = 0
    in_doubt: int = 0
    in_doubt_applied: int = 0
    duplicates: int = 0
    repeated_by_permission: int = 0
    errors: int = 0
    errors_applied: int = 0
    strangers: int = 0
    error_samples: list[str] = field(default_factory=list)

    @property
    def fault(self) -> str:
        return self.phase.fault

    @property
    def recovered(self) -> bool:
        """Whether every writer succeeded again."""
        return all(math.isfinite(gap.end) for gap in (self.outage, *self.writer_outages, *self.other_outages))

    @property
    def stall(self) -> Gap:
        """The outage; where no primary was lost, the longest gap of a single writer."""
        return self.outage if self.phase.promotes else max(self.writer_outages, key=lambda gap: gap.seconds)

    @property
    def first_success_after_promotion(self) -> float | None:
        """Seconds from the servers' promotion to the first success; None if one of them is missing."""
        return self._after_promotion(self.outage)

    @property
    def writers_after_promotion(self) -> list[float]:
        """The same for each writer that recovered, sorted."""
        delays = (self._after_promotion(gap) for gap in self.writer_outages)
        return sorted(delay for delay in delays if delay is not None)

    @property
    def median_writer_outage(self) -> float:
        return median(gap.seconds for gap in self.writer_outages)

    @property
    def longest_writer_outage(self) -> float:
        return max(gap.seconds for gap in self.writer_outages)

    @property
    def longest_other_outage(self) -> float | None:
        """Of the writers whose primary was not struck; None if there are none."""
        return max((gap.seconds for gap in self.other_outages), default=None)

    def _after_promotion(self, gap: Gap) -> float | None:
        if self.phase.promoted_at is None or not math.isfinite(gap.end):
            return None
        return gap.end - self.phase.promoted_at


def audit(
    phases: Sequence[Phase],
    writes: Sequence[Ledger],
    reads: Sequence[Ledger],
    copies: Sequence[Copies],
    repeats: Sequence[float] = (),
) -> tuple[ScenarioResult, ...]:
    """Judge each operation in the phase in which it ended.

    Args:
        phases: in order of time.
        writes: one for each writer.
        reads: one for each reader.
        copies: what was found at the end, one for each writer.
        repeats: moments at which the client repeated writes in doubt, as its user allowed it to.
    """
    results = []
    for position, phase in enumerate(phases):
        start = phase.started if position else -math.inf
        end = phases[position + 1].started if position + 1 < len(phases) else math.inf
        successes = [list(_successes(ledger, found, start, end)) for ledger, found in _zip(writes, copies)]
        struck = range(len(writes)) if phase.writers is None else phase.writers
        result = ScenarioResult(
            phase=phase,
            outage=_longest_gap(sorted(moment for number in struck for moment in successes[number]), phase),
            writer_outages=[_longest_gap(successes[number], phase) for number in struck],
            other_outages=[
                _longest_gap(own, phase) for number, own in enumerate(successes) if number not in struck
            ],
        )
        for writer, (ledger, found) in enumerate(_zip(writes, copies)):
            for number in _ended_between(ledger, start, end):
                excused = writer in struck and _is_excused(phase, ledger.ends[number])
                _count_write(result, ledger, number, found.counts[number], repeats, excused=excused)
        for ledger in (*writes, *reads):
            result.error_samples += [f.text for f in ledger.failures if start <= f.at < end]
        for ledger in reads:
            outcomes = [ledger.outcomes[number] for number in _ended_between(ledger, start, end)]
            result.errors += sum(outcome != Outcome.ACKNOWLEDGED for outcome in outcomes)
        result.error_samples = result.error_samples[:_SAMPLES]
        results.append(result)
    if results:
        results[-1].strangers = sum(found.strangers for found in copies)
    return tuple(results)


def _zip(writes: Sequence[Ledger], copies: Sequence[Copies]) -> Iterable[tuple[Ledger, Copies]]:
    return zip(writes, copies, strict=True)


def _ended_between(ledger: Ledger, start: float, end: float) -> range:
    # One worker's operations end in the order in which they began; one that never ended (inf) is the last.
    last = len(ledger.ends) if math.isinf(end) else bisect_left(ledger.ends, end)
    return range(bisect_left(ledger.ends, start), last)


def _successes(ledger: Ledger, found: Copies, start: float, end: float) -> Iterator[float]:
    for number in _ended_between(ledger, start, end):
        if ledger.outcomes[number] == Outcome.ACKNOWLEDGED and found.counts[number]:
            yield ledger.ends[number]


def _longest_gap(successes: Sequence[float], phase: Phase) -> Gap:
    """The longest gap that ends after the fault, and begins before it was settled or right after that."""
    latest = math.inf if phase.settled_at is None else phase.settled_at + LATEST_BEGIN
    gaps = [
        Gap(earlier, later)
        for earlier, later in pairwise((phase.started, *successes, math.inf))
        if later >= phase.fault_at and earlier <= latest
    ]
    # Without that moment nothing bounds the search: the end of the records would pass for an outage.
    finite = [gap for gap in gaps if math.isfinite(gap.end)] if phase.settled_at is None else []
    return max(finite or gaps, key=lambda gap: gap.seconds)


def _count_write(
    result: ScenarioResult,
    ledger: Ledger,
    number: int,
    copies: int,
    repeats: Sequence[float],
    *,
    excused: bool,
) -> None:
    outcome, end = ledger.outcomes[number], ledger.ends[number]
    if outcome == Outcome.ACKNOWLEDGED:
        result.acknowledged += 1
        if not copies:
            result.lost += not excused
            result.lost_excused += excused
    elif outcome == Outcome.IN_DOUBT:
        result.in_doubt += 1
        result.in_doubt_applied += copies > 0
    else:
        result.errors += 1
        result.errors_applied += copies > 0
    if copies > 1:
        allowed = sum(ledger.starts[number] <= moment <= end for moment in repeats)
        permitted = min(copies - 1, allowed)
        result.repeated_by_permission += permitted
        result.duplicates += copies - 1 - permitted


def _is_excused(phase: Phase, acknowledged_at: float) -> bool:
    since_kill = acknowledged_at - phase.fault_at
    return phase.fault == "kill" and -EXCUSED_BEFORE_KILL <= since_kill <= EXCUSED_AFTER_KILL
