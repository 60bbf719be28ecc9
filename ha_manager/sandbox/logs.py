"""Copies what the servers print to the logger ``ha_manager.sandbox``, while they run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from ha_manager.sandbox.process import ServerProcess

__all__ = ["LogFollower"]

_logger = logging.getLogger("ha_manager.sandbox")
_INTERVAL_SECONDS = 0.1


class LogFollower:
    """Looks at the servers' log files at short intervals.

    Args:
        servers: gives the servers whose logs to follow; asked each time.
    """

    def __init__(self, servers: Callable[[], Sequence[ServerProcess]]) -> None:
        self._servers = servers
        self._seen: dict[ServerProcess, int] = {}
        self._schedule()

    def close(self) -> None:
        """Copies what is left, and ends."""
        self._timer.cancel()
        self._copy()

    def _schedule(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_INTERVAL_SECONDS, self._tick)

    def _tick(self) -> None:
        self._copy()
        self._schedule()

    def _copy(self) -> None:
        for server in self._servers():
            if not server.log_path.exists():
                continue
            with server.log_path.open("rb") as file:
                file.seek(self._seen.get(server, 0))
                fresh = file.read()
            complete = fresh[: fresh.rfind(b"\n") + 1]
            self._seen[server] = self._seen.get(server, 0) + len(complete)
            for line in complete.decode("utf-8", "replace").splitlines():
                _logger.info("%s: %s", server.name, line)
