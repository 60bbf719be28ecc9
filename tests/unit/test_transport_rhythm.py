"""How long a server may keep quiet, by what it used to do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ha_manager.transport.rhythm import FORGETTING, LEAST, MARGIN, Rhythm

pauses = st.floats(1e-6, 10.0)


def after(*pauses: float) -> tuple[Rhythm, float]:
    """A rhythm that has seen these pauses, and the present moment."""
    rhythm, now = Rhythm(), 100.0
    for pause in pauses:
        rhythm.asked(now)
        now += pause
        rhythm.heard(now, owed=False)
    return rhythm, now


def test_nothing_is_late_that_was_not_asked_for() -> None:
    rhythm, now = after(0.5)
    assert not rhythm.is_late(now + 1e9)
    assert rhythm.quiet_since == 0.0


@given(st.lists(pauses, max_size=20))
def test_a_server_is_late_beyond_a_multiple_of_its_longest_recent_pause(seen: list[float]) -> None:
    rhythm, now = after(*seen)
    longest = max((pause * FORGETTING**age for age, pause in enumerate(reversed(seen))), default=0.0)
    patience = max(LEAST, MARGIN * longest)
    rhythm.asked(now)
    assert rhythm.patience == pytest.approx(patience)
    assert not rhythm.is_late(now + patience * 0.99)
    assert rhythm.is_late(now + patience * 1.01 + 1e-9)


def test_a_second_question_does_not_begin_the_silence_anew() -> None:
    rhythm = Rhythm()
    rhythm.asked(100.0)
    rhythm.asked(100.0 + LEAST)
    assert rhythm.is_late(100.0 + LEAST * 1.5)


def test_every_sign_of_life_begins_it_anew_while_more_is_owed() -> None:
    rhythm = Rhythm()
    rhythm.asked(100.0)
    rhythm.heard(100.0 + LEAST / 2, owed=True)
    assert not rhythm.is_late(100.0 + LEAST * 1.4)
    assert rhythm.is_late(100.0 + LEAST * 2.1)


def test_an_old_pause_is_forgotten() -> None:
    rhythm, _ = after(1.0, *[1e-6] * 1000)
    assert rhythm.patience == LEAST


def test_what_nobody_asked_for_says_nothing_of_the_rhythm() -> None:
    rhythm, now = after(0.1)
    before = rhythm.patience
    rhythm.heard(now + 1000.0, owed=False)
    assert rhythm.patience == before
