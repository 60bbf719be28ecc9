"""Where commands wait: bounded in number and in time."""

from __future__ import annotations

import asyncio

import pytest
from unit_support import soon, turns

from ha_manager.delivery import Backlog, Gate
from ha_manager.delivery.gate import WORTH_TELLING
from ha_manager.errors import FailoverTimeoutError, ManagerClosedError, PendingLimitError
from ha_manager.observe import CommandsWaited, Counters, Event, EventBus

WHY = "a primary to be found"


class Rig:
    """A gate, and the backlog of all gates."""

    def __init__(self, limit: int = 10) -> None:
        self.counters = Counters()
        self.events: list[Event] = []
        bus = EventBus()
        bus.add_listener(self.events.append)
        self.backlog = Backlog(limit, bus, self.counters)
        self.gate = Gate(self.backlog)

    def waiter(
        self, name: str = "SET", within: float = 60.0, *, at: Gate | None = None
    ) -> asyncio.Task[None]:
        gate = at or self.gate
        deadline = asyncio.get_running_loop().time() + within
        return asyncio.ensure_future(gate.wait(name, deadline, within, lambda: WHY))


async def test_opening_lets_all_go_in_order() -> None:
    rig = Rig()
    order: list[int] = []
    tasks = [rig.waiter() for _ in range(5)]
    for number, task in enumerate(tasks):
        task.add_done_callback(lambda _, number=number: order.append(number))  # type: ignore[misc]
    await turns()
    assert (rig.backlog.waiting, order) == (5, [])
    await asyncio.sleep(WORTH_TELLING)
    rig.gate.open()
    assert rig.backlog.waiting == 0
    await soon(asyncio.gather(*tasks))
    await turns()
    assert order == [0, 1, 2, 3, 4]
    (event,) = rig.events
    assert isinstance(event, CommandsWaited)
    assert (event.count, event.longest >= WORTH_TELLING) == (5, True)
    assert rig.counters.waited == 5


async def test_a_short_wait_is_counted_and_not_told() -> None:
    rig = Rig()
    task = rig.waiter()
    await turns()
    rig.gate.open()
    await soon(task)
    assert (rig.events, rig.counters.waited) == ([], 1)


async def test_opening_an_empty_gate_tells_nothing() -> None:
    rig = Rig()
    rig.gate.open()
    assert rig.events == []


async def test_a_command_that_is_let_go_may_come_back() -> None:
    rig = Rig(limit=1)
    for _ in range(3):
        task = rig.waiter()
        await turns()
        assert rig.backlog.waiting == 1
        rig.gate.open()
        await soon(task)
    assert rig.backlog.waiting == 0


@pytest.mark.parametrize("limit", [0, 3])
async def test_past_the_limit_commands_fail_at_once(limit: int) -> None:
    rig = Rig(limit)
    tasks = [rig.waiter() for _ in range(limit)]
    await turns()
    with pytest.raises(PendingLimitError) as caught:
        await soon(rig.waiter("INCR"))
    assert all(part in str(caught.value) for part in ("INCR", "was not sent", f"max_pending={limit}", WHY))
    assert (rig.backlog.waiting, rig.counters.rejected) == (limit, 1)
    rig.gate.open()
    await soon(asyncio.gather(*tasks))


@pytest.mark.parametrize("within", [0.02, 0.0, -1.0])
async def test_the_deadline_says_what_was_waited_for(within: float) -> None:
    rig = Rig()
    with pytest.raises(FailoverTimeoutError) as caught:
        await soon(rig.waiter("INCR", within))
    assert all(part in str(caught.value) for part in ("INCR", WHY, f"{within:g} s"))
    assert caught.value.waited_for == WHY
    assert (rig.backlog.waiting, rig.counters.timed_out) == (0, 1)


async def test_one_deadline_does_not_move_the_others() -> None:
    rig = Rig()
    late, early = rig.waiter(), rig.waiter(within=0.01)
    with pytest.raises(FailoverTimeoutError):
        await soon(early)
    assert rig.backlog.waiting == 1
    rig.gate.open()
    await soon(late)


async def test_a_cancelled_command_leaves_its_place() -> None:
    rig = Rig(limit=2)
    gone, stays = rig.waiter(), rig.waiter()
    await turns()
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    assert gone.cancelled()
    assert rig.backlog.waiting == 1
    third = rig.waiter()
    await turns()
    rig.gate.open()
    await soon(asyncio.gather(stays, third))


async def test_a_command_cancelled_while_it_is_let_go_takes_nobody_along() -> None:
    rig = Rig()
    one, other = rig.waiter(), rig.waiter()
    await turns()
    rig.gate.open()
    one.cancel()
    await soon(other)
    assert (await asyncio.gather(one, return_exceptions=True))[0] is not None
    assert rig.backlog.waiting == 0


async def test_closing_fails_those_who_wait_and_those_who_come() -> None:
    rig = Rig()
    tasks = [rig.waiter() for _ in range(3)]
    await turns()
    rig.gate.close()
    for outcome in await soon(asyncio.gather(*tasks, return_exceptions=True)):
        assert isinstance(outcome, ManagerClosedError)
    with pytest.raises(ManagerClosedError, match="INCR"):
        await soon(rig.waiter("INCR"))
    rig.gate.open()
    assert rig.backlog.waiting == 0


async def test_the_time_that_was_waited_adds_up_however_it_ended() -> None:
    rig = Rig()
    with pytest.raises(FailoverTimeoutError):
        await soon(rig.waiter(within=0.02))
    after_one = rig.counters.waited_seconds
    assert after_one > 0
    task = rig.waiter()
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert rig.counters.waited_seconds > after_one
    assert rig.counters.waited == 2


# Several gates


async def test_opening_one_gate_leaves_the_others_shut() -> None:
    rig = Rig()
    other = Gate(rig.backlog)
    here, there = rig.waiter(), rig.waiter(at=other)
    await turns()
    rig.gate.open()
    await soon(here)
    await turns()
    assert (there.done(), rig.backlog.waiting) == (False, 1)
    other.open()
    await soon(there)
    assert rig.backlog.waiting == 0


async def test_the_bound_is_for_all_gates_together() -> None:
    rig = Rig(limit=2)
    other = Gate(rig.backlog)
    tasks = [rig.waiter(), rig.waiter(at=other)]
    await turns()
    for gate in (rig.gate, other):
        with pytest.raises(PendingLimitError):
            await soon(rig.waiter(at=gate))
    other.open()
    await soon(tasks[1])
    third = rig.waiter()
    await turns()
    assert rig.backlog.waiting == 2
    rig.gate.open()
    await soon(asyncio.gather(tasks[0], third))


async def test_after_one_gate_was_closed_nobody_waits_at_any() -> None:
    rig = Rig()
    other = Gate(rig.backlog)
    waiting = rig.waiter(at=other)
    await turns()
    rig.gate.close()
    with pytest.raises(ManagerClosedError):
        await soon(rig.waiter(at=other))
    other.close()
    with pytest.raises(ManagerClosedError):
        await soon(waiting)


async def test_a_closed_manager_sends_nothing_more() -> None:
    rig = Rig()
    rig.backlog.check_open("GET")
    rig.gate.close()
    with pytest.raises(ManagerClosedError, match="GET was not sent"):
        rig.backlog.check_open("GET")
