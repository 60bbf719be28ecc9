"""Redirects are followed without the refresher, so their resolutions are spread and paced."""

from __future__ import annotations

import asyncio

import pytest
from refresher_rig import FOUND, NOT_YET, Rig, running
from unit_support import turns
from virtual_time import in_virtual_time, now

from ha_manager.topology import Cause
from ha_manager.topology.refresher import PATIENT, SPREAD


@pytest.mark.parametrize("cause", sorted(PATIENT, key=lambda cause: cause.value))
@in_virtual_time
async def test_a_patient_cause_is_spread_over_a_while(cause: Cause) -> None:
    delays = set()
    async with running(Rig()) as rig:
        for count in range(1, 31):
            began = now()
            rig.refresher.trigger(cause)
            while len(rig.published) < count:
                await asyncio.sleep(SPREAD / 1000)
            delays.add(round(now() - began, 4))
    assert rig.causes == [cause] * 30
    assert SPREAD * 0.5 <= min(delays) <= max(delays) <= SPREAD * 1.01
    assert len(delays) > 10, "the clients of a fleet must not act in step"


@in_virtual_time
async def test_a_storm_of_redirects_gives_few_resolutions() -> None:
    seconds = 5.0
    async with running(Rig()) as rig:
        end = now() + seconds
        while now() < end:
            for cause in (Cause.MOVED, Cause.ASK, Cause.MOVED, Cause.CLUSTERDOWN):
                rig.refresher.trigger(cause)
            await asyncio.sleep(0.001)
    assert seconds / SPREAD / 2 < rig.discovery.begun <= seconds / (SPREAD * 0.5) + 1


@pytest.mark.parametrize("urgent", [cause for cause in Cause if cause not in PATIENT], ids=str)
@in_virtual_time
async def test_an_urgent_cause_is_not_delayed(urgent: Cause) -> None:
    async with running(Rig()) as rig:
        began = now()
        rig.refresher.trigger(urgent)
        await turns()
        assert (rig.causes, now()) == ([urgent], began)


@in_virtual_time
async def test_an_urgent_cause_ends_the_wait_of_a_patient_one() -> None:
    async with running(Rig()) as rig:
        rig.refresher.trigger(Cause.MOVED)
        await asyncio.sleep(SPREAD / 4)
        began = now()
        rig.refresher.trigger(Cause.CONNECTION_LOST)
        await turns()
        assert (rig.causes, now()) == ([Cause.CONNECTION_LOST], began)
        await asyncio.sleep(SPREAD * 10)
    assert rig.causes == [Cause.CONNECTION_LOST], "one resolution served both"


@in_virtual_time
async def test_a_refresh_by_the_user_is_not_delayed_by_redirects() -> None:
    async with running(Rig()) as rig:
        rig.refresher.trigger(Cause.MOVED)
        began = now()
        await rig.refresher.refresh()
        assert now() == began
    assert rig.causes == [Cause.USER]


@in_virtual_time
async def test_a_patient_cause_does_not_outrank_an_urgent_one() -> None:
    async with running(Rig()) as rig:
        rig.discovery.gate.clear()
        rig.refresher.trigger(Cause.EVENTS)
        await turns()
        rig.refresher.trigger(Cause.READONLY)
        rig.refresher.trigger(Cause.MOVED)
        rig.discovery.gate.set()
        await asyncio.sleep(SPREAD * 10)
    assert rig.causes == [Cause.EVENTS, Cause.READONLY]


@in_virtual_time
async def test_redirects_during_a_resolution_lead_to_one_more_after_a_while() -> None:
    async with running(Rig()) as rig:
        rig.discovery.gate.clear()
        rig.refresher.trigger(Cause.EVENTS)
        await turns()
        for _ in range(10):
            rig.refresher.trigger(Cause.MOVED)
        rig.discovery.gate.set()
        await turns()
        assert rig.causes == [Cause.EVENTS]
        await asyncio.sleep(SPREAD * 10)
    assert rig.causes == [Cause.EVENTS, Cause.MOVED]


@in_virtual_time
async def test_redirects_do_not_hasten_the_repetition_of_a_resolution_that_failed() -> None:
    async with running(Rig(*[NOT_YET] * 6, FOUND)) as rig:
        began = now()
        rig.refresher.trigger(Cause.CONNECTION_LOST)
        while len(rig.published) < 7:
            rig.refresher.trigger(Cause.MOVED)
            await asyncio.sleep(0.001)
        # 0.05 s doubled five times, by three quarters at least; a storm would need no time at all.
        assert now() - began >= 0.05 * (2**6 - 1) * 0.7
        assert rig.causes[:6] == [Cause.CONNECTION_LOST] * 6
