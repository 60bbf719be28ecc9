"""Follows a trial line by line: for pipes, logs and terminals without rich."""

from __future__ import annotations

import sys
from typing import TextIO

from ha_manager.cli.judgement import Verdict
from ha_manager.cli.notes import Note
from ha_manager.cli.report import plain_table, verdict_lines
from ha_manager.cli.trial import Trial, TrialResult

__all__ = ["PlainScreen"]


class PlainScreen:
    """Prints a line for each note, then a table and the verdicts.

    Args:
        stream: where to; standard output by default.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stdout if stream is None else stream
        self._start: float | None = None

    def __enter__(self) -> PlainScreen:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.flush()

    def look(self, trial: Trial, note: Note) -> None:
        """Print one note, with how far the writers are."""
        self._start = note.at if self._start is None else self._start
        load = trial.workload
        done = f"{load.acknowledged:>9,} writes" if load is not None else " " * 16
        print(f"{note.at - self._start:7.3f} s {done}  {note.text}", file=self._stream, flush=True)

    def conclude(self, result: TrialResult, verdicts: list[Verdict]) -> None:
        """Print what came of it."""
        lines = ["", plain_table(result.scenarios), "", *verdict_lines(verdicts), ""]
        print("\n".join(lines), file=self._stream, flush=True)

    def say(self, text: str) -> None:
        """Print a line."""
        print(text, file=self._stream, flush=True)
