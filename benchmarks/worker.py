"""The child process of one (peer, loop): connects once, then measures whenever the parent asks.

Speaks JSON lines: the first line out is `{"ready": versions}` or `{"error": reason}`; each line in is
one measurement to make, each line out after that its figures or an error. End of input ends it.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

from cluster_peers import peers_of
from peers import KEY_PREFIX, Peer, Target

VALUE_SIZE = 64
# Reading a clock for each command costs the fast clients more than the slow ones: only this part of
# the tasks is timed, spread evenly, because a pool may favour those that came first.
TIMED_TASKS_IN = 16


@dataclass
class Run:
    """State shared by the tasks of one measurement."""

    running: bool = True
    latencies: list[float] = field(default_factory=list)


Turns = list[tuple[tuple[Any, ...], Any]]
"""What a task calls, one after another and again from the start: arguments and the expected reply."""


def value_of(key: int) -> bytes:
    """A value that only this key holds, so that a reply given to the wrong task is noticed."""
    return f"{key:0{VALUE_SIZE}d}".encode()


async def plain_task(run: Run, call: Callable[..., Any], turns: Turns) -> int:
    """Call until the run ends; returns how many calls were made."""
    done = 0
    for arguments, expected in cycle(turns):
        if not run.running:
            break
        reply = await call(*arguments)
        if reply != expected:
            raise AssertionError(f"{arguments[0]!r} answered {reply!r}, not {expected!r}")
        done += 1
    return done


async def timed_task(run: Run, call: Callable[..., Any], turns: Turns) -> int:
    """The same, and note how long each call took."""
    clock, note = time.perf_counter, run.latencies.append
    done = 0
    before = clock()
    for arguments, expected in cycle(turns):
        if not run.running:
            break
        reply = await call(*arguments)
        if reply != expected:
            raise AssertionError(f"{arguments[0]!r} answered {reply!r}, not {expected!r}")
        now = clock()
        note(now - before)
        before = now
        done += 1
    return done


def turns_of(peer: Peer, op: str, keys: range) -> Turns:
    """The calls that one task makes: `op` on each of its keys."""
    names = [(peer.key(f"{KEY_PREFIX}{key}"), value_of(key)) for key in keys]
    if op == "get":
        return [((name,), value) for name, value in names]
    return [((name, value), peer.stored) for name, value in names]


async def run_tasks(peer: Peer, op: str, tasks: int, keys: int, seconds: float) -> dict[str, float]:
    """Let `tasks` tasks, which share out `keys` keys, each do one command after another for `seconds`."""
    run = Run()
    call = getattr(peer.client, op)
    work = []
    for task in range(tasks):
        body = plain_task if task % TIMED_TASKS_IN else timed_task
        work.append(body(run, call, turns_of(peer, op, range(task, keys, tasks))))

    def stop() -> None:
        run.running = False

    asyncio.get_running_loop().call_later(seconds, stop)
    cpu, wall = time.process_time(), time.perf_counter()
    try:
        done = sum(await asyncio.gather(*work))
    finally:
        stop()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    cuts = statistics.quantiles(run.latencies, n=100) if len(run.latencies) > 1 else [0.0] * 99
    return {"ops": done / wall, "p50": cuts[49], "p99": cuts[98], "cpu": cpu / max(done, 1)}


async def call_for_each(peer: Peer, op: str, keys: int) -> None:
    """Store every key once, or read it back: what is found is what its task meant to store."""
    call = getattr(peer.client, op)
    for arguments, expected in turns_of(peer, op, range(keys)):
        reply = await call(*arguments)
        if reply != expected:
            raise AssertionError(f"{op} of {arguments[0]!r} answered {reply!r}, not {expected!r}")


async def measure(peer: Peer, request: dict[str, Any], keys: int) -> dict[str, float]:
    """Warm up (pools open their connections then), measure, and check what a SET left behind."""
    op, tasks = request["op"], request["tasks"]
    await run_tasks(peer, op, tasks, keys, request["warmup"])
    figures = await run_tasks(peer, op, tasks, keys, request["seconds"])
    if op == "set":
        await call_for_each(peer, "get", keys)
    return figures


async def open_input() -> asyncio.StreamReader:
    """Standard input as a stream: the loop, and a client's background tasks, run on between rounds."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    return reader


async def serve(peer: Peer, target: Target, keys: int, answer: Callable[[dict[str, Any]], None]) -> None:
    """Connect, then answer measurement requests until the input ends."""
    requests = await open_input()
    try:
        await peer.connect(target)
        # A run of GET alone has values to verify, too.
        await call_for_each(peer, "set", keys)
    except Exception as error:  # noqa: BLE001  a library may fail in its own way; the table prints the reason
        answer({"error": f"{type(error).__name__}: {error}"})
        return
    answer({"ready": peer.versions()})
    while line := await requests.readline():
        try:
            answer(await measure(peer, json.loads(line), keys))
        except Exception as error:  # noqa: BLE001  likewise
            answer({"error": f"{type(error).__name__}: {error}"})
    await peer.close()


def private_output() -> Callable[[dict[str, Any]], None]:
    """Keep standard output for the protocol; what a library prints goes to standard error."""
    stream = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def answer(message: dict[str, Any]) -> None:
        stream.write(json.dumps(message) + "\n")

    return answer


def run_on(kind: str, main: Any) -> None:
    """Run the coroutine on the named event loop, `asyncio` or `uvloop`."""
    if kind == "uvloop":
        import uvloop

        uvloop.run(main)
    else:
        asyncio.run(main)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--peer", required=True)
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--sentinel-port", type=int)
    parser.add_argument("--node", nargs=2, action="append", default=[], metavar=("HOST", "PORT"))
    parser.add_argument("--keys", type=int, required=True)
    options = parser.parse_args()
    nodes = tuple((host, int(port)) for host, port in options.node)
    target = Target(options.host, options.port, options.sentinel_port, nodes)
    peer = peers_of(cluster=bool(nodes))[options.peer]()
    run_on(options.loop, serve(peer, target, options.keys, private_output()))


if __name__ == "__main__":
    main()
