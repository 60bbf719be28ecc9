"""Follows a trial on a terminal, several times a second. Needs rich: imported only when it is asked for."""

from __future__ import annotations

import asyncio
from collections import deque

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ha_manager.cli.judgement import Verdict
from ha_manager.cli.notes import Note, Source
from ha_manager.cli.report import table
from ha_manager.cli.trial import Trial, TrialResult
from ha_manager.cli.workload import clock

__all__ = ["LiveScreen"]

# Drawing runs on the event loop of the writers: often enough to look alive, rarely enough not to show.
_REDRAW_SECONDS = 0.2
_NOTES_SHOWN = 12
_CURVE_WIDTH = 72
_BARS = " ▁▂▃▄▅▆▇█"
_STYLES = {Source.FAULT: "bold red", Source.SERVERS: "magenta", Source.MANAGER: "green", Source.TRIAL: "dim"}


class LiveScreen:
    """A picture of the trial under way, then a table and the verdicts."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = Console() if console is None else console
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._notes: deque[tuple[Note, float]] = deque(maxlen=_NOTES_SHOWN)
        self._rates: deque[float] = deque(maxlen=_CURVE_WIDTH)
        self._seen = (clock(), 0)
        self._start = clock()
        self._drawing: asyncio.Task[None] | None = None

    def __enter__(self) -> LiveScreen:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._drawing is not None:
            self._drawing.cancel()
        self._live.stop()

    def look(self, trial: Trial, note: Note) -> None:
        """Take one note; the next drawing shows it."""
        self._notes.append((note, note.at - self._start))
        if self._drawing is None:
            self._drawing = asyncio.get_running_loop().create_task(self._draw(trial))

    def conclude(self, result: TrialResult, verdicts: list[Verdict]) -> None:
        """Replace the picture by what came of it."""
        self.__exit__()
        heads, rows = table(result.scenarios)
        title = f"What the writers lived through: {result.settings.stage.facts}"
        drawn = Table(title=title, title_style="bold", header_style="bold")
        for position, head in enumerate(heads):
            drawn.add_column(head, justify="right" if position else "left", no_wrap=True)
        for row in rows:
            drawn.add_row(*row)
        self._console.print(drawn)
        for verdict in verdicts:
            mark = Text("✗ ", style="bold red") if verdict.broken else Text("✓ ", style="bold green")
            self._console.print(mark + Text(verdict.promise))
            for place in verdict.broken:
                self._console.print(Text(f"    {place}", style="red"))
        self._console.print()

    def say(self, text: str) -> None:
        """Print a line."""
        self._console.print(Text(text))

    async def _draw(self, trial: Trial) -> None:
        while True:
            self._measure(trial)
            self._live.update(self._picture(trial), refresh=True)
            await asyncio.sleep(_REDRAW_SECONDS)

    def _measure(self, trial: Trial) -> None:
        if trial.workload is None:
            return
        now, count = clock(), trial.workload.acknowledged
        then, before = self._seen
        if before or count:
            self._rates.append((count - before) / max(now - then, 1e-6))
        self._seen = (now, count)

    def _picture(self, trial: Trial) -> RenderableType:
        parts = [self._phases(trial), self._figures(trial), self._curve(), Text(), *self._story()]
        return Panel(
            Group(*parts), title=f"ha-manager demo: {trial.settings.stage.name}", border_style="cyan"
        )

    def _phases(self, trial: Trial) -> Text:
        text = Text()
        done = len(trial.phases)
        for position, fault in enumerate(trial.settings.faults, start=1):
            style = "bold green" if position < done else "bold yellow" if position == done else "dim"
            text.append(f"{'✓' if position < done else '●' if position == done else '○'} {fault}   ", style)
        return text.append(f"{clock() - self._start:6.1f} s", "dim")

    def _figures(self, trial: Trial) -> Text:
        load = trial.workload
        if load is None:
            return Text("starting real servers ...", "dim")
        rate = self._rates[-1] if self._rates else 0.0
        text = Text.assemble((f"{rate:8,.0f} writes/s", "bold"), f"   {load.acknowledged:,} acknowledged   ")
        text.append(f"{load.in_doubt} in doubt", "yellow" if load.in_doubt else "dim")
        return text.append(f"   {load.failed} errors", "bold red" if load.failed else "dim")

    def _curve(self) -> Text:
        top = max(self._rates, default=1.0) or 1.0
        bars = (_BARS[min(len(_BARS) - 1, round(rate / top * (len(_BARS) - 1)))] for rate in self._rates)
        return Text("".join(bars), "cyan")

    def _story(self) -> list[Text]:
        lines = [Text(f"{at:8.3f} s  {note.text}", _STYLES[note.source]) for note, at in self._notes]
        return lines + [Text()] * (_NOTES_SHOWN - len(lines))
