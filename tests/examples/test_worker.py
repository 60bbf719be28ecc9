"""The example worker, run as a user would, through a kill of the primary."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from ha_manager.sandbox import SentinelSandbox

WORKER = Path(__file__).parents[2] / "examples" / "worker.py"


async def test_the_worker_goes_on_after_its_primary_was_killed() -> None:
    async with SentinelSandbox() as sandbox:
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(WORKER), sandbox.url, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(30):
                assert (await process.stdout.readline()).startswith(b"writing to")
                await _done(sandbox, 10)
                old = await sandbox.kill_primary()
                await sandbox.wait_for_primary(other_than=old)
                before = await _done(sandbox, 1)
                await _done(sandbox, before + 10)
                process.send_signal(signal.SIGTERM)
                output = await process.stdout.read()
                assert await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert b"PrimarySwitched" in output
        assert b"jobs done" in output
        primary = await sandbox.primary()
        assert await sandbox.execute(primary, "LLEN", "jobs") == 0


async def _done(sandbox: SentinelSandbox, count: int) -> int:
    """Wait until so many jobs are done."""
    while True:
        done = await sandbox.execute(await sandbox.primary(), "SCARD", "done")
        if isinstance(done, int) and done >= count:
            return done
        await asyncio.sleep(0.02)
