"""Ends a sandbox whose owner is gone: kills its servers and removes its directory.

Runs as a process of its own, started by `Guard`, from this file's path and with the standard
library alone, so that it is up in a few milliseconds::

    python _reaper.py OWNER_PID [DIRECTORY]

Its standard input is a pipe whose other end only the owner holds. The kernel closes that end
however the owner dies, SIGKILL included, and the end of file is the order to clean up. A proper
`Guard.close` gives the same order in the same way, so there is one way to clean up, and every test
run exercises it.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import sys
import time
from pathlib import Path

_OWNER_CHECK_SECONDS = 1.0
_REMOVAL_SECONDS = 5.0


def main(owner: int, directory: str | None) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it outlives its owner by design, and ends right after it
    _wait_for_end_of(owner)
    servers = os.getpgrp()
    _leave_group()
    _kill_group(servers)
    if directory is not None:
        _remove(directory)


def _wait_for_end_of(owner: int) -> None:
    # A process that the owner forked without exec holds the pipe's other end too, and may outlive the
    # owner: hence the look at the parent's pid besides the end of file.
    while os.getppid() == owner:
        if select.select([0], [], [], _OWNER_CHECK_SECONDS)[0]:
            return


def _leave_group() -> None:
    """Moves this process into a group of its own, so that killing the servers' group spares it.

    The leader of a group can only move to another existing one: a short-lived child provides it.
    """
    host = os.fork()
    if host == 0:
        signal.pause()
    os.setpgid(host, host)
    os.setpgid(0, host)
    os.kill(host, signal.SIGKILL)
    os.waitpid(host, 0)


def _kill_group(group: int) -> None:
    # By group, not by pid: a group's number is not given away again while a member lives, so this
    # can never hit a stranger. SIGKILL also ends a process that SIGSTOP had stopped.
    with contextlib.suppress(OSError):  # none left
        os.killpg(group, signal.SIGKILL)


def _remove(directory: str) -> None:
    # A dying server may still write a file between the look into the directory and its removal. It is
    # not waited for: as a zombie it would stay in its group for as long as nobody reaps it.
    deadline = time.monotonic() + _REMOVAL_SECONDS
    while Path(directory).exists() and time.monotonic() < deadline:
        shutil.rmtree(directory, ignore_errors=True)
        time.sleep(0.001)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None)
