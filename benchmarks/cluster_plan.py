"""Which keys the tasks of the cluster failover benchmark use, and what they write down.

Both the process under load and the one that judges it afterwards go by this.
"""

import itertools
from binascii import crc_hqx
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from ha_manager.cli.workload import Ledger

SLOTS = 16384
ASK_WRITES = 1000


@cache
def keys_by_slot() -> Sequence[str]:
    """One key for every slot."""
    found: dict[int, str] = {}
    for number in itertools.count():
        found.setdefault(crc_hqx(b"%d" % number, 0) % SLOTS, str(number))
        if len(found) == SLOTS:
            return [found[slot] for slot in range(SLOTS)]
    raise AssertionError("counting does not end")


def value_of(task: int, number: int) -> str:
    """What a task appends as its operation ``number``: no other operation appends the same."""
    return f"{task}:{number}"


@dataclass(frozen=True)
class Plan:
    """Which slots the tasks use.

    Attributes:
        tasks: how many there are.
        apart: of these, how many keep to the slots from ``first`` on; the others use all.
        first: the first slot that does not belong to the shard that will suffer.
    """

    tasks: int
    apart: int
    first: int

    def is_apart(self, task: int) -> bool:
        return task < self.apart

    def slot(self, task: int, number: int) -> int:
        """The slot of a task's operation: any of its slots, whatever the one before was."""
        first = self.first if self.is_apart(task) else 0
        return first + crc_hqx(b"%d:%d" % (task, number), 0) % (SLOTS - first)


@dataclass
class Record:
    """Every operation of every task, and when writes in doubt were repeated."""

    ledgers: list[Ledger]
    repeats: list[float]


@dataclass
class AskRecord:
    """What became of the SETs, and of the reads beside them."""

    succeeded: int = 0
    seconds: float = 0.0
    reads: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    read_errors: Counter[str] = field(default_factory=Counter)
