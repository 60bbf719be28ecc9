"""What the client under test is given to do, in a process of its own, while a cluster suffers.

Either a load: tasks that append to one list in every slot, without a pause, until the input ends. Or the
ASK scenario: SETs that the owner of their slot sends elsewhere, beside readers that keep that other node
busy. Prints "ready" when it runs, and leaves a pickled `Record` or `AskRecord` in a file.

The parent, which inflicts the fault, must not take time from the event loop that is measured.
"""

import argparse
import asyncio
import itertools
import pickle
import time
from pathlib import Path

from cluster_peers import LIVING_PEERS, ClusterPeer
from cluster_plan import ASK_WRITES, AskRecord, Plan, Record, keys_by_slot, value_of
from peers import Target
from worker import open_input

from ha_manager.cli.workload import Ledger, Outcome

PAUSE_AFTER_ERROR = 0.01
# Longer than a command may wait by default, so that none is cut off while it still has a right to wait.
STOP_SECONDS = 40.0
ASK_WRITERS = 5
ASK_READERS = 20
ASK_SECONDS = 30.0


class Load:
    """The tasks that append."""

    def __init__(self, peer: ClusterPeer, plan: Plan) -> None:
        self._peer = peer
        self._plan = plan
        self._keys = keys_by_slot()
        self._stopping = False
        self.ledgers = [Ledger() for _ in range(plan.tasks)]

    async def run(self, end: asyncio.StreamReader) -> None:
        """Append until the input ends, then let every task end its last operation."""
        tasks = [asyncio.create_task(self._work(task)) for task in range(self._plan.tasks)]
        print("ready", flush=True)
        await end.read()
        self._stopping = True
        _, late = await asyncio.wait(tasks, timeout=STOP_SECONDS)
        for task in late:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            # An error in the load itself must not pass for a task that had nothing more to do.
            if isinstance(result, Exception):
                raise result

    async def _work(self, task: int) -> None:
        append, slot, keys = self._peer.append, self._plan.slot, self._keys
        ledger = self.ledgers[task]
        while not self._stopping:
            number = ledger.begin()
            try:
                await append(keys[slot(task, number)], value_of(task, number))
            except self._peer.in_doubt:
                ledger.finish(number, Outcome.IN_DOUBT)
            except Exception as error:  # noqa: BLE001  every error is a result
                ledger.fail(number, error)
                await asyncio.sleep(PAUSE_AFTER_ERROR)
            else:
                ledger.finish(number, Outcome.ACKNOWLEDGED)


class AskLoad:
    """SETs into a slot that is on its way, and readers on the node to which it goes."""

    def __init__(self, peer: ClusterPeer, slot: int, busy: range) -> None:
        self._client = peer.client
        self._tag = keys_by_slot()[slot]
        self._busy = [keys_by_slot()[other] for other in busy]
        self._reading = True
        self.record = AskRecord()

    async def run(self) -> None:
        """Read, and write beside it, until the SETs are done."""
        readers = [asyncio.create_task(self._read(task)) for task in range(ASK_READERS)]
        await asyncio.sleep(0.3)
        before = time.perf_counter()
        writers = [asyncio.create_task(self._write(task)) for task in range(ASK_WRITERS)]
        _, late = await asyncio.wait(writers, timeout=ASK_SECONDS)
        self.record.seconds = time.perf_counter() - before
        if missing := ASK_WRITES - self.record.succeeded - self.record.errors.total():
            self.record.errors[f"not done within {ASK_SECONDS:g} s"] = missing
        for writer in late:
            writer.cancel()
        self._reading = False
        await asyncio.gather(*readers)

    async def _write(self, task: int) -> None:
        for number in range(ASK_WRITES // ASK_WRITERS):
            try:
                await self._client.set(f"{{{self._tag}}}:{task}:{number}", "x")
            except Exception as error:  # noqa: BLE001  likewise
                self.record.errors[f"{type(error).__name__}: {error}"] += 1
            else:
                self.record.succeeded += 1

    async def _read(self, task: int) -> None:
        for number in itertools.count(task * 97):
            if not self._reading:
                return
            try:
                await self._client.llen(self._busy[number % len(self._busy)])
                self.record.reads += 1
            except Exception as error:  # noqa: BLE001  likewise
                self.record.read_errors[f"{type(error).__name__}: {error}"] += 1
                await asyncio.sleep(PAUSE_AFTER_ERROR)


async def drive(options: argparse.Namespace) -> None:
    """Connect, run what is asked for, keep the record, and close."""
    nodes = tuple((host, int(port)) for host, port in options.node)
    peer = LIVING_PEERS[options.client]()
    await peer.connect(Target(*nodes[0], nodes=nodes), options.policy)
    record: Record | AskRecord
    if options.ask is not None:
        slot, first, stop = options.ask
        ask = AskLoad(peer, slot, range(first, stop))
        await ask.run()
        record = ask.record
    else:
        load = Load(peer, Plan(options.tasks, options.apart, options.first))
        await load.run(await open_input())
        record = Record(load.ledgers, list(peer.repeats))
    options.result.write_bytes(pickle.dumps(record))
    await peer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--client", choices=LIVING_PEERS, required=True)
    parser.add_argument("--policy", default="")
    parser.add_argument("--node", nargs=2, action="append", required=True, metavar=("HOST", "PORT"))
    parser.add_argument("--result", type=Path, required=True)
    parser.add_argument("--tasks", type=int, default=64)
    parser.add_argument("--apart", type=int, default=16)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--ask", type=int, nargs=3, metavar=("SLOT", "FIRST", "STOP"))
    options = parser.parse_args()
    asyncio.run(drive(options))


if __name__ == "__main__":
    main()
