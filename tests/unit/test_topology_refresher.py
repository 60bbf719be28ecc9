"""Triggers, single flight and back-off, with a discovery whose outcomes are scripted."""

from __future__ import annotations

import asyncio

import pytest
from refresher_rig import FOUND, NOT_YET, Rig, running
from unit_support import soon, turns, until

from ha_manager.backoff import Backoff
from ha_manager.config import REFRESH_TRIGGERS
from ha_manager.errors import ManagerClosedError
from ha_manager.observe import RefreshFailed
from ha_manager.topology import Cause, Resolution, refresher


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeat without a noticeable wait."""
    monkeypatch.setattr(refresher, "RETRY", Backoff(first=0.001, limit=0.001))


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait so long before repeating that only a trigger can be the reason for it."""
    monkeypatch.setattr(refresher, "RETRY", Backoff(first=3600, limit=3600))


# Single flight


async def test_a_trigger_leads_to_one_resolution_and_its_publication() -> None:
    async with running(Rig()) as rig:
        await turns()
        assert rig.discovery.begun == 0
        rig.refresher.trigger(Cause.READONLY)
        await until(lambda: bool(rig.published))
        await turns()
    assert rig.published == [(FOUND, Cause.READONLY)]
    assert rig.counters.refreshes == {"readonly": 1}


async def test_triggers_during_a_resolution_lead_to_exactly_one_more() -> None:
    async with running(Rig()) as rig:
        rig.discovery.gate.clear()
        rig.refresher.trigger(Cause.EVENTS)
        await until(lambda: rig.discovery.begun == 1)
        for cause in (Cause.READONLY, Cause.CONNECTION_LOST, Cause.HEARTBEAT, Cause.EVENTS) * 25:
            rig.refresher.trigger(cause)
        await turns()
        assert rig.discovery.begun == 1
        rig.discovery.gate.set()
        await until(lambda: len(rig.published) == 2)
        await turns()
    assert rig.causes == [Cause.EVENTS, Cause.READONLY]
    assert rig.discovery.most == 1


async def test_triggers_before_the_start_are_one() -> None:
    rig = Rig()
    for _ in range(10):
        rig.refresher.trigger(Cause.EVENTS)
    async with running(rig):
        await until(lambda: bool(rig.published))
        await turns()
    assert rig.causes == [Cause.EVENTS]


@pytest.mark.parametrize("cause", [cause for cause in Cause if cause.value in REFRESH_TRIGGERS])
async def test_a_cause_that_is_switched_off_is_ignored(cause: Cause) -> None:
    async with running(Rig(enabled=REFRESH_TRIGGERS - {cause.value})) as rig:
        rig.refresher.trigger(cause)
        await turns()
    assert rig.discovery.begun == 0


@pytest.mark.parametrize("cause", [Cause.RECONNECTED, Cause.ANNOUNCEMENT, Cause.USER])
async def test_what_cannot_be_chosen_cannot_be_switched_off(cause: Cause) -> None:
    async with running(Rig(enabled=())) as rig:
        rig.refresher.trigger(cause)
        await until(lambda: bool(rig.published))
    assert rig.causes == [cause]


# Repeating


@pytest.mark.usefixtures("quick")
async def test_an_unconfirmed_resolution_is_repeated_until_it_is_confirmed() -> None:
    async with running(Rig(*[NOT_YET] * 5, FOUND)) as rig:
        rig.refresher.trigger(Cause.CONNECTION_LOST)
        await until(lambda: len(rig.published) == 6)
        await turns()
    assert rig.causes == [Cause.CONNECTION_LOST] * 6
    assert rig.published[-1][0] is FOUND
    assert rig.counters.refresh_failures == 5


@pytest.mark.usefixtures("quick")
async def test_one_reason_is_told_once_until_it_changes() -> None:
    other = Resolution(None, confirmed=False, reason="another")
    async with running(Rig(NOT_YET, NOT_YET, other, other, FOUND, NOT_YET, FOUND)) as rig:
        rig.refresher.trigger(Cause.EVENTS)
        await until(lambda: len(rig.published) == 5)
        rig.refresher.trigger(Cause.HEARTBEAT)
        await until(lambda: len(rig.published) == 7)
    told = [(e.cause, e.reason) for e in rig.events if isinstance(e, RefreshFailed)]
    assert told == [("events", "no primary"), ("events", "another"), ("heartbeat", "no primary")]
    assert rig.counters.refresh_failures == 5


@pytest.mark.usefixtures("patient")
async def test_a_new_trigger_cuts_the_wait_short() -> None:
    async with running(Rig(NOT_YET, FOUND)) as rig:
        rig.refresher.trigger(Cause.EVENTS)
        await until(lambda: len(rig.published) == 1)
        await turns()
        assert len(rig.published) == 1
        rig.refresher.trigger(Cause.READONLY)
        await until(lambda: len(rig.published) == 2)
    assert rig.causes == [Cause.EVENTS, Cause.READONLY]


