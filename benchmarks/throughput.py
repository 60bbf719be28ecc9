"""How fast are asyncio Redis clients against one real server, or with `--cluster` against three that share
the slots? GET and SET of 64-byte values.

Every peer lives in a process of its own and stays connected. Rounds are interleaved: each case is
measured for every peer in turn, in an order that rotates, before the next round starts, so that the
drift of a shared machine hits all alike. Ratios are taken within a round; medians over the rounds.

Run `python benchmarks/throughput.py`, with the `bench` extra installed. Exit status with `--check`:
1 if a goal is missed. See benchmarks/README.md.
"""

import argparse
import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import product
from pathlib import Path
from typing import Any

from cluster_peers import CLUSTER_PEERS, peers_of
from peers import DEFAULT_PEERS, KEY_PREFIX, PEERS, Target
from report import CLUSTER_GOALS, GOALS, Case, Results, Row, as_json, document, judge
from server import forget, given_server, own_cluster, own_server, server_version

WORKER = Path(__file__).resolve().parent / "worker.py"
# Beyond the time that a measurement is told to take; a child that is silent for longer has hung.
PATIENCE = 30.0
# In a cluster each task goes through many keys, so that it does not use one shard alone.
CLUSTER_KEYS = 1024


class Child:
    """The parent's end of one worker process."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, peer: str, loop: str, target: Target, keys: int) -> "Child":
        """Start the worker of one peer on one kind of event loop."""
        command = [sys.executable, str(WORKER), "--peer", peer, "--loop", loop, "--keys", str(keys)]
        command += ["--host", target.host, "--port", str(target.port)]
        for host, port in target.nodes:
            command += ["--node", host, str(port)]
        if target.sentinel_port is not None:
            command += ["--sentinel-port", str(target.sentinel_port)]
        process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
        return cls(process)

    async def answer(self, within: float) -> dict[str, Any]:
        """The next message; one with `error` if the worker died or is silent for `within` seconds."""
        assert self._process.stdout is not None
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), within)
        except TimeoutError:
            # A late answer would be taken for that of the next measurement.
            self._process.kill()
            return {"error": f"no answer within {within:.0f} s"}
        if not line:
            return {"error": f"the worker ended with status {await self._process.wait()}"}
        message: dict[str, Any] = json.loads(line)
        return message

    async def measure(self, case: Case, seconds: float, warmup: float) -> dict[str, Any]:
        """Ask for one measurement and wait for its figures."""
        assert self._process.stdin is not None
        request = {"op": case.op, "tasks": case.tasks, "seconds": seconds, "warmup": warmup}
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            await self._process.stdin.drain()
        except ConnectionError as error:
            return {"error": f"the worker is gone: {error}"}
        return await self.answer(within=seconds + warmup + PATIENCE)

    async def stop(self) -> None:
        """End the worker: by closing its input, and by force if that does not help."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), 5)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


class Experiment:
    """All the children of a run and what they have measured so far."""

    def __init__(self, options: argparse.Namespace, target: Target) -> None:
        self._options = options
        self._target = target
        self._children: dict[tuple[str, str], Child] = {}
        self.versions: dict[str, str] = {}
        cases = [Case(*cell) for cell in product(options.loops, options.ops, options.tasks)]
        self._labels = {peer: peers_of(cluster=options.cluster)[peer].label for peer in options.peers}
        self.results: Results = {
            case: {peer: Row(peer, label) for peer, label in self._labels.items()} for case in cases
        }

    async def run(self) -> None:
        """Connect everybody, seed the keys, measure every round, and stop the children."""
        try:
            for peer, loop in product(self._options.peers, self._options.loops):
                await self._connect(peer, loop)
            for number in range(self._options.rounds):
                print(f"round {number + 1} of {self._options.rounds}", file=sys.stderr, flush=True)
                await self._round(number)
        finally:
            await asyncio.gather(*(child.stop() for child in self._children.values()))

    async def _connect(self, peer: str, loop: str) -> None:
        child = await Child.start(peer, loop, self._target, key_count(self._options))
        self._children[peer, loop] = child
        message = await child.answer(within=PATIENCE)
        if "ready" in message:
            self.versions[self._labels[peer]] = message["ready"]
            # What only many tasks at once bring to light shall not come up in the first round.
            message = await child.measure(Case(loop, "set", max(self._options.tasks)), 0.05, 0.05)
        if error := message.get("error"):
            for case, rows in self.results.items():
                if case.loop == loop:
                    rows[peer].error = error

    async def _round(self, number: int) -> None:
        for case, rows in self.results.items():
            turn = number % len(rows)
            order = list(rows.values())
            for row in order[turn:] + order[:turn]:
                if not row.error:
                    await self._measure(case, row)

    async def _measure(self, case: Case, row: Row) -> None:
        child = self._children[row.peer, case.loop]
        message = await child.measure(case, self._options.seconds, self._options.warmup)
        row.error = message.pop("error", "")
        for figure, value in message.items():
            row.rounds[figure].append(value)


