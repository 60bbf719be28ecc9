"""The periodic trigger, in the user's APScheduler or in one of our own."""

from __future__ import annotations

import asyncio

import pytest
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from refresher_rig import Rig, running
from unit_support import soon, turns, until

from ha_manager.config import REFRESH_TRIGGERS
from ha_manager.topology import Cause


async def test_the_users_scheduler_is_used_and_left_running() -> None:
    scheduler = AsyncIOScheduler(timezone="UTC")
    scheduler.start()
    try:
        async with running(Rig(interval=40.0, scheduler=scheduler)) as rig:
            (job,) = scheduler.get_jobs()
            assert (job.coalesce, job.max_instances, job.misfire_grace_time) == (True, 1, None)
            assert job.trigger.interval.total_seconds() == 40
            assert 0 < job.trigger.jitter < 40
            await job.func()
            await until(lambda: bool(rig.published))
            assert rig.causes == [Cause.INTERVAL]
        assert scheduler.running
        assert scheduler.get_jobs() == []
    finally:
        scheduler.shutdown(wait=False)
        await turns()


async def test_a_job_that_the_user_removed_is_no_fault() -> None:
    scheduler = AsyncIOScheduler(timezone="UTC")
    scheduler.start()
    try:
        async with running(Rig(interval=40.0, scheduler=scheduler)):
            scheduler.remove_all_jobs()
    finally:
        scheduler.shutdown(wait=False)
        await turns()


async def test_two_refreshers_share_one_scheduler() -> None:
    scheduler = AsyncIOScheduler(timezone="UTC")
    scheduler.start()
    try:
        async with running(Rig(interval=40.0, scheduler=scheduler)):
            async with running(Rig(interval=40.0, scheduler=scheduler)):
                assert len(scheduler.get_jobs()) == 2
            assert len(scheduler.get_jobs()) == 1
    finally:
        scheduler.shutdown(wait=False)
        await turns()


async def test_a_scheduler_of_our_own_runs_the_interval_until_the_stop() -> None:
    async with running(Rig(interval=0.02)) as rig:
        await soon(_published(rig, 2))
    await turns()
    count = rig.discovery.begun
    await asyncio.sleep(0.1)
    assert rig.discovery.begun == count
    assert set(rig.causes) == {Cause.INTERVAL}


async def _published(rig: Rig, count: int) -> None:
    while len(rig.published) < count:
        await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    ("interval", "enabled"), [(None, REFRESH_TRIGGERS), (40.0, REFRESH_TRIGGERS - {"interval"})]
)
async def test_no_interval_no_job(interval: float | None, enabled: frozenset[str]) -> None:
    scheduler = AsyncIOScheduler(timezone="UTC")
    async with running(Rig(interval=interval, enabled=enabled, scheduler=scheduler)):
        assert scheduler.get_jobs() == []
