"""One fault from near: what each writer did around it, and the story in the order in which it happened."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator

from ha_manager.cli import palette
from ha_manager.cli.audit import ScenarioResult
from ha_manager.cli.notes import Note, Source
from ha_manager.cli.svg import Canvas, Scale, ticks
from ha_manager.cli.trial import TrialResult
from ha_manager.cli.words import duration
from ha_manager.cli.workload import Ledger, Outcome

__all__ = ["closeup_height", "draw_closeup"]

_HEAD = 62.0
_STRIPS = 112.0
_AXIS = 38.0
_ROW = 18.0
# What came later than this after the recovery belongs to another story.
_STORY_SECONDS = 1.5
_ROOM_AROUND = 0.16
_MOST_ROWS = 10
_ROOM_FOR_TEXT = 48.0


def closeup_height(result: TrialResult, scenario: ScenarioResult) -> float:
    """The pixels that `draw_closeup` needs."""
    return _HEAD + _STRIPS + _AXIS + _ROW * len(_story(result, scenario))


def draw_closeup(
    canvas: Canvas, result: TrialResult, scenario: ScenarioResult, *, left: float, top: float, width: float
) -> None:
    """Draw the strips of all writers, and under them the list of what happened."""
    phase = scenario.phase
    start, end = _window(scenario)
    time = Scale(start - phase.fault_at, end - phase.fault_at, left, left + width)
    canvas.text(left, top, _title(result, scenario), fill=palette.STRONG, font_size=14, font_weight=650)
    canvas.text(left, top + 19, _felt(scenario), fill=palette.INK, font_size=12)
    canvas.text(left, top + 36, _summary(scenario), fill=palette.INK, font_size=12)
    strips = top + _HEAD - 10
    canvas.rect(left, strips, width, _STRIPS, fill=palette.INK, fill_opacity=0.05, rx=3)
    _strips(canvas, result, scenario, time, strips)
    _shade(canvas, scenario, time, strips, len(result.writes))
    _uprights(canvas, scenario, time, strips)
    _axis(canvas, time, strips + _STRIPS)
    _tell(canvas, result, scenario, left, strips + _STRIPS + _AXIS + 8)


def _window(scenario: ScenarioResult) -> tuple[float, float]:
    fault_at, stall = scenario.phase.fault_at, scenario.stall
    start, end = min(fault_at, stall.start), _end(scenario)
    margin = max(0.03, (end - start) * _ROOM_AROUND)
    return start - margin, end + margin


def _end(scenario: ScenarioResult) -> float:
    """When the writers had recovered, and the servers had done their part."""
    stall = scenario.stall
    over = stall.end if math.isfinite(stall.end) else stall.start + 5.0
    return max(over, scenario.phase.settled_at or over)


def _title(result: TrialResult, scenario: ScenarioResult) -> str:
    note = next(
        (n for n in result.notes if n.source is Source.FAULT and n.at == scenario.phase.fault_at), None
    )
    return scenario.fault if note is None else note.text[0].upper() + note.text[1:]


def _felt(scenario: ScenarioResult) -> str:
    first = duration(scenario.first_success_after_promotion)
    stall = duration(scenario.stall.seconds)
    felt = (
        f"first write {first} after the servers' promotion"
        if scenario.phase.promotes
        else f"longest stall of a writer {stall}"
    )
    others = scenario.longest_other_outage
    return felt if others is None else f"{felt}  ·  other shards {duration(others)} at most"


def _summary(scenario: ScenarioResult) -> str:
    lost = scenario.lost + scenario.lost_excused
    twice = scenario.duplicates + scenario.repeated_by_permission
    return (
        f"{scenario.in_doubt} in doubt  ·  {lost} lost  ·  {twice} written twice  ·  {scenario.errors} errors"
    )


def _shade(canvas: Canvas, scenario: ScenarioResult, time: Scale, top: float, writers: int) -> None:
    fault_at, stall, struck = scenario.phase.fault_at, scenario.stall, scenario.phase.writers
    start, end = time.clamped(stall.start - fault_at), time.clamped(stall.end - fault_at)
    step = _STRIPS / writers
    first, last = (0, writers) if struck is None else (struck.start, struck.stop)
    y, height = top + first * step, (last - first) * step
    canvas.rect(start, y, max(end - start, 1.5), height, fill=palette.FAULT, fill_opacity=0.13)
    if end - start > _ROOM_FOR_TEXT:
        middle = {"text_anchor": "middle", "font_size": min(16.0, height), "font_weight": 650}
        x, base = (start + end) / 2, y + height / 2 + 5
        canvas.text(x, base, duration(stall.seconds), fill=palette.FAULT, **middle)


def _strips(canvas: Canvas, result: TrialResult, scenario: ScenarioResult, time: Scale, top: float) -> None:
    step = _STRIPS / len(result.writes)
    for position, ledger in enumerate(result.writes):
        y = top + (position + 0.5) * step
        runs = _runs(ledger, scenario.phase.fault_at, time)
        style = {"stroke": palette.RATE, "stroke_width": max(1.0, min(3.0, step * 0.45))}
        canvas.path((f"M{x1:.1f} {y:.1f}H{max(x2, x1 + 0.8):.1f}" for x1, x2 in runs), **style)
        for x in _doubts(ledger, scenario.phase.fault_at, time):
            canvas.circle(x, y, max(1.6, min(3.0, step * 0.32)), fill=palette.TAIL)


def _runs(ledger: Ledger, fault_at: float, time: Scale) -> Iterator[tuple[float, float]]:
    """The acknowledged writes of one writer in pixels; those next to each other become one stroke."""
    first: float | None = None
    last = 0.0
    for x in _ends(ledger, fault_at, time, Outcome.ACKNOWLEDGED):
        if first is not None and x - last > 2.0:
            yield first, last
            first = None
        first, last = x if first is None else first, x
    if first is not None:
        yield first, last


def _doubts(ledger: Ledger, fault_at: float, time: Scale) -> Iterator[float]:
    return _ends(ledger, fault_at, time, Outcome.IN_DOUBT)


def _ends(ledger: Ledger, fault_at: float, time: Scale, outcome: Outcome) -> Iterator[float]:
    begin, end = fault_at + time.low, fault_at + time.high
    for number in range(bisect_left(ledger.ends, begin), bisect_left(ledger.ends, end)):
        if ledger.outcomes[number] == outcome:
            yield time(ledger.ends[number] - fault_at)


def _uprights(canvas: Canvas, scenario: ScenarioResult, time: Scale, top: float) -> None:
    phase = scenario.phase
    moments = [(at - phase.fault_at, palette.FAULT) for at in (phase.fault_at, *(s.at for s in phase.steps))]
    if phase.promoted_at is not None:
        moments.append((phase.promoted_at - phase.fault_at, palette.SERVERS))
    if phase.promotes and scenario.recovered:
        moments.append((scenario.outage.end - phase.fault_at, palette.MANAGER))
    for at, colour in moments:
        if at <= time.high:
            canvas.line(time(at), top, time(at), top + _STRIPS, stroke=colour, stroke_width=1.8)


def _axis(canvas: Canvas, time: Scale, y: float) -> None:
    for value in ticks(time.low, time.high, 5):
        label = "fault" if abs(value) < 1e-9 else f"{value:+g} s"
        x = time(value)
        canvas.line(x, y, x, y + 4, stroke=palette.INK, stroke_width=1)
        canvas.text(x, y + 17, label, fill=palette.INK, font_size=11, text_anchor="middle")


def _story(result: TrialResult, scenario: ScenarioResult) -> list[Note]:
    """The notes from the fault until shortly after the recovery, and how the writers felt it among them."""
    start, end, stall = scenario.phase.fault_at, _end(scenario) + _STORY_SECONDS, scenario.stall
    notes = [note for note in result.notes if start <= note.at <= end and note.source is not Source.TRIAL]
    if math.isfinite(stall.end):
        recovery = "first write acknowledged by the new primary"
        text = recovery if scenario.phase.promotes else "the longest stall ends"
        notes.append(Note(stall.end, Source.MANAGER, text))
    return sorted(notes, key=lambda note: note.at)[:_MOST_ROWS]


def _tell(canvas: Canvas, result: TrialResult, scenario: ScenarioResult, left: float, top: float) -> None:
    for position, note in enumerate(_story(result, scenario)):
        y = top + position * _ROW
        canvas.circle(left + 4, y - 4, 3.4, fill=palette.OF_SOURCE[note.source])
        moment = f"{(note.at - scenario.phase.fault_at) * 1000:+,.0f} ms"
        canvas.text(left + 78, y, moment, fill=palette.INK, font_size=11.5, text_anchor="end")
        canvas.text(left + 87, y, note.text, fill=palette.STRONG, font_size=11.5)