def key_count(options: argparse.Namespace) -> int:
    """How many keys the tasks share out among themselves: at least one for each."""
    most: int = max(options.tasks)
    return max(most, CLUSTER_KEYS) if options.cluster else most


def words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def numbers(text: str) -> list[int]:
    return [int(word) for word in words(text)]


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--url", help="redis://host:port of a server to use instead of starting one")
    parser.add_argument("--tasks", type=numbers, default=[1, 64, 512], help="default 1,64,512")
    parser.add_argument("--ops", type=words, default=["get", "set"], help="default get,set")
    parser.add_argument("--loops", type=words, default=["asyncio", "uvloop"], help="default asyncio,uvloop")
    parser.add_argument(
        "--peers", type=words, help=f"of {', '.join(PEERS)}; with --cluster, of {', '.join(CLUSTER_PEERS)}"
    )
    parser.add_argument("--sentinel", action="store_true", help="add ha_manager through a Sentinel")
    parser.add_argument("--cluster", action="store_true", help="a cluster of three primaries instead")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of one measurement, default 1")
    parser.add_argument("--warmup", type=float, default=0.15, help="seconds before each, default 0.15")
    parser.add_argument("--rounds", type=int, default=5, help="default 5")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every round's figures here")
    parser.add_argument("--check", action="store_true", help="exit 1 if a goal is missed")
    options = parser.parse_args(arguments)
    known = peers_of(cluster=options.cluster)
    options.peers = options.peers or list(CLUSTER_PEERS if options.cluster else DEFAULT_PEERS)
    for name, allowed in (("peers", known), ("ops", ("get", "set")), ("loops", ("asyncio", "uvloop"))):
        if unknown := set(getattr(options, name)) - set(allowed):
            parser.error(f"--{name}: unknown {', '.join(sorted(unknown))}; there are {', '.join(allowed)}")
    if (options.sentinel or options.cluster) and options.url:
        parser.error("--sentinel and --cluster need servers of the benchmark's own, so --url cannot go along")
    if options.sentinel and options.cluster:
        parser.error("a cluster has no Sentinels: --sentinel cannot go with --cluster")
    if options.sentinel and "sentinel" not in options.peers:
        options.peers.append("sentinel")
    return options


def main() -> int:
    """Run, print the report, and return the exit status."""
    options = parse()
    with ExitStack() as stack:
        if options.url:
            target = given_server(options.url)
            stack.callback(forget, target, [f"{KEY_PREFIX}{key}" for key in range(key_count(options))])
        elif options.cluster:
            target = stack.enter_context(own_cluster())
        else:
            target = stack.enter_context(own_server("sentinel" in options.peers))
        server = server_version(target)
        if target.nodes:
            server = f"a cluster of {len(target.nodes)} primaries without replicas, {server}"
        experiment = Experiment(options, target)
        asyncio.run(experiment.run())
    method = (
        f"{options.rounds} interleaved rounds of {options.seconds:g} s; medians over the rounds, ratios "
        "taken within a round. 64-byte values, every one verified. CPU is the client process alone."
    )
    print(document(experiment.results, server, experiment.versions, method))
    if options.json:
        options.json.write_text(
            json.dumps(as_json(experiment.results, server, experiment.versions), indent=1)
        )
    if not options.check:
        return 0
    verdicts = list(judge(experiment.results, CLUSTER_GOALS if options.cluster else GOALS))
    print("\n### Goals\n")
    for met, sentence in verdicts:
        print(f"- {'met' if met else 'MISSED'}: {sentence}")
    return 0 if verdicts and all(met for met, _ in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