async def test_the_waits_grow_with_the_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts: list[int] = []

    class Noting(Backoff):
        def delay(self, attempt: int, jitter: object = None) -> float:
            attempts.append(attempt)
            return 0.0

    monkeypatch.setattr(refresher, "RETRY", Noting())
    async with running(Rig(NOT_YET, NOT_YET, NOT_YET, FOUND, NOT_YET, FOUND)) as rig:
        rig.refresher.trigger(Cause.EVENTS)
        await until(lambda: len(rig.published) == 4)
        rig.refresher.trigger(Cause.EVENTS)
        await until(lambda: len(rig.published) == 6)
    assert attempts == [1, 2, 3, 1]


@pytest.mark.usefixtures("quick")
async def test_no_failure_is_told_when_another_hand_has_changed_the_snapshot_meanwhile() -> None:
    async with running(Rig(NOT_YET, FOUND)) as rig:
        rig.discovery.gate.clear()
        rig.refresher.trigger(Cause.EVENTS)
        await until(lambda: rig.discovery.begun == 1)
        rig.topology = FOUND.topology
        rig.discovery.gate.set()
        await until(lambda: len(rig.published) == 2)
    assert rig.counters.refresh_failures == 0


@pytest.mark.usefixtures("quick")
async def test_an_unexpected_exception_does_not_end_the_refreshing() -> None:
    async with running(Rig(RuntimeError("a bug"), FOUND)) as rig:
        rig.refresher.trigger(Cause.EVENTS)
        await until(lambda: bool(rig.published))
    assert rig.published == [(FOUND, Cause.EVENTS)]
    (told,) = [event for event in rig.events if isinstance(event, RefreshFailed)]
    assert "a bug" in told.reason


@pytest.mark.usefixtures("quick")
async def test_a_publisher_that_fails_does_not_end_the_refreshing() -> None:
    rig = Rig()
    faults = [RuntimeError("a bug")]

    def fail_once(resolution: Resolution, cause: Cause) -> None:
        if faults:
            raise faults.pop()
        Rig.publish(rig, resolution, cause)

    rig.refresher._publish = fail_once
    async with running(rig):
        rig.refresher.trigger(Cause.EVENTS)
        await until(lambda: bool(rig.published))
    assert rig.causes == [Cause.EVENTS]


# refresh()


async def test_refresh_waits_for_a_resolution_that_began_after_the_call() -> None:
    async with running(Rig()) as rig:
        rig.discovery.gate.clear()
        rig.refresher.trigger(Cause.EVENTS)
        await until(lambda: rig.discovery.begun == 1)
        refreshed = asyncio.ensure_future(rig.refresher.refresh())
        await turns()
        ended: list[int] = []
        refreshed.add_done_callback(lambda _: ended.append(len(rig.published)))
        rig.discovery.gate.set()
        await soon(refreshed)
        await turns()
    assert ended == [2]
    assert rig.causes == [Cause.EVENTS, Cause.USER]


async def test_many_refreshes_share_one_resolution() -> None:
    async with running(Rig()) as rig:
        await soon(asyncio.gather(*(rig.refresher.refresh() for _ in range(20))))
    assert rig.causes == [Cause.USER]


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("outcome", [NOT_YET, RuntimeError("a bug")], ids=["not yet", "a bug"])
async def test_refresh_returns_even_if_nothing_was_found(outcome: Resolution | Exception) -> None:
    async with running(Rig(outcome)) as rig:
        await soon(rig.refresher.refresh())
        await soon(rig.refresher.refresh())
    assert rig.discovery.begun == 2


async def test_a_cancelled_refresh_disturbs_nobody() -> None:
    async with running(Rig()) as rig:
        rig.discovery.gate.clear()
        first, second = (asyncio.ensure_future(rig.refresher.refresh()) for _ in range(2))
        await until(lambda: rig.discovery.begun == 1)
        first.cancel()
        await turns()
        rig.discovery.gate.set()
        await soon(second)
    assert first.cancelled()


async def outcome_of(task: asyncio.Future[None]) -> BaseException | str | None:
    """How a task ends by itself; it is never left behind."""
    await asyncio.wait({task}, timeout=1)
    if not task.done():
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return "it hangs"
    return asyncio.CancelledError() if task.cancelled() else task.exception()


@pytest.mark.parametrize("busy", [False, True], ids=["its own resolution runs", "another resolution runs"])
async def test_a_refresh_under_way_is_told_when_the_refresher_stops(busy: bool) -> None:
    """Not by a cancellation: its caller would take that for one of its own task."""
    rig = Rig()
    rig.refresher.start()
    rig.discovery.gate.clear()
    if busy:
        rig.refresher.trigger(Cause.EVENTS)
        await until(lambda: rig.discovery.begun == 1)
    refreshed = asyncio.ensure_future(rig.refresher.refresh())
    await turns()
    assert rig.discovery.begun == 1
    await rig.refresher.stop()
    assert isinstance(await outcome_of(refreshed), ManagerClosedError)


async def test_a_refresh_after_the_stop_is_told_so() -> None:
    rig = Rig()
    rig.refresher.start()
    await rig.refresher.stop()
    assert isinstance(await outcome_of(asyncio.ensure_future(rig.refresher.refresh())), ManagerClosedError)


async def test_stopping_cancels_the_resolution_under_way() -> None:
    rig = Rig()
    rig.refresher.start()
    rig.discovery.gate.clear()
    rig.refresher.trigger(Cause.EVENTS)
    await until(lambda: rig.discovery.begun == 1)
    await rig.refresher.stop()
    assert (rig.discovery.running, rig.published) == (0, [])
