"""Repeat a unit of work of one's own with back-off, when a node or a failover was to blame.

For work that is more than one command, and that is safe to run again as a whole::

    @retrying(attempts=5)
    async def move(redis, job): ...

    await retry(lambda: move(redis, job), attempts=5)
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from redis.exceptions import AuthenticationError, AuthorizationError, BusyLoadingError, ReadOnlyError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from ha_manager.backoff import Backoff
from ha_manager.errors import ConfigurationError, ManagerClosedError, OutcomeUnknownError

__all__ = ["TRANSIENT", "retry", "retrying"]

P = ParamSpec("P")
T = TypeVar("T")

TRANSIENT: tuple[type[Exception], ...] = (
    RedisConnectionError,
    RedisTimeoutError,
    BusyLoadingError,
    ReadOnlyError,
)
"""Errors that a later try may not meet."""

_FINAL = (AuthenticationError, AuthorizationError, ManagerClosedError)
_DEFAULT = Backoff(first=0.05, limit=2.0)


async def retry(
    work: Callable[[], Awaitable[T]],
    *,
    attempts: int = 5,
    timeout: float | None = None,
    on: tuple[type[Exception], ...] = TRANSIENT,
    in_doubt: bool = False,
    backoff: Backoff = _DEFAULT,
) -> T:
    """Call ``work`` until it returns, and return its result.

    Args:
        work: called anew for each attempt.
        attempts: how often it is called at most.
        timeout: seconds after which no further attempt begins; ``None`` for no bound.
        on: errors after which it is called again; others are raised at once.
        in_doubt: also after ``OutcomeUnknownError``: say so only if running the work twice is harmless.
        backoff: how long to wait between attempts.

    Raises:
        ConfigurationError: ``attempts`` is less than 1.
        Exception: what the last attempt raised.
    """
    if attempts < 1:
        raise ConfigurationError(f"attempts must be at least 1, not {attempts}")
    loop = asyncio.get_running_loop()
    deadline = None if timeout is None else loop.time() + timeout
    attempt = 0
    while True:
        attempt += 1
        try:
            return await work()
        except on as fault:
            pause = backoff.delay(attempt)
            late = deadline is not None and loop.time() + pause >= deadline
            final = isinstance(fault, _FINAL) or (isinstance(fault, OutcomeUnknownError) and not in_doubt)
            if final or late or attempt >= attempts:
                raise
            await asyncio.sleep(pause)


def retrying(
    *,
    attempts: int = 5,
    timeout: float | None = None,
    on: tuple[type[Exception], ...] = TRANSIENT,
    in_doubt: bool = False,
    backoff: Backoff = _DEFAULT,
) -> Callable[[Callable[P, Awaitable[T]]], Callable[P, Awaitable[T]]]:
    """Decorate a coroutine function so that each call is repeated as by :func:`retry`."""

    def decorate(function: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
        @wraps(function)
        async def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
            return await retry(
                lambda: function(*args, **kwargs),
                attempts=attempts,
                timeout=timeout,
                on=on,
                in_doubt=in_doubt,
                backoff=backoff,
            )

        return wrapper

    return decorate
