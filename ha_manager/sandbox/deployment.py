"""What every sandbox shares: it owns processes, ports and a directory, and leaves none behind."""

from __future__ import annotations

import asyncio
import os
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ha_manager.errors import ConfigurationError
from ha_manager.sandbox.admin import Access, Argument, Credentials, Reply
from ha_manager.sandbox.certificates import Certificates, make_certificates
from ha_manager.sandbox.configuration import ConfigMapping, Listen, check_credentials, extra_lines
from ha_manager.sandbox.guard import Guard
from ha_manager.sandbox.logs import LogFollower
from ha_manager.sandbox.ports import LOOPBACK, PortLease
from ha_manager.sandbox.process import PortTakenError, ServerProcess
from ha_manager.sandbox.programs import ServerProgram, find_server

__all__ = ["Deployment", "together"]

_START_ATTEMPTS = 5


class Deployment(ABC):
    """An async context manager: inside it, real servers run; after it, nothing of them is left.

    A kind of deployment says in `_launch` which servers there are, and adds its own questions and faults.
    """

    def __init__(
        self,
        *,
        server: str | os.PathLike[str] | None,
        username: str | None,
        password: str | None,
        tls: bool,
        directory: str | os.PathLike[str] | None,
        config: ConfigMapping | None,
        log: bool,
    ) -> None:
        self._credentials = Credentials(username, password)
        check_credentials("username/password", self._credentials)
        self._extra = extra_lines("config", config or {})
        self._server = server
        self._tls = tls
        self._keep_in = None if directory is None else Path(directory)
        self._log = log
        self._guard: Guard | None = None
        self._program: ServerProgram | None = None
        self._certificates: Certificates | None = None
        self._follower: LogFollower | None = None
        self._leases: list[PortLease] = []
        self._processes: list[ServerProcess] = []

    @abstractmethod
    async def _launch(self) -> None:
        """Makes and starts the servers, and returns when they work together."""

    @property
    def _needs_certificates(self) -> bool:
        return self._tls

    async def __aenter__(self) -> Self:
        if self._guard is not None:
            raise ConfigurationError("sandbox: it already runs; make another object for another deployment")
        try:
            await self._start()
        except BaseException:
            self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    @property
    def processes(self) -> tuple[ServerProcess, ...]:
        """Every server of the deployment, Sentinels included, running or not."""
        return tuple(self._processes)

    @property
    def directory(self) -> Path:
        """The directory with each server's configuration, data and log, one folder each."""
        return self._running_guard().directory

    @property
    def certificates(self) -> Certificates:
        """The TLS files.

        Raises:
            ConfigurationError: the sandbox has no TLS, or does not run.
        """
        if self._certificates is None:
            raise ConfigurationError("sandbox: there are certificates only with tls=True, while it runs")
        return self._certificates

    @property
    def ca_cert(self) -> Path:
        """The certificate of the authority that clients must trust; see `certificates`."""
        return self.certificates.ca_cert

    @property
    def client_cert(self) -> Path:
        """A certificate that a client may show; see `certificates`."""
        return self.certificates.client_cert

    @property
    def client_key(self) -> Path:
        """The key of `client_cert`; see `certificates`."""
        return self.certificates.client_key

    async def execute(self, node: ServerProcess, *command: Argument) -> Reply:
        """Sends one administration command to one server; see `ServerProcess.execute`."""
        return await node.execute(*command)

    async def stop(self, node: ServerProcess) -> None:
        """Ends a server gracefully (SIGTERM)."""
        await node.stop()

    async def kill(self, node: ServerProcess) -> None:
        """Ends a server as a crash would (SIGKILL)."""
        await node.kill()

    async def restart(self, node: ServerProcess) -> None:
        """Starts a server again: same port, same directory, and the configuration as it last was.

        A running one is stopped first. Returns when it answers; it may not yet have its role back.

        Raises:
            ServerStartError: it did not start.
        """
        self._running_guard()
        await node.stop()
        await node.start()

    async def pause(self, node: ServerProcess) -> ServerProcess:
        """Stops a server (SIGSTOP): it keeps its connections and answers nothing. Returns it."""
        node.pause()
        return node

    async def resume(self, node: ServerProcess | None = None) -> None:
        """Lets a paused server go on (SIGCONT); without an argument, all of them."""
        for process in self._processes if node is None else (node,):
            process.resume()

    async def _start(self) -> None:
        self._program = find_server(self._server)
        if self._needs_certificates and not self._program.supports_tls():
            raise ConfigurationError(
                f"sandbox: {self._program.name} was built without TLS, so tls=True cannot work; "
                f"name another server, e.g. server='redis-server'"
            )
        for attempt in range(1, _START_ATTEMPTS + 1):
            self._guard = Guard(self._keep_in)
            if self._needs_certificates:
                self._certificates = make_certificates(self._guard.directory / "tls")
            if self._log:
                self._follower = LogFollower(lambda: self._processes)
            try:
                await self._launch()
            except PortTakenError:
                if attempt == _START_ATTEMPTS:
                    raise
                self._close()
            else:
                return

    def _close(self) -> None:
        # No await in here: a cancellation must not be able to leave half of it undone.
        for process in self._processes:
            process.end_now()
        if self._follower is not None:
            self._follower.close()
        if self._guard is not None:
            self._guard.close()
        for lease in self._leases:
            lease.release()
        self._processes, self._leases = [], []
        self._follower = self._guard = self._certificates = None

    def _running_guard(self) -> Guard:
        if self._guard is None:
            raise ConfigurationError("sandbox: it does not run; use it as: async with ... as sandbox")
        return self._guard

    def _lease_port(self) -> int:
        lease = PortLease()
        self._leases.append(lease)
        return lease.port

    def _add(
        self, name: str, listen: Listen, credentials: Credentials, *, tls: bool, is_sentinel: bool = False
    ) -> ServerProcess:
        """Makes a server whose clients use TLS or not; `listen` must have a port for them."""
        port = listen.tls_port if tls else listen.plain_port
        assert port is not None
        assert self._program is not None
        context = self.certificates.client_context() if tls else None
        process = ServerProcess(
            name=name,
            program=self._program,
            guard=self._running_guard(),
            access=Access(LOOPBACK, port, credentials, context),
            is_sentinel=is_sentinel,
        )
        self._processes.append(process)
        return process


async def together(work: Iterable[Coroutine[Any, Any, object]]) -> None:
    """Runs the coroutines at the same time; at the first error, ends the others and raises that error."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
