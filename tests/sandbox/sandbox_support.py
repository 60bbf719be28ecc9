"""For the tests of the sandbox: which servers are required, and what a sandbox could leave behind."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Collection

REQUIRED = [name for name in os.environ.get("HA_MANAGER_REQUIRE_SERVERS", "").split(",") if name]


def children_of(parent: int) -> dict[int, str]:
    """The living child processes of `parent`: pid and command line."""
    return {
        pid: args
        for pid, ppid, state, args in _processes()
        if ppid == parent and not state.startswith("Z") and not args.startswith("ps ")
    }


_earlier: set[int] = set()


def forget_earlier_children() -> None:
    """Do not count the children that the test process has now: other tests' shared servers."""
    _earlier.clear()
    _earlier.update(children_of(os.getpid()))


def own_children() -> dict[int, str]:
    """The living child processes of the test process, but for those forgotten."""
    return {pid: args for pid, args in children_of(os.getpid()).items() if pid not in _earlier}


def alive(pids: Collection[int]) -> set[int]:
    """Those of `pids` that live; a zombie does not."""
    return {pid for pid, _, state, _ in _processes() if pid in pids and not state.startswith("Z")}


def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Whether the condition comes true within the time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _processes() -> list[tuple[int, int, str, str]]:
    listing = subprocess.run(
        ["ps", "-axww", "-o", "pid=,ppid=,stat=,args="], capture_output=True, text=True, check=True
    )
    found = []
    for line in listing.stdout.splitlines():
        pid, ppid, state, args = line.split(maxsplit=3)
        found.append((int(pid), int(ppid), state, args))
    return found
