"""Nothing is left behind, whatever happens. The fixture `nothing_left` looks after every test here."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sandbox_support import alive, children_of, eventually, own_children

from ha_manager.sandbox import SentinelSandbox, ServerStartError, StandaloneSandbox

CRASHING = """
import asyncio, json, sys
from ha_manager.sandbox import SentinelSandbox

async def main():
    async with SentinelSandbox(server=sys.argv[1]) as one, SentinelSandbox(server=sys.argv[1]) as two:
        await one.pause()
        await one.pause(one.sentinel_nodes[0])
        pids = [process.pid for process in (*one.processes, *two.processes)]
        print(json.dumps([pids, str(one.directory), str(two.directory)]), flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""

MISBEHAVING = """
import os, signal, sys, time
from ha_manager.sandbox import SentinelSandbox
import asyncio

async def main():
    async with SentinelSandbox(server=sys.argv[1], replicas=1, sentinels=1):
        if os.fork() == 0:       # it holds a copy of every pipe's end, and outlives its parent
            time.sleep(30)
            os._exit(0)
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGABRT])
def test_the_owner_dies(server: str, number: signal.Signals, temporary: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CRASHING, server],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as owner:
        assert owner.stdout is not None
        pids, *directories = json.loads(owner.stdout.readline())
        everyone = {*pids, *children_of(owner.pid)}
        assert len(everyone) == 14, "two deployments of six, and a reaper for each"
        assert all(Path(directory).is_dir() for directory in directories)
        owner.send_signal(number)
        owner.wait(20)
    assert eventually(lambda: not alive(everyone))
    assert eventually(lambda: not any(Path(directory).exists() for directory in directories))


def test_the_owner_dies_and_leaves_a_forked_child(server: str, temporary: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", MISBEHAVING, server],
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": os.pathsep.join(sys.path)},
        process_group=0,
    )
    try:
        assert owner.wait(60) == -signal.SIGKILL
        assert eventually(lambda: list(temporary.iterdir()) == [])
    finally:
        os.killpg(owner.pid, signal.SIGKILL)


async def test_servers_are_gone_after_the_block(server: str) -> None:
    async with SentinelSandbox(server=server) as sandbox:
        pids = {process.pid for process in sandbox.processes if process.pid is not None}
        assert alive(pids) == pids
        directory = sandbox.directory
    assert not alive(pids)
    assert not directory.exists()


async def test_an_error_in_the_block_with_everything_paused(server: str) -> None:
    with pytest.raises(ZeroDivisionError):
        async with SentinelSandbox(server=server, replicas=1, sentinels=1) as sandbox:
            for process in sandbox.processes:
                await sandbox.pause(process)
            raise ZeroDivisionError


@pytest.mark.parametrize("started", [0, 1, 4], ids=["at once", "nodes", "sentinels"])
async def test_the_start_is_cancelled(server: str, started: int) -> None:
    sandbox = SentinelSandbox(server=server)
    task = asyncio.create_task(sandbox.__aenter__())
    await asyncio.sleep(0)
    for _ in range(1000):
        if len(sandbox.processes) >= started:
            break
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sandbox.processes == ()
    assert own_children() == {}


async def test_the_block_is_cancelled(server: str) -> None:
    entered = asyncio.Event()

    async def work() -> None:
        async with StandaloneSandbox(server=server):
            entered.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(work())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert own_children() == {}


async def test_the_start_fails_half_way(server: str) -> None:
    with pytest.raises(ServerStartError, match="no-such-directive"):
        await SentinelSandbox(server=server, sentinel_config={"no-such-directive": "1"}).__aenter__()
    assert own_children() == {}


async def test_the_reaper_was_killed(server: str) -> None:
    async with SentinelSandbox(server=server, replicas=1, sentinels=1) as sandbox:
        (reaper,) = [pid for pid, args in own_children().items() if "_reaper.py" in args]
        os.kill(reaper, signal.SIGKILL)
        directory = sandbox.directory
    assert not directory.exists()


async def test_a_given_directory_is_kept_with_the_logs(server: str, tmp_path: Path) -> None:
    async with StandaloneSandbox(server=server, directory=tmp_path / "kept") as sandbox:
        log = sandbox.node.log_path
    assert (tmp_path / "kept") in log.parents
    assert "Ready to accept connections" in log.read_text()
