"""A cluster: primaries that share the slots, and their replicas."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from ha_manager.errors import DiscoveryError
from ha_manager.sandbox import membership
from ha_manager.sandbox.cluster_deployment import ClusterDeployment
from ha_manager.sandbox.cluster_failover import promote
from ha_manager.sandbox.cluster_files import Entry
from ha_manager.sandbox.cluster_view import slot_of
from ha_manager.sandbox.process import ServerProcess
from ha_manager.sandbox.waiting import until

__all__ = ["ClusterSandbox"]


class ClusterSandbox(ClusterDeployment):
    """Primaries, their replicas, and 16384 slots: real processes on free loopback ports.

    Where a method takes ``slot``, a key (str or bytes) does as well: its slot is meant.

    Args:
        primaries: how many primaries there are at first; they share the slots evenly, in order.
        replicas: how many replicas each primary has at first.
        node_timeout_ms: milliseconds without an answer after which a node takes another for failing
            (cluster-node-timeout).
        server: the program, see `find_server`. It must be Redis 7.0 or newer, or Valkey.
        username: an ACL user with all rights; the default user is then off.
        password: of `username`, or without one, of the default user.
        tls: the nodes speak TLS and nothing else, with clients and with each other.
        directory: keep the sandbox's files in a fresh folder in here, instead of removing them.
        config: further directives for the nodes: the value is the rest of the line, a sequence repeats
            the directive.
        log: copy what the nodes print to the logger ``ha_manager.sandbox``.
        full_coverage: nodes refuse all commands while a slot has no owner
            (cluster-require-full-coverage).
        announce_hostname: nodes tell clients this name instead of their address (``localhost``).

    Raises:
        ConfigurationError: an option cannot be used.
        ServerStartError: (on entering) a node did not start, or they did not become healthy.
    """

    @property
    def nodes(self) -> tuple[ServerProcess, ...]:
        """All nodes, running or not; the first ones were the primaries at the start."""
        return self.processes

    @property
    def startup_nodes(self) -> list[tuple[str, int]]:
        """The addresses of the nodes that the cluster began with."""
        return list(self._startup_nodes)

    @property
    def url(self) -> str:
        """``redis+cluster://host:port,...`` (``rediss+cluster`` with `tls`), without credentials."""
        scheme = "rediss+cluster" if self._tls else "redis+cluster"
        return f"{scheme}://{','.join(f'{host}:{port}' for host, port in self._startup_nodes)}"

    def node_id(self, node: ServerProcess) -> str:
        """The name that a node has in the cluster."""
        return self._observer.seats[node].node_id

    async def primaries(self) -> list[ServerProcess]:
        """The primaries now, in the order of their slots; one that is down, until it is replaced.

        Raises:
            DiscoveryError: no node answers.
        """
        return await self._observer.primaries()

    async def replicas(self) -> list[ServerProcess]:
        """The replicas now, of all primaries; one that is down too.

        Raises:
            DiscoveryError: no node answers.
        """
        return await self._observer.replicas()

    async def replicas_of(self, node: ServerProcess) -> list[ServerProcess]:
        """The replicas that a primary has now.

        Raises:
            DiscoveryError: no node answers.
        """
        return await self._observer.replicas(node)

    async def owner(self, slot: int | str | bytes) -> ServerProcess:
        """The primary that owns a slot or key now; one that is down, until it is replaced.

        Raises:
            DiscoveryError: none owns it, or no node answers.
        """
        return await self._observer.owner(slot_of(slot))

    async def owners(self) -> dict[int, ServerProcess]:
        """The owner of each slot that has one, as by `owner`.

        Raises:
            DiscoveryError: no node answers.
        """
        return await self._observer.owners()

    async def kill_primary(self, slot: int | str | bytes = 0) -> ServerProcess:
        """Kills the owner of a slot as a crash would (SIGKILL), and returns it."""
        node = await self.owner(slot)
        await node.kill()
        return node

    async def pause_primary(self, slot: int | str | bytes = 0) -> ServerProcess:
        """Stops the owner of a slot (SIGSTOP), and returns it; `resume` lets it go on."""
        return await self.pause(await self.owner(slot))

    async def failover(
        self,
        node_or_slot: ServerProcess | int | str | bytes = 0,
        *,
        option: Literal["FORCE", "TAKEOVER"] | None = None,
    ) -> ServerProcess:
        """Orders a failover (CLUSTER FAILOVER) and returns the new primary, once all nodes know it.

        Args:
            node_or_slot: the primary to replace, or a slot of it; or the replica to promote.
            option: None has the primary take part. ``FORCE`` and ``TAKEOVER`` do without it, the latter
                without the other primaries' votes too.

        A node does not vote twice about one primary within twice the node timeout: soon after an earlier
        failover, another one back and forth takes some seconds; ``TAKEOVER`` does not.

        Raises:
            redis.exceptions.ResponseError: the replica refused.
            DiscoveryError: there is no replica that runs.
            FailoverTimeoutError: it was not promoted within 30 s.
        """
        node = node_or_slot if isinstance(node_or_slot, ServerProcess) else await self.owner(node_or_slot)
        replica = node if node in await self.replicas() else await self._running_replica(node)
        await promote(replica, self._observer, option)
        return replica

    async def wait_for_primary(
        self,
        slot: int | str | bytes = 0,
        *,
        other_than: ServerProcess | None = None,
        timeout: float = 30.0,
    ) -> ServerProcess:
        """Waits until a running node owns the slot, and returns it.

        Args:
            slot: the slot.
            other_than: a node that does not count, e.g. the one that was killed.
            timeout: seconds to wait.

        Raises:
            FailoverTimeoutError: none did in time.
        """

        async def other_owner() -> ServerProcess:
            node = await self._observer.confirmed_owner(slot_of(slot))
            if node is other_than:
                raise DiscoveryError(f"sandbox: {node.name} still owns slot {slot_of(slot)}")
            return node

        return await until(other_owner, timeout, "a new primary")

    async def wait_healthy(self, timeout: float = 30.0) -> list[ServerProcess]:
        """Waits until all that runs works together, and returns the primaries.

        That is: every node says cluster_state:ok, sees all others without trouble, and agrees with them
        on roles and slots; running nodes own all slots, but for those that `unassign` took away; every
        replica is linked to its primary. Nodes that are down or paused do not count.

        Args:
            timeout: seconds to wait.

        Raises:
            FailoverTimeoutError: it did not become so in time; the message says what was missing.
        """
        return await until(self._observer.healthy_primaries, timeout, "a healthy cluster")

    async def add_node(self, replica_of: ServerProcess | None = None) -> ServerProcess:
        """Starts a node more, and returns it once all running nodes know it.

        Args:
            replica_of: its primary. Without, it is a primary that owns no slots yet.

        Raises:
            ServerStartError: it did not start.
            FailoverTimeoutError: it was not known to all nodes within 30 s.
        """
        picture = await self._observer.picture()
        others = await self._observer.entries()
        primary_id = "" if replica_of is None else self.node_id(replica_of)
        node, seat = self._make_node(replica_of)
        await self._start_node(node, Entry(seat, primary_id, epoch=picture.epoch() + 1), others)
        await membership.introduce(node, seat, self._observer)
        await self._demand_coverage(node)
        return node

    async def remove_node(self, node: ServerProcess) -> None:
        """Ends a node, and has all others forget it. It is gone from `nodes` then.

        Raises:
            ConfigurationError: it owns slots, or has replicas.
        """
        await membership.check_can_go(node, self._observer)
        await node.stop()
        seat = self._observer.seats.pop(node)
        self._processes.remove(node)
        await membership.forget(seat.node_id, self._observer)

    async def migrate_slots(
        self, slots: Iterable[int], to: ServerProcess, *, pause: float = 0.0, batch: int = 100
    ) -> None:
        """Moves slots with their keys to another primary, while clients go on.

        Args:
            slots: the slots, of any owners.
            to: the new owner.
            pause: seconds to wait after each slot. Without it, some 30 are on their way at a time.
            batch: how many keys one MIGRATE takes at most.

        Raises:
            DiscoveryError: a slot has no owner.
            redis.exceptions.ResponseError: a node refused a step.
        """
        await self._slots.migrate(slots, to, pause=pause, batch=batch)

    async def begin_migration(self, slot: int, to: ServerProcess) -> None:
        """Leaves a slot on its way: MIGRATING at its owner, IMPORTING at `to`; no key is moved yet.

        Raises:
            ConfigurationError: it is on its way already, or `to` owns it.
            DiscoveryError: it has no owner.
        """
        await self._slots.begin(slot, to)

    async def move_keys(self, slot: int, *keys: str | bytes) -> None:
        """Moves single keys of a slot that is on its way: clients then find them by ASK.

        Raises:
            ConfigurationError: the slot is not on its way.
        """
        await self._slots.move_keys(slot, keys)

    async def finish_migration(self, slot: int) -> None:
        """Moves the keys that are left, and gives the slot to its new owner.

        Raises:
            ConfigurationError: the slot is not on its way.
        """
        await self._slots.finish(slot)

    async def cancel_migration(self, slot: int) -> None:
        """Leaves the slot with its owner; keys that were moved come back. No client may write meanwhile.

        Raises:
            ConfigurationError: the slot is not on its way.
        """
        await self._slots.cancel(slot)

    async def unassign(self, slots: Iterable[int]) -> None:
        """Takes slots away from their owners (CLUSTER DELSLOTS on all nodes), so that nobody owns them."""
        await self._slots.unassign(slots)

    async def assign(self, slots: Iterable[int], to: ServerProcess) -> None:
        """Gives slots that nobody owns to a primary; returns once all nodes know it.

        Raises:
            redis.exceptions.ResponseError: a slot has an owner.
        """
        await self._slots.assign(slots, to)

    async def _running_replica(self, primary: ServerProcess) -> ServerProcess:
        running = await self._observer.linked_replicas(primary)
        if not running:
            raise DiscoveryError(f"sandbox: {primary.name} has no replica that runs")
        return running[0]
