"""A primary, its replicas, and the Sentinels that watch them."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping

from redis.exceptions import ResponseError

from ha_manager.errors import DiscoveryError, FailoverTimeoutError
from ha_manager.sandbox.admin import Credentials
from ha_manager.sandbox.blueprint import Blueprint
from ha_manager.sandbox.configuration import (
    ConfigMapping,
    Listen,
    Monitored,
    Peer,
    check_credentials,
    extra_lines,
    introduction,
    lines,
    node_directives,
    sentinel_directives,
)
from ha_manager.sandbox.deployment import Deployment, together
from ha_manager.sandbox.observer import Observer
from ha_manager.sandbox.process import ServerProcess, ServerStartError
from ha_manager.sandbox.waiting import until

__all__ = ["SentinelSandbox"]

_POLL_SECONDS = 0.02
_INFO_PERIOD_MS = 1000
# Long enough to hear from everybody again before it thinks that they are down.
_TILT_PERIOD_MS = 3000
_START_SECONDS = 30.0
_FAILOVER_ACCEPT_SECONDS = 15.0
_TRY_AGAIN = ("INPROG", "NOGOODSLAVE")


class SentinelSandbox(Deployment):
    """One primary, its replicas and their Sentinels: real processes on free loopback ports.

    Args:
        name: what the Sentinels call the deployment (``cluster_name`` of a `ConnectionManager`).
        replicas: how many replicas the primary has at first.
        sentinels: how many Sentinels there are.
        quorum: how many of them must agree that the primary is down; a majority by default.
        down_after_ms: milliseconds without an answer after which a Sentinel thinks so.
        failover_timeout_ms: the Sentinels' failover-timeout, in milliseconds.
        server: the program, see `find_server`.
        username: an ACL user with all rights for the data servers; the default user is then off.
        password: of `username`, or without one, of the default user.
        sentinel_username: as `username`, for the Sentinels.
        sentinel_password: as `password`, for the Sentinels.
        tls: the data servers speak TLS and nothing else.
        sentinel_tls: the Sentinels speak TLS with clients.
        directory: keep the sandbox's files in a fresh folder in here, instead of removing them.
        config: further directives for the data servers: the value is the rest of the line, a
            sequence repeats the directive.
        sentinel_config: the same for the Sentinels.
        log: copy what the servers print to the logger ``ha_manager.sandbox``.

    Raises:
        ConfigurationError: an option cannot be used.
        ServerStartError: (on entering) a server did not start, or they did not become healthy.
    """

    def __init__(
        self,
        *,
        name: str = "mymaster",
        replicas: int = 2,
        sentinels: int = 3,
        quorum: int | None = None,
        down_after_ms: int = 1000,
        failover_timeout_ms: int = 10_000,
        server: str | os.PathLike[str] | None = None,
        username: str | None = None,
        password: str | None = None,
        sentinel_username: str | None = None,
        sentinel_password: str | None = None,
        tls: bool = False,
        sentinel_tls: bool = False,
        directory: str | os.PathLike[str] | None = None,
        config: ConfigMapping | None = None,
        sentinel_config: ConfigMapping | None = None,
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
        self._blueprint = Blueprint(
            name=name,
            replicas=replicas,
            sentinels=sentinels,
            quorum=sentinels // 2 + 1 if quorum is None else quorum,
            down_after_ms=down_after_ms,
            failover_timeout_ms=failover_timeout_ms,
        )
        self._sentinel_credentials = Credentials(sentinel_username, sentinel_password)
        self._sentinel_tls = sentinel_tls
        self._sentinel_extra = extra_lines("sentinel_config", sentinel_config or {})
        check_credentials("sentinel_username/sentinel_password", self._sentinel_credentials)
        self._observer = Observer(name)

    @property
    def name(self) -> str:
        """What the Sentinels call the deployment."""
        return self._blueprint.name

    @property
    def nodes(self) -> tuple[ServerProcess, ...]:
        """The data servers; the first was the primary at the start."""
        return tuple(process for process in self._processes if not process.is_sentinel)

    @property
    def sentinel_nodes(self) -> tuple[ServerProcess, ...]:
        """The Sentinels."""
        return tuple(process for process in self._processes if process.is_sentinel)

    @property
    def sentinels(self) -> list[tuple[str, int]]:
        """The addresses at which clients reach the Sentinels."""
        return [process.address for process in self.sentinel_nodes]

    @property
    def url(self) -> str:
        """``redis+sentinel://host:port,.../name`` (``rediss+sentinel`` with `tls`), without credentials."""
        scheme = "rediss+sentinel" if self._tls else "redis+sentinel"
        return f"{scheme}://{','.join(f'{host}:{port}' for host, port in self.sentinels)}/{self.name}"

    async def primary(self) -> ServerProcess:
        """The data server that is the primary now, by its own word.

        If several say so (an old primary came back), it is the one that the Sentinels' newest
        configuration names. A paused server is not asked.

        Raises:
            DiscoveryError: none is, or it cannot be told which.
        """
        return await self._observer.primary()

    async def replicas(self) -> tuple[ServerProcess, ...]:
        """The data servers that are replicas now, by their own word. A paused server is not asked."""
        return await self._observer.replicas()

    async def kill_primary(self) -> ServerProcess:
        """Kills the primary as a crash would (SIGKILL), and returns it."""
        primary = await self.primary()
        await primary.kill()
        return primary

    async def pause(self, node: ServerProcess | None = None) -> ServerProcess:
        """Stops a server (SIGSTOP), the primary by default. Returns the paused server."""
        return await super().pause(await self.primary() if node is None else node)

    async def restart(self, node: ServerProcess) -> None:
        """As `Deployment.restart`; `wait_healthy` tells when the server has found its place again."""
        await super().restart(node)
        if node.is_sentinel:
            await self._quicken(node)

    async def failover(self) -> None:
        """Has a Sentinel start a failover (SENTINEL FAILOVER). Returns when it agreed to, not at the end.

        Raises:
            redis.exceptions.ResponseError: it refused, for 15 s if the reason was a passing one.
            redis.exceptions.ConnectionError: no Sentinel runs.
        """
        deadline = time.monotonic() + _FAILOVER_ACCEPT_SECONDS
        sentinel = min(self.sentinel_nodes, key=lambda process: process.state != "running")
        while True:
            try:
                await sentinel.execute("SENTINEL", "FAILOVER", self.name)
            except ResponseError as error:
                if not str(error).startswith(_TRY_AGAIN) or time.monotonic() > deadline:
                    raise
            else:
                return
            await asyncio.sleep(_POLL_SECONDS)

    async def wait_for_primary(
        self,
        *,
        other_than: ServerProcess | None = None,
        timeout: float = 30.0,
    ) -> ServerProcess:
        """Waits until a data server is the primary, and returns it.

        Args:
            other_than: a server that does not count, e.g. the one that was killed.
            timeout: seconds to wait.

        Raises:
            FailoverTimeoutError: none became the primary in time.
        """

        async def other_primary() -> ServerProcess:
            primary = await self.primary()
            if primary is other_than:
                raise DiscoveryError(f"sandbox: {primary.name} still is the primary")
            return primary

        return await until(other_primary, timeout, "a new primary")

    async def wait_healthy(self, timeout: float = 30.0) -> ServerProcess:
        """Waits until all that runs works together, and returns the primary.

        That is: every Sentinel names the same primary, which says that it is; every other data server
        is a replica of it with its link up; every Sentinel sees all of them, and the other Sentinels,
        without trouble. Servers that are down or paused do not count.

        Args:
            timeout: seconds to wait.

        Raises:
            FailoverTimeoutError: it did not become so in time; the message says what was missing.
        """
        return await until(self._observer.healthy_primary, timeout, "a healthy deployment")

    @property
    def _needs_certificates(self) -> bool:
        return self._tls or self._sentinel_tls

    async def _launch(self) -> None:
        self._observer = Observer(self.name)
        primary, *replicas = self._make_nodes()
        # A replica that finds no primary tries again only after a second.
        await primary.start()
        await together(replica.start() for replica in replicas)
        # A Sentinel asks a replica for its link's state when it starts, and then only every ten seconds.
        await self._started(self._observer.linked_primary)
        monitored = Monitored(self._blueprint, [node.address for node in self.nodes], self._credentials)
        peers = self._make_sentinels(monitored)
        await together(sentinel.start() for sentinel in peers)
        await together(self._quicken(sentinel) for sentinel in peers)
        await together(_introduce(sentinel, peers, monitored) for sentinel in peers)
        await self._started(self._observer.healthy_primary)

    async def _quicken(self, sentinel: ServerProcess) -> None:
        # A server before Redis 7 does not know the command, and keeps to its pace.
        # It asks the nodes who they are each second, as it does during a failover anyway, so that a
        # node that came back is seen to be healthy soon.
        # After a pause of two seconds, which a busy machine or a SIGSTOP makes as well as a clock that jumps,
        # it only looks on, for half a minute: a failover that it was told to begin waits for so long.
        await sentinel.ask(
            ("SENTINEL", "DEBUG", "PING-PERIOD", self._blueprint.ping_period_ms),
            ("SENTINEL", "DEBUG", "INFO-PERIOD", _INFO_PERIOD_MS),
            ("SENTINEL", "DEBUG", "TILT-PERIOD", _TILT_PERIOD_MS),
        )

    async def _started(self, attempt: Callable[[], Awaitable[ServerProcess]]) -> None:
        try:
            await until(attempt, _START_SECONDS, "a healthy deployment at the start")
        except FailoverTimeoutError as error:
            logs = "\n".join(f"{process.name}: {process.log_tail(5)}" for process in self._processes)
            raise ServerStartError(f"{error}\n{logs}") from error

    def _make_nodes(self) -> list[ServerProcess]:
        nodes = self._observer.nodes
        for number in range(1, self._blueprint.replicas + 2):
            port = self._lease_port()
            listen = Listen(tls_port=port) if self._tls else Listen(plain_port=port)
            node = self._add(f"node-{number}", listen, self._credentials, tls=self._tls)
            directives = node_directives(
                listen,
                node.directory,
                self._credentials,
                self._certificates if self._tls else None,
                replica_of=nodes[0].address if nodes else None,
            )
            node.write_config(lines(directives) + self._extra)
            nodes.append(node)
        return nodes

    def _make_sentinels(self, monitored: Monitored) -> dict[ServerProcess, Peer]:
        peers: dict[ServerProcess, Peer] = {}
        for number in range(1, self._blueprint.sentinels + 1):
            me = Peer(self._sentinel_listen(), speaks_tls=self._tls)
            credentials = self._sentinel_credentials
            sentinel = self._add(
                f"sentinel-{number}", me.listen, credentials, tls=self._sentinel_tls, is_sentinel=True
            )
            directives = sentinel_directives(
                sentinel.directory, credentials, self._certificates, monitored, me
            )
            sentinel.write_config(lines(directives) + self._sentinel_extra)
            peers[sentinel] = me
            self._observer.sentinels[sentinel] = me.endpoint
        return peers

    def _sentinel_listen(self) -> Listen:
        # A Sentinel speaks with other Sentinels as with the data servers, all TLS or all plain: where
        # its clients shall speak otherwise, they need a port of their own.
        spoken = {self._tls, self._sentinel_tls}
        return Listen(
            plain_port=self._lease_port() if False in spoken else None,
            tls_port=self._lease_port() if True in spoken else None,
        )


async def _introduce(
    sentinel: ServerProcess, peers: Mapping[ServerProcess, Peer], monitored: Monitored
) -> None:
    # Not before all of them listen: a Sentinel that cannot reach another tries again only after a second.
    others = [peer for other, peer in peers.items() if other is not sentinel]
    await sentinel.ask(*(introduction(peer, monitored) for peer in others))
