"""From raw rounds to medians, ratios, a Markdown table and the verdict on the goals."""

import os
import platform
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

OURS = "ha_manager"


@dataclass(frozen=True)
class Case:
    """One cell of the experiment, the same for all peers."""

    loop: str
    op: str
    tasks: int

    def __str__(self) -> str:
        return f"{self.loop}, {self.op.upper()}, {self.tasks} task{'s' if self.tasks > 1 else ''}"


@dataclass
class Row:
    """What one peer did in one case: for each figure, its value in each round, or why there is none."""

    peer: str
    label: str
    rounds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    error: str = ""

    def median(self, figure: str) -> float:
        """The median over the rounds of `ops`, `p50`, `p99` (seconds) or `cpu` (seconds a command)."""
        return statistics.median(self.rounds[figure])

    def ratio(self, other: "Row | None") -> float | None:
        """The median, over rounds, of our ops/s over the other's in the same round."""
        if other is None or self.error or other.error or not self.rounds["ops"]:
            return None
        pairs = zip(self.rounds["ops"], other.rounds["ops"], strict=True)
        return statistics.median(mine / theirs for mine, theirs in pairs)


Results = dict[Case, dict[str, Row]]


@dataclass(frozen=True)
class Goal:
    """At `tasks` tasks we do at least `factor` times the `other` peer's ops/s.

    With `at`, the other is measured with that many tasks instead.
    """

    tasks: int
    other: str
    factor: float
    at: int | None = None


GOALS = (
    Goal(64, "redis-py", 8.0),
    Goal(64, "glide", 3.0),
    Goal(64, "floor", 0.55),
    Goal(1, "redis-py", 1.3),
)
CLUSTER_GOALS = (
    Goal(64, "redis-py", 8.0),
    Goal(64, "glide", 4.0),
    Goal(64, "floor", 0.55),
    Goal(1, "redis-py", 1.3),
    Goal(512, OURS, 1.0, at=64),
)


def judge(results: Results, goals: Sequence[Goal]) -> Iterable[tuple[bool, str]]:
    """For each goal and each case it applies to: whether it is met, and a sentence with the figure."""
    for case, rows in results.items():
        for goal in goals:
            others = results.get(replace(case, tasks=goal.at or case.tasks), {})
            if goal.tasks != case.tasks or goal.other not in others:
                continue
            ours = rows.get(OURS)
            ratio = ours.ratio(others[goal.other]) if ours else None
            wanted = f"{case}: at least {goal.factor:g} x {goal.other}"
            if goal.at is not None:
                wanted += f" at {goal.at} tasks"
            if ratio is None:
                yield False, f"{wanted}: not measured"
            else:
                yield ratio >= goal.factor, f"{wanted}: {ratio:.2f} x{_floor_remark(rows, goal)}"


def _floor_remark(rows: Mapping[str, Row], goal: Goal) -> str:
    """How far the floor itself is, so that a goal out of reach of any client is seen to be so."""
    floor = rows.get("floor")
    compared = goal.other not in {"floor", OURS}
    reach = floor.ratio(rows[goal.other]) if floor and compared else None
    return "" if reach is None else f" (the floor: {reach:.2f} x)"


def table(rows: Mapping[str, Row]) -> str:
    """The Markdown table of one case, fastest peer first."""
    lines = [
        "| client | ops/s | x redis-py | x glide | % of floor | p50 ms | p99 ms | CPU µs/command |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    order = sorted(rows.values(), key=lambda row: -row.median("ops") if not row.error else 1)
    lines.extend(_line(row, rows) for row in order)
    return "\n".join(lines)


def _line(row: Row, rows: Mapping[str, Row]) -> str:
    if row.error:
        return f"| {row.label} | not run: {_one_line(row.error)} | | | | | | |"
    floor = row.ratio(rows.get("floor"))
    cells = (
        row.label,
        f"{row.median('ops'):,.0f}",
        _cell(row.ratio(rows.get("redis-py")), ".2f"),
        _cell(row.ratio(rows.get("glide")), ".2f"),
        _cell(floor and floor * 100, ".0f"),
        f"{row.median('p50') * 1e3:.3f}",
        f"{row.median('p99') * 1e3:.3f}",
        f"{row.median('cpu') * 1e6:.1f}",
    )
    return "| " + " | ".join(cells) + " |"


def _cell(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace("|", "/")


def surroundings(server: str, versions: Mapping[str, str]) -> str:
    """What the figures depend on: machine, Python, server and library versions."""
    lines = [
        f"- CPU: {cpu_model()}, {os.cpu_count()} cores; {platform.system()} {platform.release()}",
        f"- Python {platform.python_version()}; server: {server}, on the same machine",
        *(f"- {label}: {version}" for label, version in versions.items()),
    ]
    return "\n".join(lines)


def cpu_model() -> str:
    """The processor's name as the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def document(results: Results, server: str, versions: Mapping[str, str], method: str) -> str:
    """The whole report as Markdown."""
    parts = [method, surroundings(server, versions)]
    for case, rows in results.items():
        parts += [f"### {case}", table(rows)]
    return "\n\n".join(parts)


def as_json(results: Results, server: str, versions: Mapping[str, str]) -> dict[str, object]:
    """Everything measured, round by round, for other programs."""
    return {
        "server": server,
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": dict(versions),
        "cases": [_case_as_json(case, list(rows.values())) for case, rows in results.items()],
    }


def _case_as_json(case: Case, rows: Sequence[Row]) -> dict[str, object]:
    peers = {row.peer: {"error": row.error} if row.error else dict(row.rounds) for row in rows}
    return {"loop": case.loop, "op": case.op, "tasks": case.tasks, "peers": peers}
