"""What does a cluster's size cost? Reading a snapshot, comparing it, following it, and routing by it.

No server takes part: the replies are made up in the form that servers give, every shard with two
replicas, and the connections lead nowhere. All of it runs on the event loop, between two commands of
the callers, so the times are pauses that every caller shares; routing is paid by each command. They are
the processor's time, because nothing here waits for anything else than the processor.

Run `python benchmarks/topology.py`. Exit status with `--check`: 1 if routing a command costs more in the
largest cluster than 1.5 times what it costs in the smallest.
"""

import argparse
import asyncio
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from time import process_time
from timeit import Timer
from typing import Any

from report import cpu_model
from topology_world import World, make_shards_reply, make_slots_reply

from ha_manager.cli.usage import positive
from ha_manager.cli.words import duration
from ha_manager.config import Endpoint
from ha_manager.topology import Deployment, Topology, diff
from ha_manager.topology.cluster_replies import parse_shards, parse_slots
from ha_manager.topology.model import promote

ASKED = Endpoint("10.0.0.1", 6379)
FLAT = 1.5
KEYS = 1000
CHANGED = 10


@dataclass
class Figures:
    """What one size of cluster costs: seconds for each run of each piece of work."""

    shards: int
    runs: dict[str, list[float]] = field(default_factory=dict)

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        """Note how long the block took."""
        before = process_time()
        yield
        self.runs.setdefault(what, []).append(process_time() - before)

    def note(self, what: str, seconds: float) -> None:
        self.runs.setdefault(what, []).append(seconds)

    def median(self, what: str) -> float:
        return median(self.runs[what])


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shards", type=sizes, default=(3, 100, 1000), help="default 3,100,1000")
    parser.add_argument("--runs", type=positive, default=15, help="default 15")
    parser.add_argument("--check", action="store_true", help="exit 1 if routing is not flat")
    return parser.parse_args()


def sizes(text: str) -> tuple[int, ...]:
    """Numbers of shards, separated by commas, in rising order."""
    return tuple(sorted(positive(word) for word in text.split(",")))


async def measure_snapshots(figures: Figures) -> None:
    """Parse, compare and follow snapshots, once."""
    shards_reply, slots_reply = make_shards_reply(figures.shards), make_slots_reply(figures.shards)
    with figures.timed("parse CLUSTER SHARDS"):
        shards = parse_shards(shards_reply, ASKED, tls=False)
    with figures.timed("parse CLUSTER SLOTS"):
        by_slots = parse_slots(slots_reply, ASKED, tls=False)
    assert [shard.slots for shard in shards] == [shard.slots for shard in by_slots]
    old = Topology(Deployment.CLUSTER, shards, epoch=1)
    same = Topology(Deployment.CLUSTER, parse_shards(shards_reply, ASKED, tls=False), epoch=2)
    with figures.timed("compare, nothing changed"):
        assert old.same_nodes(same)
    new = with_failovers(old)
    with figures.timed(f"diff, {CHANGED} shards failed over"):
        found = diff(old, new)
    assert len(found.switches) == min(CHANGED, figures.shards)
    async with World() as world:
        with figures.timed("adopt, the first snapshot"):
            world.arrangement.follow(None, old)
        await world.settle()
        with figures.timed(f"adopt, {CHANGED} shards failed over"):
            world.arrangement.follow(old, new)
        await world.settle()


def with_failovers(topology: Topology) -> Topology:
    """The snapshot after a replica of some shards, spread evenly, was promoted."""
    count = min(CHANGED, len(topology.shards))
    for number in range(count):
        chosen = topology.shards[number * len(topology.shards) // count].replicas[0]
        topology = promote(topology, chosen.endpoint, epoch=2)
    return topology


async def measure_routing(figures: Figures) -> None:
    """Find the node for one command: what is paid each time."""
    shards = parse_shards(make_shards_reply(figures.shards), ASKED, tls=False)
    async with World() as world:
        world.arrangement.follow(None, Topology(Deployment.CLUSTER, shards, epoch=1))
        route = await world.settle()
        cases: tuple[tuple[str, Callable[[Any], Any], list[Any]], ...] = (
            ("ha_manager", route, [("SET", f"user:{number}", b"") for number in range(KEYS)]),
            ("ha_manager, hash tags", route, [("SET", f"{{{n}}}:user", b"") for n in range(KEYS)]),
            ("redis-py", redis_py_router(shards), [f"user:{number}" for number in range(KEYS)]),
        )
        for what, find, keys in cases:
            assert all(find(key) for key in keys)
            figures.note(f"route, {what}", time_each(find, keys))


def redis_py_router(shards: Sequence[Any]) -> Callable[[str], Any]:
    """redis-py's way from a key to a node, which is part of what it does for each command."""
    from redis.asyncio.cluster import ClusterNode, RedisCluster

    cluster = RedisCluster(host=ASKED.host, port=ASKED.port)
    for shard in shards:
        node = ClusterNode(shard.primary.host, shard.primary.port, "primary")
        for slots in shard.slots:
            cluster.nodes_manager.slots_cache.update((slot, [node]) for slot in slots)
    return cluster.get_node_from_key


def time_each(find: Callable[[Any], Any], keys: Sequence[Any]) -> float:
    """Seconds for one key, the loop around it included; the least of some tries, the rest is noise."""

    def all_of_them() -> None:
        for key in keys:
            find(key)

    rounds = 10
    return min(Timer(all_of_them, timer=process_time).repeat(5, rounds)) / rounds / len(keys)


def table(columns: Sequence[Figures]) -> str:
    """All medians as Markdown."""
    head = ["", *(f"{column.shards:,} shards" for column in columns)]
    lines = ["| " + " | ".join(head) + " |", "|---|" + "--:|" * len(columns)]
    for what in columns[0].runs:
        form = nanoseconds if what.startswith("route") else pause
        lines.append("| " + " | ".join([what, *(form(column.median(what)) for column in columns)]) + " |")
    return "\n".join(lines)


def nanoseconds(seconds: float) -> str:
    return f"{seconds * 1e9:.0f} ns"


def pause(seconds: float) -> str:
    return f"{seconds * 1e6:.0f} µs" if seconds < 1e-3 else duration(seconds)


def main() -> int:
    options = parse()
    columns = [Figures(shards) for shards in options.shards]
    for _ in range(options.runs):
        for column in columns:
            asyncio.run(measure_snapshots(column))
            asyncio.run(measure_routing(column))
    print(f"{cpu_model()}, Python {platform.python_version()}. ", end="")
    print(f"Medians over {options.runs} runs. Every shard has two replicas.\n\n{table(columns)}")
    small, large = columns[0], columns[-1]
    growth = large.median("route, ha_manager") / small.median("route, ha_manager")
    met = growth <= FLAT
    if options.check:
        print(
            f"\n- {'met' if met else 'MISSED'}: routing by {large.shards:,} shards costs at most {FLAT:g} x "
            f"what it costs by {small.shards:,}: {growth:.2f} x"
        )
    return 1 if options.check and not met else 0


if __name__ == "__main__":
    sys.exit(main())
