"""A cluster node's files: the directives of cluster mode, and the node table that it starts with.

A node that starts as a primary answers no command for two seconds, whatever its configuration says: it
might be an old primary that was replaced while it was down. A replica has no such delay. So a primary
starts as the replica of a *stand-in*, a primary that there is not and that nobody else ever hears of,
takes its slots over (``CLUSTER FAILOVER TAKEOVER``) and forgets it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ha_manager.sandbox.cluster_blueprint import ClusterBlueprint
from ha_manager.sandbox.configuration import Directive
from ha_manager.sandbox.ports import LOOPBACK

__all__ = ["Entry", "Seat", "cluster_directives", "node_table", "stand_in_table"]


@dataclass(frozen=True, slots=True)
class Seat:
    """What a node keeps for its whole life.

    Attributes:
        port: the one that clients use.
        bus_port: the one that the other nodes use.
        hostname: what it announces besides its address; may be empty.
        shard_id: the name of its shard; empty for a server that gives shards no names.
        node_id: its name in the cluster.
    """

    port: int
    bus_port: int
    hostname: str = ""
    shard_id: str = ""
    node_id: str = field(default_factory=lambda: secrets.token_hex(20))


@dataclass(frozen=True, slots=True)
class Entry:
    """A node as a node table describes it; without `primary_id` it is a primary."""

    seat: Seat
    primary_id: str = ""
    slots: Sequence[range] = ()
    epoch: int = 0


def cluster_directives(blueprint: ClusterBlueprint, seat: Seat, *, tls: bool) -> list[Directive]:
    """What cluster mode adds to the configuration of a data server."""
    directives: list[Directive] = [
        ("cluster-enabled", "yes"),
        ("cluster-config-file", "nodes.conf"),
        ("cluster-node-timeout", blueprint.node_timeout_ms),
        ("cluster-port", seat.bus_port),
        ("cluster-announce-ip", LOOPBACK),
        # A replica may be promoted however long it was without its primary, and stays where it was put.
        ("cluster-replica-validity-factor", 0),
        ("cluster-allow-replica-migration", "no"),
        ("cluster-require-full-coverage", "yes" if blueprint.full_coverage else "no"),
    ]
    if seat.hostname:
        directives += [
            ("cluster-announce-hostname", seat.hostname),
            ("cluster-preferred-endpoint-type", "hostname"),
        ]
    if tls:
        directives.append(("tls-cluster", "yes"))
    return directives


def node_table(me: Entry, others: Iterable[Entry]) -> str:
    """The node table of a replica, as ``nodes.conf`` holds it."""
    known = [me, *others]
    return _table((_line(entry, myself=entry is me) for entry in known), max(entry.epoch for entry in known))


def stand_in_table(me: Entry, others: Iterable[Entry]) -> tuple[str, str]:
    """The node table of a primary that starts as the replica of a stand-in, and the stand-in's id."""
    others = list(others)
    # Port 0 cannot be reached, and nodes do not believe each other in a node with that port.
    stand_in = Seat(0, 0, shard_id=me.seat.shard_id)
    lines = [
        _line(Entry(stand_in, slots=me.slots), myself=False),
        _line(Entry(me.seat, primary_id=stand_in.node_id), myself=True),
        # With other epochs than its own the primary would raise its epoch above theirs, as they would.
        *(_line(Entry(other.seat, other.primary_id, other.slots), myself=False) for other in others),
    ]
    return _table(lines, me.epoch - 1), stand_in.node_id


def _table(lines: Iterable[str], epoch: int) -> str:
    return "\n".join((*lines, f"vars currentEpoch {epoch} lastVoteEpoch 0", ""))


def _line(entry: Entry, *, myself: bool) -> str:
    role = "slave" if entry.primary_id else "master"
    fields = (
        entry.seat.node_id,
        _address(entry.seat),
        f"myself,{role}" if myself else role,
        entry.primary_id or "-",
        "0 0",
        str(entry.epoch),
        "connected",
        *(f"{part[0]}-{part[-1]}" for part in entry.slots),
    )
    return " ".join(fields)


def _address(seat: Seat) -> str:
    address = f"{LOOPBACK}:{seat.port}@{seat.bus_port}"
    if seat.shard_id:
        return f"{address},{seat.hostname},shard-id={seat.shard_id}"
    return f"{address},{seat.hostname}" if seat.hostname else address
