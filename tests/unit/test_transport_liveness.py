"""Silence and late replies, judged with the time passed in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ha_manager.transport.liveness import Finding, Liveness, Pulse

HEARTBEAT = 1.0
TIMEOUT = 5.0


class Clock:
    """Drives one Liveness with ticks a period apart."""

    def __init__(self, heartbeat: float = HEARTBEAT, timeout: float | None = TIMEOUT) -> None:
        self.liveness = Liveness(heartbeat, timeout)
        self.now = 100.0
        self.sent = 1
        self.replied = 0
        self.liveness.begin(self.now, self.sent)

    def tick(self, *, heard: bool = False, after: float | None = None) -> Finding:
        self.now += self.liveness.period if after is None else after
        return self.liveness.tick(self.now, heard=heard, sent=self.sent, replied=self.replied)

    def until(self, *pulses: Pulse) -> float:
        """Tick in silence until one of these; returns the seconds it took."""
        began = self.now
        for _ in range(1000):
            if self.tick().pulse in pulses:
                return self.now - began
        raise AssertionError(f"none of {pulses} came")


@given(st.floats(0.05, 5), st.none() | st.floats(0.05, 60))
def test_silence_is_a_ping_after_one_heartbeat_and_death_after_two(
    heartbeat: float, timeout: float | None
) -> None:
    clock = Clock(heartbeat, timeout)
    slack = 1.01 * clock.liveness.period
    assert heartbeat * 0.999 <= clock.until(Pulse.PING, Pulse.DEAD) <= heartbeat + slack
    assert heartbeat * 0.999 <= clock.until(Pulse.PING, Pulse.DEAD) <= heartbeat + slack
    assert clock.tick().pulse is Pulse.DEAD


def test_any_byte_ends_the_silence() -> None:
    clock = Clock(timeout=None)
    clock.until(Pulse.PING)
    assert clock.tick(heard=True) == Finding(Pulse.FINE)
    clock.until(Pulse.PING)
    clock.until(Pulse.DEAD)


@pytest.mark.parametrize("pinged", [False, True])
def test_a_standstill_of_our_own_loop_proves_nothing(pinged: bool) -> None:
    clock = Clock()
    if pinged:
        clock.until(Pulse.PING)
    assert clock.tick(after=100 * TIMEOUT) == Finding(Pulse.FINE, 0)
    assert clock.until(Pulse.PING, Pulse.DEAD) >= HEARTBEAT
    assert clock.tick().pulse is Pulse.FINE


def test_a_reply_is_late_a_full_timeout_after_a_standstill() -> None:
    clock = Clock()
    clock.tick(heard=True)
    clock.tick(after=100 * TIMEOUT, heard=True)
    began = clock.now
    while not (late := clock.tick(heard=True).overdue):
        assert clock.now - began < 2 * TIMEOUT
    assert (late, clock.now - began >= TIMEOUT) == (1, True)


def test_time_in_which_nothing_was_owed_does_not_count() -> None:
    clock = Clock()
    clock.until(Pulse.PING)
    clock.replied = 1
    clock.tick(heard=True)
    clock.now += 1000
    clock.sent = 2
    clock.liveness.begin(clock.now, clock.sent)
    assert clock.tick() == Finding(Pulse.FINE, 0)
    assert clock.until(Pulse.PING, Pulse.DEAD) >= HEARTBEAT - 2 * clock.liveness.period


def test_without_a_timeout_nothing_is_late() -> None:
    clock = Clock(timeout=None)
    assert all(clock.tick(heard=True).overdue == 0 for _ in range(1000))


def test_the_timer_is_never_faster_than_a_few_milliseconds() -> None:
    assert Liveness(1.0, 1e-9).period >= 0.005


periods = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.floats(0, 1)), max_size=120)


@given(periods, st.floats(0.5, 10))
def test_exactly_the_old_unanswered_commands_are_late(
    script: list[tuple[int, int, float]], timeout: float
) -> None:
    """Each period some commands leave and some are answered; replies come in order."""
    clock = Clock(HEARTBEAT, timeout)
    period = clock.liveness.period
    sent_at = [clock.now]
    told = 0  # those reported once; that they are not always counted again does no harm
    for leaving, answered, share in script:
        sent_at += [clock.now + share * period] * leaving
        clock.sent = len(sent_at)
        clock.replied = min(clock.replied + answered, clock.sent)
        late = clock.replied + clock.tick(heard=True).overdue
        ages = [clock.now - moment for moment in sent_at]
        assert all(age >= timeout * 0.999 for age in ages[clock.replied : late])
        told = max(late, told)
        assert all(age <= timeout + 2.01 * period for age in ages[told:])
