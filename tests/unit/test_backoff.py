"""The one rule for waiting before another try."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ha_manager.backoff import Backoff

backoffs = st.builds(
    Backoff,
    first=st.floats(0.001, 10),
    limit=st.floats(0.001, 100),
    factor=st.floats(1, 10),
    spread=st.floats(0, 1),
)
attempts = st.integers(-5, 10**9)


@given(backoffs, attempts, st.floats(0, 1))
def test_a_wait_is_never_negative_and_never_past_the_limit_and_its_spread(
    backoff: Backoff, attempt: int, jitter: float
) -> None:
    wait = backoff.delay(attempt, lambda: jitter)
    assert 0 <= wait <= backoff.limit * (1 + backoff.spread / 2) * 1.0001


@given(backoffs, attempts, st.floats(0, 1))
def test_waits_grow_with_the_attempts(backoff: Backoff, attempt: int, jitter: float) -> None:
    assert backoff.delay(attempt + 1, lambda: jitter) >= backoff.delay(attempt, lambda: jitter)


@given(backoffs, attempts)
def test_jitter_spreads_around_the_plain_wait(backoff: Backoff, attempt: int) -> None:
    low, middle, high = (backoff.delay(attempt, lambda share=share: share) for share in (0.0, 0.5, 1.0))  # type: ignore[misc]
    assert low <= middle <= high
    assert abs((low + high) / 2 - middle) <= 1e-9 * high


def test_the_documented_figures() -> None:
    backoff = Backoff(first=0.1, limit=1.0)
    plain = [round(backoff.delay(attempt, lambda: 0.5), 6) for attempt in (1, 2, 3, 4, 5, 6)]
    assert plain == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]
    assert [round(backoff.delay(9, lambda share=share: share), 6) for share in (0, 1)] == [0.75, 1.25]  # type: ignore[misc]


def test_by_itself_it_is_random() -> None:
    assert len({Backoff().delay(3) for _ in range(50)}) > 1
