"""The directory and process group of one sandbox, and the promise that neither outlives its owner."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from ha_manager.sandbox import _reaper

__all__ = ["Guard"]

_REAPER_EXIT_SECONDS = 10.0


class Guard:
    """Owns a fresh directory and a process group; a reaper process ends both with their owner.

    Args:
        keep_in: a directory to make the sandbox's own directory in; that one is then kept, with its
            logs. Without it, it is made among the system's temporary files and removed at the end.
    """

    def __init__(self, keep_in: Path | None = None) -> None:
        parent = Path(tempfile.gettempdir()) if keep_in is None else keep_in.absolute()
        self.directory = parent / f"ha-sandbox-{secrets.token_hex(6)}"
        # The reaper is told the name before the directory exists: a crash in between leaves nothing.
        self._removed = [str(self.directory)] if keep_in is None else []
        self._reaper = subprocess.Popen(
            [sys.executable, "-I", "-S", _reaper.__file__, str(os.getpid()), *self._removed],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            process_group=0,
        )
        try:
            parent.mkdir(parents=True, exist_ok=True)
            self.directory.mkdir(mode=0o700)
        except BaseException:
            self.close()
            raise

    @property
    def group(self) -> int:
        """The process group that every server must be started in.

        A server joins it between fork and exec, and the pipe's end that it inherits is closed by exec:
        so the reaper cannot see the end of file before the server is a member. No server is missed.
        """
        return self._reaper.pid

    @property
    def reaper_pid(self) -> int:
        """The pid of the reaper process."""
        return self._reaper.pid

    def close(self) -> None:
        """Has the reaper kill what is left of the group and remove the directory; waits for it.

        Not a coroutine, so that no cancellation can cut it short. Harmless when called again.
        """
        assert self._reaper.stdin is not None
        with contextlib.suppress(OSError):
            self._reaper.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._reaper.wait(_REAPER_EXIT_SECONDS)
        if self._reaper.returncode is None:
            self._reaper.kill()
            self._reaper.wait()
        # Only if somebody killed the reaper is anything left here.
        for directory in self._removed:
            shutil.rmtree(directory, ignore_errors=True)
