"""ConnectionManager: the one place where the rooms are wired together."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable
from typing import Any, Self

from ha_manager.backoff import Backoff
from ha_manager.commands import CommandAPI, Context, Learned, Targets
from ha_manager.config import Endpoint, Options, build_options, options_from_url
from ha_manager.delivery import Policy
from ha_manager.deployment import Deployed
from ha_manager.errors import ConfigurationError, FailoverTimeoutError, UncoveredSlotError
from ha_manager.observe import Event, EventStream, Stats
from ha_manager.routing import ReadPreference, make_preference
from ha_manager.topology import Topology
from ha_manager.topology.model import SLOT_COUNT
from ha_manager.topology.replies import list_of_fields

FIRST_RESOLUTION = Backoff(first=0.05, limit=0.5)


class ConnectionManager(CommandAPI):
    """A client that finds the primary, keeps finding it, and answers redis-py's command API.

    Made by :meth:`create` or :meth:`from_url`, usable at once, and as ``async with``.
    """

    def __init__(self, deployed: Deployed, options: Options) -> None:
        policy = Policy(
            in_doubt=options.in_doubt,
            preference=make_preference(options.read_from, options.availability_zone),
            failover_timeout=options.failover_timeout,
        )
        context = Context(
            executor=deployed.executor,
            lanes=deployed.lanes,
            targets=Targets(deployed.lanes, deployed.present_topology),
            learned=Learned(deployed.ask_default),
            refetch=deployed.refresher.refresh,
            options=options.node,
            cross_slot=options.cross_slot,
        )
        super().__init__(context, policy)
        self._deployed = deployed
        self._all_options = options

    # Making

    @classmethod
    async def create(cls, **options: Any) -> Self:
        """Connect, and return when commands can be sent.

        Args:
            options: ``cluster_name`` and ``sentinels``; or ``startup_nodes`` of a cluster; or ``host``
                and ``port`` of a single server or any node of a cluster; or ``unix_socket_path``. And any
                of the options in ``docs/options.md``.

        Raises:
            ConfigurationError: an option is wrong; the message names it and the remedy.
            SentinelsUnreachableError: no Sentinel answered.
            UnknownServiceError: no Sentinel monitors ``cluster_name``.
            WrongDeploymentError: the single address is a replica or a Sentinel, or a startup node is a
                single server.
            ClusterUnreachableError: no startup node answered usefully.
            UncoveredSlotError: slots have no owner, and ``require_full_coverage`` was asked for.
            FailoverTimeoutError: no primary could be confirmed within ``failover_timeout``.
            redis.AuthenticationError, redis.ConnectionError: the server refused or was not there.
        """
        return await cls._start(build_options(options))

    @classmethod
    async def from_url(cls, url: str, **options: Any) -> Self:
        """As :meth:`create`, from a URL.

        Args:
            url: ``redis://``, ``rediss://``, ``unix://``,
                ``redis+sentinel://[user:pass@]host:port,host:port/service[/db]``, or
                ``redis+cluster://[user:pass@]host:port,host:port`` (``rediss+...`` for TLS); options follow
                as a query string.
            options: more options; one that contradicts the URL is refused.
        """
        return await cls._start(options_from_url(url, options))

    @classmethod
    async def _start(cls, options: Options) -> Self:
        deployed = Deployed(options)
        try:
            await _first_resolution(deployed, options)
        except BaseException:
            await deployed.close()
            raise
        return cls(deployed, options)

    # Ending

    async def aclose(self, timeout: float | None = None) -> None:
        """Drain and close; may be called again.

        Commands under way get their replies, for as long as ``timeout`` (by default
        ``command_timeout``) seconds; commands that wait for a node fail with ``ManagerClosedError``.
        """
        await self._deployed.close(drain=self._all_options.command_timeout if timeout is None else timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        name = self._all_options.cluster_name or self._all_options.server
        state = "closed" if self._deployed.closed else f"primary={self.primary}"
        return f"<ConnectionManager {name} {state} generation={self.topology.generation}>"

    def __del__(self) -> None:
        deployed = getattr(self, "_deployed", None)
        if deployed is not None and not deployed.closed:
            warnings.warn(
                f"unclosed {self!r}; use aclose() or async with", ResourceWarning, stacklevel=2, source=self
            )
            deployed.abandon()

    # Watching

    @property
    def topology(self) -> Topology:
        """The snapshot in force."""
        return self._deployed.present_topology()

    @property
    def primary(self) -> Endpoint | None:
        """The address that writes go to; ``None`` in a cluster of several shards."""
        return self.topology.primary

    def events(self, *, limit: int = 10_000) -> EventStream:
        """An async iterator over the events from now on; it ends when the manager is closed.

        Args:
            limit: unread events kept; past it the oldest are dropped and counted.
        """
        return self._deployed.bus.stream(limit)

    def add_listener(self, listener: Callable[[Event], object]) -> Callable[[], None]:
        """Call ``listener`` for each event, on the event loop; returns a function that removes it."""
        return self._deployed.bus.add_listener(listener)

    def stats(self) -> Stats:
        """Totals since creation and the present state of every node."""
        return self._deployed.stats()

    async def refresh(self) -> Topology:
        """Ask the servers now, and return the snapshot in force afterwards."""
        await self._deployed.refresher.refresh()
        return self.topology

    # Treating some commands otherwise

    def with_options(
        self,
        *,
        in_doubt: str | None = None,
        read_from: str | Callable[..., Any] | None = None,
        failover_timeout: float | None = None,
        command_timeout: float | None = None,
    ) -> CommandAPI:
        """The same manager under another policy: a view that shares every connection.

        Args:
            in_doubt: ``"retry"`` says that the commands sent through the view may be repeated.
            read_from: which node answers reads.
            failover_timeout: seconds that a command may wait for a usable node.
            command_timeout: seconds to wait for a reply.

        Raises:
            ConfigurationError: a value is wrong, or replicas are asked for although the manager was
                created with ``read_from="primary"`` and keeps no connections to them.
        """
        given = {
            "in_doubt": in_doubt,
            "read_from": read_from,
            "failover_timeout": failover_timeout,
            "command_timeout": command_timeout,
        }
        changed = {name: value for name, value in given.items() if value is not None}
        checked = build_options({"host": "localhost", **changed})
        if "read_from" in changed and read_from != "primary" and self._policy.preference is None:
            raise ConfigurationError(
                "read_from: this manager keeps no connections to replicas; "
                "create it with read_from= other than 'primary' and narrow it in views"
            )
        own = self._policy
        policy = Policy(
            in_doubt=checked.in_doubt if "in_doubt" in changed else own.in_doubt,
            preference=self._preference(checked.read_from) if "read_from" in changed else own.preference,
            failover_timeout=checked.failover_timeout if failover_timeout else own.failover_timeout,
            command_timeout=checked.command_timeout if command_timeout else own.command_timeout,
        )
        view = CommandAPI(self._context, policy)
        view.response_callbacks.update(self.response_callbacks)
        return view

    def _preference(self, read_from: Any) -> ReadPreference | None:
        return make_preference(read_from, self._all_options.availability_zone)

    # As in asyncio-redis-ha

    async def get_master_addr_by_name(self, name: str | None = None) -> tuple[str, int] | None:
        """Ask a Sentinel for the address of a service; our own ``cluster_name`` by default."""
        reply = await self._sentinel("GET-MASTER-ADDR-BY-NAME", name)
        return None if reply is None else (_text(reply[0]), int(reply[1]))

    async def slaves(self, name: str | None = None) -> list[dict[str, str]]:
        """What a Sentinel knows of the replicas of a service."""
        return list_of_fields(await self._sentinel("REPLICAS", name))

    async def sentinels(self, name: str | None = None) -> list[dict[str, str]]:
        """What a Sentinel knows of the other Sentinels of a service."""
        return list_of_fields(await self._sentinel("SENTINELS", name))

    async def _sentinel(self, subcommand: str, name: str | None) -> Any:
        service = name or self._all_options.cluster_name
        if not self._all_options.sentinels or service is None:
            raise ConfigurationError("this manager was created without sentinels=; it cannot ask one")
        # Past the response callbacks, whose results differ between versions of redis-py.
        return await self.execute_command("SENTINEL", subcommand, service)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _check_coverage(topology: Topology, options: Options) -> None:
    if options.require_full_coverage and topology.covered < SLOT_COUNT:
        raise UncoveredSlotError(
            f"{SLOT_COUNT - topology.covered} of {SLOT_COUNT} slots have no owner; assign them, or create "
            "with require_full_coverage=False"
        )


async def _first_resolution(deployed: Deployed, options: Options) -> None:
    """Resolve until a primary is confirmed; faults that waiting does not mend are raised at once."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + options.failover_timeout
    attempt = 0
    while True:
        resolution = await deployed.resolve_first()
        if resolution.confirmed:
            _check_coverage(deployed.present_topology(), options)
            await deployed.start()
            return
        if resolution.fault is not None:
            raise resolution.fault
        attempt += 1
        if loop.time() >= deadline:
            raise FailoverTimeoutError(
                f"no primary was confirmed within failover_timeout={options.failover_timeout:g} s: "
                f"{resolution.reason}",
                waited_for="a primary to be confirmed",
            )
        await asyncio.sleep(FIRST_RESOLUTION.delay(attempt))
