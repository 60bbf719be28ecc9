"""The periodic refresh runs in the user's own APScheduler, which stays the user's."""

from __future__ import annotations

import pytest
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.schedulers.background import BackgroundScheduler

from ha_manager import ConfigurationError, ConnectionManager
from ha_manager.sandbox import StandaloneSandbox
from tests.integration.support import address_of, eventually


async def test_a_scheduler_of_ones_own(empty: StandaloneSandbox) -> None:
    scheduler = AsyncIOScheduler(timezone="UTC")
    scheduler.start()
    ran: list[int] = []
    own = scheduler.add_job(lambda: ran.append(1), "interval", seconds=0.05)
    try:
        async with await ConnectionManager.create(
            **address_of(empty.node), scheduler=scheduler, refresh_interval=0.05
        ) as manager:
            assert len(scheduler.get_jobs()) == 2
            await eventually(lambda: manager.stats().refreshes.get("interval", 0) >= 3, "three refreshes")
        assert [job.id for job in scheduler.get_jobs()] == [own.id]
        assert scheduler.running
        count = len(ran)
        await eventually(lambda: len(ran) > count, "the user's job goes on")
    finally:
        scheduler.shutdown(wait=False)


async def test_two_managers_share_one(empty: StandaloneSandbox) -> None:
    scheduler = AsyncIOScheduler(timezone="UTC")
    scheduler.start()
    options = {**address_of(empty.node), "scheduler": scheduler, "refresh_interval": 0.05}
    try:
        first, second = await ConnectionManager.create(**options), await ConnectionManager.create(**options)
        await first.aclose()
        before = second.stats().refreshes.get("interval", 0)
        await eventually(
            lambda: second.stats().refreshes.get("interval", 0) > before + 1, "the other goes on"
        )
        await second.aclose()
        assert scheduler.get_jobs() == []
    finally:
        scheduler.shutdown(wait=False)


async def test_one_that_is_not_running_yet(empty: StandaloneSandbox) -> None:
    scheduler = AsyncIOScheduler(timezone="UTC")
    async with await ConnectionManager.create(
        **address_of(empty.node), scheduler=scheduler, refresh_interval=0.05
    ) as manager:
        assert await manager.ping()
        assert not scheduler.running
        scheduler.start()
        await eventually(lambda: manager.stats().refreshes.get("interval", 0) >= 1, "a refresh")
    assert scheduler.running
    scheduler.shutdown(wait=False)


async def test_one_that_was_shut_down_meanwhile(empty: StandaloneSandbox) -> None:
    scheduler = AsyncIOScheduler(timezone="UTC")
    scheduler.start()
    async with await ConnectionManager.create(**address_of(empty.node), scheduler=scheduler) as manager:
        scheduler.shutdown(wait=False)
        assert await manager.ping()


async def test_our_own(empty: StandaloneSandbox) -> None:
    async with await ConnectionManager.create(**address_of(empty.node), refresh_interval=0.05) as manager:
        await eventually(lambda: manager.stats().refreshes.get("interval", 0) >= 3, "three refreshes")


async def test_one_of_the_wrong_kind(empty: StandaloneSandbox) -> None:
    with pytest.raises(ConfigurationError, match="scheduler"):
        async with await ConnectionManager.create(**address_of(empty.node), scheduler=BackgroundScheduler()):
            pass
