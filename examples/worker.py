"""A long-running worker that lives through failover.

It moves jobs from one list to another, with a unique id for each, and says what happens to its
servers. Run it against your own deployment, then kill the primary:

    ha-manager sandbox sentinel                       # in one terminal: prints a URL
    python examples/worker.py redis+sentinel://...    # in another

Stop it with Ctrl-C or SIGTERM: what is under way is finished first.
"""

import asyncio
import signal
import sys
import uuid

from ha_manager import ConnectionManager, FailoverTimeoutError, OutcomeUnknownError
from ha_manager.observe import Event, PrimarySwitched, SentinelsLost, WritesHeld, WritesReleased
from ha_manager.retrying import retrying


def report(event: Event) -> None:
    """Print what an operator wants to know; the rest goes to the log if it is enabled."""
    if isinstance(event, PrimarySwitched | WritesHeld | WritesReleased | SentinelsLost):
        print(event, flush=True)


@retrying(attempts=5, timeout=60)
async def process(redis: ConnectionManager, job: str) -> None:
    """One unit of work, safe to run again as a whole: SET and SADD of the same values are idempotent."""
    await redis.set(f"result:{job}", job.upper(), ex=3600)
    await redis.sadd("done", job)


async def work(redis: ConnectionManager, stop: asyncio.Event) -> None:
    """Take jobs until told to stop."""
    while not stop.is_set():
        job = uuid.uuid4().hex
        try:
            await redis.rpush("jobs", job)
        except OutcomeUnknownError:
            # It may be in the list already. Look before pushing again: that is why jobs have ids.
            if await redis.lpos("jobs", job) is None:
                await redis.rpush("jobs", job)
        except FailoverTimeoutError as error:
            print(f"still waiting: {error.waited_for}", flush=True)
            continue
        await process(redis, job)
        await redis.lrem("jobs", 1, job)
        await asyncio.sleep(0.01)


async def main(url: str) -> None:
    """Run until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with await ConnectionManager.from_url(url, client_name="worker") as redis:
        redis.add_listener(report)
        print(f"writing to {redis.primary}", flush=True)
        await work(redis, stop)
        print(f"{await redis.scard('done')} jobs done", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "redis://localhost:6379"))
