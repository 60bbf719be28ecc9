"""Writes that count only once replicas, or disks, have them: WAIT and WAITAOF with each write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Self

from ha_manager.delivery import Confirmation
from ha_manager.errors import ConfigurationError

_GRACE = 1.0
"""Seconds beyond the server's own timeout in which its answer must come."""


_Wish = tuple[object, Confirmation]

_wishes: ContextVar[tuple[_Wish, ...]] = ContextVar("ha_manager_wishes", default=())
"""What is ensured in this task, innermost last, each with the client that it was said to."""


class Ensuring:
    """Methods that make the writes within a block wait for their replication."""

    _pack: Callable[[tuple[Any, ...]], bytes]

    _ensuring: int = 0

    @contextmanager
    def ensure_replication(self, replicas: int = 1, timeout_ms: int = 1000) -> Iterator[Self]:
        """Have every write within the block, and in tasks started in it, wait for replicas.

        Each write leaves together with ``WAIT`` on a connection of its own. See the WAIT command.

        Args:
            replicas: how many replicas must have the write.
            timeout_ms: milliseconds to wait for them.

        Raises:
            ReplicationError: (from a write) it ran, and fewer replicas have it.
        """
        _check("replicas", replicas, 1)
        _check("timeout_ms", timeout_ms, 1)
        packed = self._pack(("WAIT", replicas, timeout_ms))
        with self._confirming(Confirmation(replicas, None, packed, timeout_ms / 1000 + _GRACE)):
            yield self

    @contextmanager
    def ensure_persistence(self, local: int = 1, replicas: int = 0, timeout_ms: int = 1000) -> Iterator[Self]:
        """As :meth:`ensure_replication`, for append-only files on disk. See the WAITAOF command.

        Args:
            local: 1 if the primary's own disk must have the write, else 0.
            replicas: how many replicas' disks must have it.
            timeout_ms: milliseconds to wait for them.
        """
        _check("local", local, 0, 1)
        _check("replicas", replicas, 0)
        _check("timeout_ms", timeout_ms, 1)
        packed = self._pack(("WAITAOF", local, replicas, timeout_ms))
        with self._confirming(Confirmation(replicas, local, packed, timeout_ms / 1000 + _GRACE)):
            yield self

    @contextmanager
    def _confirming(self, confirmation: Confirmation) -> Iterator[None]:
        token = _wishes.set((*_wishes.get(), (self, confirmation)))
        self._ensuring += 1
        try:
            yield
        finally:
            self._ensuring -= 1
            _wishes.reset(token)

    def _confirmation(self) -> Confirmation | None:
        """What writes of the present task must be followed by."""
        if not self._ensuring:
            return None
        return next((wish for client, wish in reversed(_wishes.get()) if client is self), None)


def _check(name: str, value: Any, least: int, most: int = 1 << 31) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ConfigurationError(f"{name} must be a whole number of at least {least}, not {value!r}")
