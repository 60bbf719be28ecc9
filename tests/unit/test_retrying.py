"""Repeating a unit of work of one's own."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    ReadOnlyError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from ha_manager.backoff import Backoff
from ha_manager.errors import (
    ConfigurationError,
    FailoverTimeoutError,
    ManagerClosedError,
    OutcomeUnknownError,
    PendingLimitError,
)
from ha_manager.retrying import retry, retrying

QUICK = Backoff(first=0.0, limit=0.0)


class Work:
    """Raises the given faults in turn, then returns."""

    def __init__(self, *faults: BaseException) -> None:
        self.faults = list(faults)
        self.calls = 0

    async def __call__(self) -> str:
        self.calls += 1
        if self.faults:
            raise self.faults.pop(0)
        return "done"


async def run(work: Work, **options: Any) -> str:
    return await retry(work, backoff=QUICK, **options)


async def test_work_that_succeeds_is_done_once() -> None:
    work = Work()
    assert (await run(work), work.calls) == ("done", 1)


@pytest.mark.parametrize(
    "fault",
    [
        RedisConnectionError("x"),
        RedisTimeoutError("x"),
        BusyLoadingError("x"),
        ReadOnlyError("x"),
        FailoverTimeoutError("x"),
        PendingLimitError("x"),
    ],
    ids=lambda fault: type(fault).__name__,
)
async def test_what_may_pass_is_tried_again(fault: Exception) -> None:
    work = Work(fault, fault)
    assert (await run(work), work.calls) == ("done", 3)


@pytest.mark.parametrize(
    "fault",
    [
        AuthenticationError("x"),
        AuthorizationError("x"),
        ManagerClosedError("x"),
        OutcomeUnknownError("x"),
        ResponseError("x"),
        ValueError("x"),
        asyncio.CancelledError(),
    ],
    ids=lambda fault: type(fault).__name__,
)
async def test_what_waiting_does_not_mend_is_raised_at_once(fault: BaseException) -> None:
    work = Work(fault)
    with pytest.raises(type(fault)):
        await run(work)
    assert work.calls == 1


async def test_doubt_is_repeated_only_by_permission() -> None:
    work = Work(OutcomeUnknownError("x"))
    assert (await run(work, in_doubt=True), work.calls) == ("done", 2)


@pytest.mark.parametrize("attempts", [1, 3])
async def test_the_last_fault_is_raised_after_so_many_attempts(attempts: int) -> None:
    faults = [RedisConnectionError(str(number)) for number in range(9)]
    work = Work(*faults)
    with pytest.raises(RedisConnectionError) as caught:
        await run(work, attempts=attempts)
    assert work.calls == attempts
    assert caught.value is faults[attempts - 1]


@pytest.mark.parametrize("attempts", [0, -1])
async def test_no_attempt_at_all_makes_no_sense(attempts: int) -> None:
    work = Work()
    with pytest.raises(ConfigurationError, match="attempts"):
        await run(work, attempts=attempts)
    assert work.calls == 0


async def test_no_attempt_begins_after_the_timeout() -> None:
    work = Work(*[RedisConnectionError("x")] * 9)
    with pytest.raises(RedisConnectionError):
        await retry(work, timeout=60.0, backoff=Backoff(first=3600, limit=3600))
    assert work.calls == 1


async def test_only_the_chosen_errors_are_repeated() -> None:
    work = Work(ValueError("x"))
    assert (await run(work, on=(ValueError,)), work.calls) == ("done", 2)
    other = Work(RedisConnectionError("x"))
    with pytest.raises(RedisConnectionError):
        await run(other, on=(ValueError,))
    assert other.calls == 1


async def test_the_waits_follow_the_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    backoff = Backoff(first=1, limit=3, spread=0)
    await retry(Work(*[RedisConnectionError("x")] * 4), backoff=backoff)
    assert waits == [1, 2, 3, 3]


async def test_the_decorator_repeats_each_call_with_its_arguments() -> None:
    calls: list[tuple[int, str]] = []

    @retrying(attempts=2, backoff=QUICK)
    async def move(amount: int, *, to: str) -> str:
        """Move it."""
        calls.append((amount, to))
        if len(calls) == 1:
            raise RedisConnectionError("x")
        return to

    assert await move(5, to="b") == "b"
    assert calls == [(5, "b"), (5, "b")]
    assert (move.__name__, move.__doc__) == ("move", "Move it.")
