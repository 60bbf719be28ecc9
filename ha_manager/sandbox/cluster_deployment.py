"""Makes the nodes of a cluster, and starts them so that they work together at once."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from dataclasses import replace

from ha_manager.errors import FailoverTimeoutError
from ha_manager.sandbox import membership
from ha_manager.sandbox.cluster_blueprint import SLOT_COUNT, ClusterBlueprint
from ha_manager.sandbox.cluster_files import Entry, Seat, cluster_directives, node_table, stand_in_table
from ha_manager.sandbox.cluster_observer import ClusterObserver
from ha_manager.sandbox.cluster_program import check_version, names_shards
from ha_manager.sandbox.cluster_slots import SlotKeeper
from ha_manager.sandbox.configuration import ConfigMapping, Listen, lines, node_directives
from ha_manager.sandbox.deployment import Deployment, together
from ha_manager.sandbox.process import ServerProcess, ServerStartError
from ha_manager.sandbox.waiting import until

__all__ = ["ClusterDeployment"]

_START_SECONDS = 30.0


class ClusterDeployment(Deployment):
    """A cluster that is started; `ClusterSandbox` has the options, and adds questions and faults."""

    def __init__(
        self,
        *,
        primaries: int = 3,
        replicas: int = 1,
        node_timeout_ms: int = 1500,
        server: str | os.PathLike[str] | None = None,
        username: str | None = None,
        password: str | None = None,
        tls: bool = False,
        directory: str | os.PathLike[str] | None = None,
        config: ConfigMapping | None = None,
        log: bool = False,
        full_coverage: bool = True,
        announce_hostname: str | None = None,
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
        self._blueprint = ClusterBlueprint(
            primaries=primaries,
            replicas=replicas,
            node_timeout_ms=node_timeout_ms,
            full_coverage=full_coverage,
            announce_hostname=announce_hostname,
        )
        self._startup_nodes: list[tuple[str, int]] = []
        self._forget_everything()

    async def _launch(self) -> None:
        assert self._program is not None
        check_version(self._program)
        self._forget_everything()
        blueprint = self._blueprint
        primaries = [self._make_node() for _ in range(blueprint.primaries)]
        heads = [node for node, _ in primaries] * blueprint.replicas
        replicas = [self._make_node(head) for head in heads]
        self._startup_nodes = [node.address for node in self._processes]
        entries = {
            node: Entry(seat, slots=(blueprint.slots_of(number),), epoch=number + 1)
            for number, (node, seat) in enumerate(primaries)
        }
        for head, (node, seat) in zip(heads, replicas, strict=True):
            entries[node] = Entry(seat, primary_id=self._observer.seats[head].node_id)
        # A replica that finds no primary tries again only after a second.
        for part in (primaries, replicas):
            await together(self._start_node(node, entries[node], entries.values()) for node, _ in part)
        await self._started()
        await together(self._demand_coverage(node) for node in self._processes)

    async def _started(self) -> None:
        async def settled() -> None:
            await membership.forget_strangers(self._observer)
            await self._observer.healthy_primaries()

        try:
            await until(settled, _START_SECONDS, "a healthy cluster at the start")
        except FailoverTimeoutError as error:
            logs = "\n".join(f"{process.name}: {process.log_tail(5)}" for process in self._processes)
            raise ServerStartError(f"{error}\n{logs}") from error

    def _forget_everything(self) -> None:
        self._observer = ClusterObserver(SLOT_COUNT)
        self._slots = SlotKeeper(self._observer)
        self._startup_nodes = []
        self._made = 0

    def _make_node(self, primary: ServerProcess | None = None) -> tuple[ServerProcess, Seat]:
        self._made += 1
        port, bus_port = self._lease_port(), self._lease_port()
        listen = Listen(tls_port=port) if self._tls else Listen(plain_port=port)
        node = self._add(f"node-{self._made}", listen, self._credentials, tls=self._tls)
        seat = Seat(port, bus_port, self._blueprint.announce_hostname or "", self._shard_id(primary))
        self._observer.seats[node] = seat
        node.write_config(self._config(node, seat, replace(self._blueprint, full_coverage=False)))
        return node, seat

    def _shard_id(self, primary: ServerProcess | None) -> str:
        assert self._program is not None
        if primary is not None:
            return self._observer.seats[primary].shard_id
        return secrets.token_hex(20) if names_shards(self._program) else ""

    async def _start_node(self, node: ServerProcess, me: Entry, known: Iterable[Entry]) -> None:
        others = [entry for entry in known if entry is not me]
        table = node.directory / "nodes.conf"
        if me.primary_id:
            table.write_text(node_table(me, others), encoding="utf-8")
            await node.start()
        else:
            text, stand_in = stand_in_table(me, others)
            table.write_text(text, encoding="utf-8")
            await membership.start_as_primary(node, stand_in)

    async def _demand_coverage(self, node: ServerProcess) -> None:
        # Not sooner: while the primaries replace their stand-ins, the others see slots without owners.
        if self._blueprint.full_coverage:
            lines = self._config(node, self._observer.seats[node], self._blueprint)
            node.config_path.write_text("\n".join(lines) + "\n", encoding="utf-8")
            await node.execute("CONFIG", "SET", "cluster-require-full-coverage", "yes")

    def _config(self, node: ServerProcess, seat: Seat, blueprint: ClusterBlueprint) -> list[str]:
        listen = Listen(tls_port=seat.port) if self._tls else Listen(plain_port=seat.port)
        certificates = self._certificates if self._tls else None
        directives = node_directives(listen, node.directory, self._credentials, certificates, None)
        directives += cluster_directives(blueprint, seat, tls=self._tls)
        return lines(directives) + self._extra
