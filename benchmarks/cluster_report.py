"""The tables of the cluster failover benchmark, and the goals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median

from cluster_audit import Result
from cluster_plan import ASK_WRITES, AskRecord
from cluster_trial import FAULTS

from ha_manager.cli.words import duration

ALL_FAULTS = (*FAULTS, "ask")
GOAL_LAG = {"kill": 0.020, "failover": 0.010, "hang": 0.050}
GOAL_APART = 0.050
GOAL_RESHARD_STALL = 0.020
SAMPLE_LENGTH = 160


@dataclass
class Case:
    """One row of a table: what is run, and what came of each run."""

    server: str
    client: str
    policy: str
    fault: str
    results: list[Result] = field(default_factory=list)
    asks: list[tuple[AskRecord, int]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.server} / {self.fault} / {self.client} / in_doubt={self.policy}"

    def samples(self) -> list[str]:
        """The commonest error of the last run, for people to understand the figures."""
        if self.results:
            found = self.results[-1].samples[:1]
        elif self.asks:
            found = [f"{count} x {text}" for text, count in self.asks[-1][0].errors.most_common(1)]
        else:
            found = []
        return [" ".join(text.split())[:SAMPLE_LENGTH] for text in found]


def _duration(read: Callable[[Result], float | None]) -> Callable[[Case], str]:
    return lambda case: duration(middle(case, read))


def _count(read: Callable[[Result], int]) -> Callable[[Case], str]:
    return lambda case: f"{median(map(read, case.results)):,.0f}"


COLUMNS: dict[str, Callable[[Case], str]] = {
    "behind promotion": _duration(lambda result: result.behind_promotion),
    "behind serving": _duration(lambda result: result.behind_serving),
    "behind demotion": _duration(lambda result: result.behind_demotion),
    "known to within": _duration(lambda result: result.blur),
    "stall": _duration(lambda result: result.stall),
    "stall apart": _duration(lambda result: result.stall_apart),
    "others refused": _duration(lambda result: result.refused),
    "acknowledged": _count(lambda result: result.acknowledged),
    "errors": _count(lambda result: result.errors),
    "in doubt": _count(lambda result: result.in_doubt),
    "lost": _count(lambda result: result.lost),
    "duplicates": _count(lambda result: result.duplicates),
    "repeated by permission": _count(lambda result: result.repeated),
}

ASK_COLUMNS: dict[str, Callable[[Case], str]] = {
    "succeeded": lambda case: f"{median(record.succeeded for record, _ in case.asks):,.0f}",
    "stored": lambda case: f"{median(stored for _, stored in case.asks):,.0f}",
    "seconds": lambda case: f"{median(record.seconds for record, _ in case.asks):.2f}",
    "reads beside": lambda case: f"{median(record.reads for record, _ in case.asks):,.0f}",
    "read errors": lambda case: f"{median(record.read_errors.total() for record, _ in case.asks):,.0f}",
}


def middle(case: Case, read: Callable[[Result], float | None]) -> float | None:
    """The median over the runs; ``None`` if one run has no such figure."""
    values = [read(result) for result in case.results]
    known = [value for value in values if value is not None]
    return median(known) if known and len(known) == len(values) else None


def fault_table(cases: Sequence[Case]) -> str:
    """A row for each client and fault."""
    return _table(COLUMNS, cases, lambda case: bool(case.results))


def ask_table(cases: Sequence[Case]) -> str:
    """A row for each client in the ASK scenario."""
    return _table(ASK_COLUMNS, cases, lambda case: bool(case.asks))


def _table(
    columns: dict[str, Callable[[Case], str]], cases: Sequence[Case], measured: Callable[[Case], bool]
) -> str:
    head = ["server", "fault", "client", "in doubt?", *columns]
    lines = ["| " + " | ".join(head) + " |", "|---|---|---|---|" + "--:|" * len(columns)]
    for case in cases:
        figures = [cell(case) if measured(case) else "-" for cell in columns.values()]
        lines.append("| " + " | ".join([case.server, case.fault, case.client, case.policy, *figures]) + " |")
    return "\n".join(lines)


def summary(case: Case) -> str:
    """The last run in one line."""
    last = Case(case.server, case.client, case.policy, case.fault, case.results[-1:], case.asks[-1:])
    if last.results:
        return ", ".join(f"{name} {cell(last)}" for name, cell in COLUMNS.items())
    if last.asks:
        return ", ".join(f"{name} {cell(last)}" for name, cell in ASK_COLUMNS.items())
    return case.failures[-1] if case.failures else ""


def judge(case: Case) -> list[str]:
    """The goals that a case missed."""
    complaints = [*case.failures, *_missed_medians(case)]
    for result in case.results:
        counts = {
            "errors": result.errors,
            "writes in doubt": result.in_doubt if case.policy == "retry" else 0,
            "duplicates": result.duplicates,
            # A primary that is killed takes with it what its replica had not received.
            "acknowledged writes lost": 0 if case.fault == "kill" else result.lost,
        }
        complaints += [f"{count} {what}" for what, count in counts.items() if count]
    for record, stored in case.asks:
        if record.succeeded != ASK_WRITES or stored != ASK_WRITES or record.read_errors:
            complaints.append(
                f"{record.succeeded} of {ASK_WRITES} SETs succeeded, {stored} are stored, "
                f"{record.read_errors.total()} reads failed"
            )
    return [f"{case}: {complaint}" for complaint in complaints]


def _missed_medians(case: Case) -> list[str]:
    missed = []
    if case.fault in GOAL_LAG:
        goals = [("first success behind the promotion", _lag, GOAL_LAG[case.fault])]
        goals.append(("tasks apart waited longer than their shards refused, by", _wait_apart, GOAL_APART))
    else:
        goals = [("longest stall", lambda result: result.stall, GOAL_RESHARD_STALL)]
    for what, read, most in goals if case.results else ():
        value = middle(case, read)
        if value is None or value > most:
            missed.append(f"{what}: {duration(value)}, goal {duration(most)}")
    return missed


def _lag(result: Result) -> float | None:
    return result.behind_promotion


def _wait_apart(result: Result) -> float:
    return result.stall_apart - result.refused
