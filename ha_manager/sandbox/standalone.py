"""A single server."""

from __future__ import annotations

import os
from pathlib import Path

from ha_manager.errors import ConfigurationError
from ha_manager.sandbox.configuration import ConfigMapping, Listen, lines, node_directives
from ha_manager.sandbox.deployment import Deployment
from ha_manager.sandbox.process import ServerProcess

__all__ = ["StandaloneSandbox"]

_SOCKET_PATH_BYTES = 100


class StandaloneSandbox(Deployment):
    """One real server on a free loopback port.

    Args:
        replica_of: ``(host, port)`` of a primary to replicate, reached with this sandbox's own
            credentials, and with TLS if `tls`.
        unix_socket: also listen on a Unix socket, whose path `unix_socket` then tells.
        server, username, password, tls, directory, config, log: as for `SentinelSandbox`.

    Raises:
        ConfigurationError: an option cannot be used.
        ServerStartError: (on entering) the server did not start.
    """

    def __init__(
        self,
        *,
        replica_of: tuple[str, int] | None = None,
        unix_socket: bool = False,
        server: str | os.PathLike[str] | None = None,
        username: str | None = None,
        password: str | None = None,
        tls: bool = False,
        directory: str | os.PathLike[str] | None = None,
        config: ConfigMapping | None = None,
        log: bool = False,
    ) -> None:
        super().__init__(
            server=server,
            username=username,
            password=password,
            tls=tls,
            directory=directory,
            config=config,
            log=log,
        )
        self._replica_of = replica_of
        self._with_socket = unix_socket

    @property
    def node(self) -> ServerProcess:
        """The server."""
        self._running_guard()
        return self._processes[0]

    @property
    def url(self) -> str:
        """``redis://host:port``, or ``rediss://`` with TLS; never with credentials."""
        return f"{'rediss' if self._tls else 'redis'}://{self.node.host}:{self.node.port}"

    @property
    def unix_socket(self) -> Path:
        """The path of the Unix socket.

        Raises:
            ConfigurationError: the sandbox was made without ``unix_socket=True``.
        """
        if not self._with_socket:
            raise ConfigurationError("sandbox: there is a Unix socket only with unix_socket=True")
        return self._running_guard().directory / "server.sock"

    async def _launch(self) -> None:
        port = self._lease_port()
        listen = Listen(
            plain_port=None if self._tls else port,
            tls_port=port if self._tls else None,
            unix_socket=self._checked_socket() if self._with_socket else None,
        )
        node = self._add("node-1", listen, self._credentials, tls=self._tls)
        directives = node_directives(
            listen, node.directory, self._credentials, self._certificates, self._replica_of
        )
        node.write_config(lines(directives) + self._extra)
        await node.start()

    def _checked_socket(self) -> Path:
        path = self.unix_socket
        if len(os.fsencode(path)) > _SOCKET_PATH_BYTES:
            raise ConfigurationError(f"sandbox: directory is too long a path for a Unix socket: {path}")
        return path
