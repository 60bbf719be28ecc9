"""Draws a trial: throughput and latency over the whole time, and a close-up of each fault."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ha_manager.cli import palette
from ha_manager.cli.audit import ScenarioResult
from ha_manager.cli.closeup import closeup_height, draw_closeup
from ha_manager.cli.series import Bucket, buckets
from ha_manager.cli.svg import Canvas, Log, Scale, ticks
from ha_manager.cli.trial import TrialResult
from ha_manager.cli.words import duration

__all__ = ["draw"]

TITLE = "Throughput and latency of writers while servers fail"
WIDTH = 1200.0
LEFT, RIGHT = 64.0, 1180.0
RATE_TOP, RATE_BOTTOM = 142.0, 296.0
LATENCY_TOP, LATENCY_BOTTOM = 326.0, 450.0
CLOSEUP_TOP = 506.0
_GUTTER = 26.0
_LATENCIES = (
    (0.0001, "0.1 ms"),
    (0.001, "1 ms"),
    (0.01, "10 ms"),
    (0.1, "100 ms"),
    (1.0, "1 s"),
    (10.0, "10 s"),
)
_MOST_BUCKETS = 400
_CLOSEUPS_ABREAST = 3
_CHARACTER = 6.9


def draw(results: Sequence[TrialResult]) -> str:
    """The picture as an SVG document, of one trial above the other."""
    parts = [_part(result) for result in results]
    whole = Canvas(WIDTH, sum(part.height for part in parts), TITLE)
    top = 0.0
    for part in parts:
        whole.place(part, top)
        top += part.height
    return whole.render()


def _part(result: TrialResult) -> Canvas:
    rows = _rows(result.scenarios)
    heights = [max(closeup_height(result, scenario) for scenario in row) + _GUTTER for row in rows]
    canvas = Canvas(WIDTH, CLOSEUP_TOP + sum(heights), TITLE)
    seconds = result.ended - result.started
    width = 0.05 if seconds / 0.05 <= _MOST_BUCKETS else 0.1
    # Without the last bucket, in which the writers were stopped.
    curve = buckets(result.writes, result.started, result.ended, width)[:-1]
    time = Scale(0.0, seconds, LEFT, RIGHT)
    _heading(canvas, result)
    _outages(canvas, result, time)
    _throughput(canvas, curve, time)
    _moments(canvas, result, time)
    _latency(canvas, curve, time)
    _time_axis(canvas, time)
    top = CLOSEUP_TOP
    for row, height in zip(rows, heights, strict=True):
        each = (RIGHT - 20.0 - _GUTTER * (len(rows[0]) - 1)) / len(rows[0])
        for position, scenario in enumerate(row):
            left = 20.0 + position * (each + _GUTTER)
            draw_closeup(canvas, result, scenario, left=left, top=top, width=each)
        top += height
    return canvas


def _rows(scenarios: Sequence[ScenarioResult]) -> list[Sequence[ScenarioResult]]:
    """The close-ups in rows as even as can be."""
    abreast = math.ceil(len(scenarios) / math.ceil(len(scenarios) / _CLOSEUPS_ABREAST))
    return [scenarios[first : first + abreast] for first in range(0, len(scenarios), abreast)]


def _heading(canvas: Canvas, result: TrialResult) -> None:
    settings = result.settings
    canvas.text(20, 32, settings.stage.title, fill=palette.STRONG, font_size=20, font_weight=650)
    acknowledged = sum(scenario.acknowledged for scenario in result.scenarios)
    facts = (
        f"{settings.writers} writers and {settings.readers} readers on one manager, "
        f"{settings.stage.facts}  ·  {acknowledged:,} writes acknowledged"
    )
    canvas.text(20, 54, facts, fill=palette.INK, font_size=13)
    _legend(canvas, in_shards=any(scenario.other_outages for scenario in result.scenarios))


def _legend(canvas: Canvas, *, in_shards: bool) -> None:
    entries = (
        (palette.FAULT, "fault"),
        (palette.SERVERS, "servers promote a new primary"),
        (palette.MANAGER, "manager's writes go on there"),
    )
    x = 20.0
    for colour, text in entries:
        canvas.line(x, 76, x + 16, 76, stroke=colour, stroke_width=3, stroke_linecap="round")
        canvas.text(x + 23, 80, text, fill=palette.INK, font_size=12)
        x += 46 + len(text) * 6.4
    canvas.rect(x, 70, 16, 12, fill=palette.FAULT, fill_opacity=0.16, rx=2)
    silent = "no write to the struck shard succeeds, for so long" if in_shards else "no write succeeds"
    canvas.text(x + 23, 80, silent, fill=palette.INK, font_size=12)


def _outages(canvas: Canvas, result: TrialResult, time: Scale) -> None:
    for scenario in result.scenarios:
        start = time.clamped(scenario.stall.start - result.started)
        end = time.clamped(scenario.stall.end - result.started)
        for top, bottom in ((RATE_TOP, RATE_BOTTOM), (LATENCY_TOP, LATENCY_BOTTOM)):
            canvas.rect(
                start, top, max(end - start, 1.5), bottom - top, fill=palette.FAULT, fill_opacity=0.13
            )


def _throughput(canvas: Canvas, curve: list[Bucket], time: Scale) -> None:
    # One burst, such as the release of all that waited, must not flatten everything else.
    rates = sorted(bucket.rate for bucket in curve)
    usual = rates[int(len(rates) * 0.98)] or rates[-1] or 1.0
    height = Scale(0.0, min(rates[-1] or 1.0, usual * 1.15), RATE_BOTTOM, RATE_TOP)
    _panel(canvas, "writes per second", RATE_TOP, RATE_BOTTOM)
    for value in ticks(0.0, height.high, 4):
        _gridline(canvas, height(value), f"{value / 1000:g}k" if value >= 1000 else f"{value:g}")
    outline = [(time(bucket.middle), height.clamped(bucket.rate)) for bucket in curve]
    corners = " ".join(f"L{x:.1f} {y:.1f}" for x, y in outline)
    first, last = outline[0][0], outline[-1][0]
    canvas.path(
        (f"M{first:.1f} {RATE_BOTTOM} {corners} L{last:.1f} {RATE_BOTTOM} Z",),
        fill=palette.RATE,
        fill_opacity=0.22,
    )
    canvas.polyline(outline, stroke=palette.RATE, stroke_width=1.6)


def _latency(canvas: Canvas, curve: list[Bucket], time: Scale) -> None:
    slowest = max((bucket.p99 or 0.0 for bucket in curve), default=1.0)
    fastest = min((bucket.p50 for bucket in curve if bucket.p50), default=0.001)
    bottom = max((tick for tick, _ in _LATENCIES if tick <= fastest), default=_LATENCIES[0][0])
    height = Log(bottom, max(slowest * 1.5, bottom * 10), LATENCY_BOTTOM, LATENCY_TOP)
    shown = [tick for tick in _LATENCIES if height.low <= tick[0] <= height.high]
    _panel(canvas, "latency of writes", LATENCY_TOP, LATENCY_BOTTOM)
    for value, label in shown:
        _gridline(canvas, height(value), label)
    for colour, name in ((palette.TAIL, "p99"), (palette.MEDIAN, "p50")):
        for run in _runs(curve):
            points = [(time(bucket.middle), height(getattr(bucket, name))) for bucket in run]
            canvas.polyline(points, stroke=colour, stroke_width=1.5, stroke_linecap="round")
    for position, (colour, name) in enumerate(((palette.MEDIAN, "p50"), (palette.TAIL, "p99"))):
        x = RIGHT - 96 + position * 50
        canvas.line(x, LATENCY_TOP - 10, x + 14, LATENCY_TOP - 10, stroke=colour, stroke_width=3)
        canvas.text(x + 19, LATENCY_TOP - 6, name, fill=palette.INK, font_size=12)


def _runs(curve: list[Bucket]) -> list[list[Bucket]]:
    """The stretches in which something was acknowledged in every bucket: a line is not drawn over a hole."""
    runs: list[list[Bucket]] = [[]]
    for bucket in curve:
        if bucket.p50 is not None:
            runs[-1].append(bucket)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _panel(canvas: Canvas, title: str, top: float, bottom: float) -> None:
    canvas.text(LEFT, top - 8, title, fill=palette.STRONG, font_size=12, font_weight=600)
    canvas.rect(LEFT, top, RIGHT - LEFT, bottom - top, fill=palette.INK, fill_opacity=0.05, rx=3)


def _gridline(canvas: Canvas, y: float, label: str) -> None:
    canvas.line(LEFT, y, RIGHT, y, stroke=palette.INK, stroke_opacity=0.22, stroke_width=1)
    canvas.text(LEFT - 8, y + 4, label, fill=palette.INK, font_size=11, text_anchor="end")


def _time_axis(canvas: Canvas, time: Scale) -> None:
    for value in ticks(0.0, time.high, 12):
        x = time(value)
        canvas.line(x, LATENCY_BOTTOM, x, LATENCY_BOTTOM + 4, stroke=palette.INK, stroke_width=1)
        canvas.text(
            x, LATENCY_BOTTOM + 18, f"{value:g} s", fill=palette.INK, font_size=11, text_anchor="middle"
        )


def _moments(canvas: Canvas, result: TrialResult, time: Scale) -> None:
    for scenario in result.scenarios:
        phase = scenario.phase
        for step in phase.steps:
            _upright(canvas, time(step.at - result.started), palette.FAULT, step.label, dashed=True)
        _upright(canvas, time(phase.fault_at - result.started), palette.FAULT, _label(result, scenario, time))
        if phase.promoted_at is not None:
            _upright(canvas, time(phase.promoted_at - result.started), palette.SERVERS)
        if phase.promotes and scenario.recovered:
            _upright(canvas, time(scenario.outage.end - result.started) + 1.5, palette.MANAGER)


def _label(result: TrialResult, scenario: ScenarioResult, time: Scale) -> str:
    """The fault and how long it was felt, as short as the room to the next label asks for."""
    phases, own = [other.phase for other in result.scenarios], scenario.phase
    labelled = [step.at for phase in phases for step in phase.steps if step.label]
    later = [at for at in (*labelled, *(phase.fault_at for phase in phases)) if at > own.fault_at]
    room = time(min(later, default=result.ended)) - time(own.fault_at)
    short = f"{own.fault}: {duration(scenario.stall.seconds)}"
    long = f"{short} without a write"
    # That would be too much said where others go on writing.
    is_true = own.promotes and not scenario.other_outages
    return long if is_true and len(long) * _CHARACTER + 20.0 < room else short


def _upright(canvas: Canvas, x: float, colour: str, label: str = "", *, dashed: bool = False) -> None:
    dashes = {"stroke_dasharray": "3 3"} if dashed else {}
    # Two strokes, so that the panels' titles stay readable.
    for top, bottom in ((RATE_TOP, RATE_BOTTOM), (LATENCY_TOP, LATENCY_BOTTOM)):
        canvas.line(x, top, x, bottom, stroke=colour, stroke_width=1.5, **dashes)
    if label:
        canvas.path((f"M{x - 4:.1f} {RATE_TOP - 30}h8l-4 7z",), fill=colour)
        canvas.text(x + 8, RATE_TOP - 24, label, fill=colour, font_size=12, font_weight=600)
