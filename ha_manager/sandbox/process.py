"""One server as a child process: start, faults, and questions to it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from redis.exceptions import RedisError, ResponseError

from ha_manager.errors import HAError
from ha_manager.sandbox.admin import Access, Argument, Reply, ask
from ha_manager.sandbox.guard import Guard
from ha_manager.sandbox.programs import ServerProgram

__all__ = ["PortTakenError", "ServerProcess", "ServerStartError"]

_START_SECONDS = 20.0
# Short: whoever took the port may accept connections and never answer, while the server has ended.
_PROBE_SECONDS = 1.0
_TERMINATE_SECONDS = 15.0
_KILL_SECONDS = 5.0
_POLL_SECONDS = 0.005
_LOG_TAIL_BYTES = 8192


class ServerStartError(HAError):
    """A server of the sandbox did not start, or the deployment did not become healthy; says why."""


class PortTakenError(ServerStartError):
    """The server's port was taken by someone else before the server could bind it."""


class ServerProcess:
    """A server of a sandbox. Made and ended by the sandbox, which also offers all the faults.

    Attributes:
        name: e.g. ``"node-1"`` or ``"sentinel-2"``.
        access: how its administration commands reach it.
        directory: holds its configuration, its data and its log.
        is_sentinel: whether it is a Sentinel.
    """

    def __init__(
        self,
        *,
        name: str,
        program: ServerProgram,
        guard: Guard,
        access: Access,
        is_sentinel: bool = False,
    ) -> None:
        self.name = name
        self.access = access
        self.is_sentinel = is_sentinel
        self.directory = guard.directory / name
        self._program = program
        self._guard = guard
        self._child: subprocess.Popen[bytes] | None = None
        self._paused = False

    def __repr__(self) -> str:
        return f"<ServerProcess {self.name} {self.host}:{self.port} pid={self.pid} {self.state}>"

    @property
    def host(self) -> str:
        """The address that clients use."""
        return self.access.host

    @property
    def port(self) -> int:
        """The port that clients use: the TLS one where clients speak TLS to it."""
        return self.access.port

    @property
    def address(self) -> tuple[str, int]:
        """`host` and `port`."""
        return self.access.host, self.access.port

    @property
    def pid(self) -> int | None:
        """The pid of the running process, else None."""
        return self._child.pid if self._child is not None and self.running else None

    @property
    def running(self) -> bool:
        """Whether the process exists; a paused one does."""
        return self._child is not None and self._child.poll() is None

    @property
    def paused(self) -> bool:
        """Whether `pause` stopped the process."""
        return self._paused and self.running

    @property
    def state(self) -> str:
        """``"running"``, ``"paused"`` or ``"down"``."""
        if not self.running:
            return "down"
        return "paused" if self._paused else "running"

    @property
    def log_path(self) -> Path:
        """The file with everything that the server printed, over all its starts."""
        return self.directory / "server.log"

    @property
    def config_path(self) -> Path:
        """The configuration file, which the server itself may have rewritten since."""
        return self.directory / "server.conf"

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of the log."""
        with contextlib.suppress(FileNotFoundError), self.log_path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - _LOG_TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
            return "\n".join(text.splitlines()[-lines:])
        return ""

    def write_config(self, lines: Sequence[str]) -> None:
        """Makes the directory and the configuration file, readable for this user only."""
        self.directory.mkdir(mode=0o700)
        self.config_path.touch(mode=0o600)
        self.config_path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    async def execute(self, *command: Argument, timeout: float = 5.0) -> Reply:
        """Sends one command on a connection of its own and returns the reply as text.

        Args:
            command: the command and its arguments.
            timeout: seconds to wait for the reply.

        Raises:
            redis.exceptions.ResponseError: the server replied with an error.
            redis.exceptions.ConnectionError: the server is down.
            redis.exceptions.TimeoutError: it did not answer in time, because it is paused for example.
        """
        (reply,) = await self.ask(command, timeout=timeout)
        if isinstance(reply, ResponseError):
            raise reply
        return reply

    async def ask(self, *commands: Sequence[Argument], timeout: float = 5.0) -> list[Reply]:
        """As `execute`, for several commands on one connection; error replies are in the list."""
        return await ask(self.access, *commands, timeout=timeout)

    async def start(self) -> None:
        """Starts the process and waits until it answers commands.

        Raises:
            ServerStartError: it ended, or did not answer in time; the message has the end of its log.
        """
        if self.running:
            return
        self._spawn()
        deadline = time.monotonic() + _START_SECONDS
        while not await self._answers():
            if not self.running:
                raise self._start_failure("ended at once")
            if time.monotonic() > deadline:
                raise self._start_failure(f"did not answer within {_START_SECONDS:g} s")
            await asyncio.sleep(_POLL_SECONDS)

    async def stop(self) -> None:
        """Ends the process gracefully (SIGTERM); by force if it takes longer than 15 s."""
        self.resume()
        await self._end(signal.SIGTERM, _TERMINATE_SECONDS)
        await self.kill()

    async def kill(self) -> None:
        """Ends the process at once (SIGKILL), as a crash would."""
        await self._end(signal.SIGKILL, _KILL_SECONDS)

    def pause(self) -> None:
        """Stops the process (SIGSTOP): its connections stay open, and nothing answers."""
        if self._child is not None:
            self._child.send_signal(signal.SIGSTOP)
            self._paused = True

    def resume(self) -> None:
        """Lets a paused process go on (SIGCONT)."""
        if self._child is not None and self._paused:
            self._child.send_signal(signal.SIGCONT)
        self._paused = False

    def end_now(self) -> None:
        """Kills the process and waits for its end without giving way to other tasks."""
        if self._child is not None:
            self._child.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(_KILL_SECONDS)

    def _spawn(self) -> None:
        command: list[str | Path] = [self._program.path, self.config_path]
        if self.is_sentinel:
            command.append("--sentinel")
        try:
            with self.log_path.open("ab") as log:
                self._child = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=self.directory,
                    process_group=self._guard.group,
                )
        except OSError as error:
            raise ServerStartError(f"sandbox: {self.name} could not be started: {error}") from error
        self._paused = False

    async def _answers(self) -> bool:
        try:
            ping, info = await self.ask(("PING",), ("INFO", "server"), timeout=_PROBE_SECONDS)
        except RedisError:
            return False
        # A stranger may have taken the port: only an answer from this very process counts.
        return ping == "PONG" and f"process_id:{self.pid}\r\n" in str(info)

    async def _end(self, number: signal.Signals, timeout: float) -> None:
        if self._child is None:
            return
        self._child.send_signal(number)
        deadline = time.monotonic() + timeout
        # Polling needs no child watcher, which event loops have in different kinds, or not at all.
        while self.running and time.monotonic() < deadline:
            await asyncio.sleep(_POLL_SECONDS)

    def _start_failure(self, what: str) -> ServerStartError:
        tail = self.log_tail()
        kind = PortTakenError if "Address already in use" in tail else ServerStartError
        return kind(f"sandbox: {self.name} ({self._program.name}) {what}; its log ends with:\n{tail}")
