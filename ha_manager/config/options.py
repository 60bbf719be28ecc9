"""The validated options that the rest of the package works from. Immutable; no secret in any repr."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from redis.credentials import CredentialProvider

from ha_manager.config.endpoint import Endpoint
from ha_manager.config.tls import TLSOptions

__all__ = [
    "REFRESH_TRIGGERS",
    "AddressMap",
    "Credentials",
    "InDoubt",
    "NodeOptions",
    "Options",
    "ReadFrom",
    "default_keepalive",
    "sentinel_defaults",
]

AddressMap = Callable[[Endpoint], Endpoint]
InDoubt = Literal["raise", "retry"]
ReadFrom = Literal["primary", "replica", "prefer_replica", "nearest", "same_zone"] | Callable[..., Any]
REFRESH_TRIGGERS = frozenset(
    "events connection_lost readonly heartbeat interval moved ask clusterdown uncovered".split()
)


def default_keepalive() -> Mapping[int, int]:
    """Probe a silent connection after 30 s, every 5 s, 3 times; only what this platform can set."""
    wanted = (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))
    return MappingProxyType({getattr(socket, name): n for name, n in wanted if hasattr(socket, name)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Who to log in as: a fixed name and password, a provider that is asked at each connect, or nobody."""

    username: str | None = None
    password: str | None = field(default=None, repr=False)
    provider: CredentialProvider | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeOptions:
    """How to speak to one kind of server.

    Attributes:
        db: the database that is selected on connect.
        protocol: 2 or 3, the RESP version.
        connect_timeout: seconds for the TCP connect, TLS and the handshake together.
        keepalive_options: socket option constants and their values; empty leaves the system's.
        lib_name: reported by CLIENT SETINFO; None is not reported.
        lib_version: reported by CLIENT SETINFO; None is not reported.
        readonly: say READONLY, so that a replica of a cluster answers reads itself.
    """

    credentials: Credentials = Credentials()
    tls: TLSOptions | None = None
    db: int = 0
    client_name: str | None = None
    protocol: int = 2
    encoding: str = "utf-8"
    encoding_errors: str = "strict"
    decode_responses: bool = False
    connect_timeout: float = 2.0
    keepalive: bool = True
    keepalive_options: Mapping[int, int] = field(default_factory=default_keepalive)
    lib_name: str | None = "ha_manager"
    lib_version: str | None = None
    readonly: bool = False


def sentinel_defaults() -> NodeOptions:
    """How Sentinels are spoken to when nothing is asked for: as text, even where a name is not UTF-8."""
    return NodeOptions(decode_responses=True, encoding_errors="replace")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Everything that a manager was told.

    Either ``server``, or ``cluster_name`` and ``sentinels``, or ``startup_nodes`` (cluster mode).

    Attributes:
        startup_nodes: nodes of a cluster to begin with; empty means that this is not cluster mode.
        cross_slot: multi-key commands over several slots are split by slot; otherwise refused.
        require_full_coverage: a cluster with slots that nobody owns is an error at creation.
        availability_zone: the zone that this client runs in.
        poolsize: shared connections for each node.
        max_connections: leased (dedicated) connections for each node, at most.
        node: how to speak to primaries and replicas.
        sentinel: how to speak to Sentinels.
        refresh_interval: seconds between periodic refreshes; None for no periodic refresh.
        command_timeout: seconds to wait for a reply after sending; None waits for as long as it takes.
        failover_timeout: seconds that a command may wait for a usable node.
        max_pending: commands that may wait for a node at a time; 0 fails them at once.
        heartbeat: seconds of silence, while replies are owed, before a node is asked for a sign of life.
        address_map: translates an address that servers announce into one that can be reached from here.
        scheduler: the user's APScheduler scheduler, or None for one of our own.
        refresh_triggers: which kinds of sign start a refresh.
    """

    cluster_name: str | None = None
    sentinels: tuple[Endpoint, ...] = ()
    server: Endpoint | None = None
    startup_nodes: tuple[Endpoint, ...] = ()
    cross_slot: bool = True
    require_full_coverage: bool = False
    availability_zone: str | None = None
    poolsize: int = 1
    max_connections: int = 100
    node: NodeOptions = field(default_factory=NodeOptions)
    sentinel: NodeOptions = field(default_factory=sentinel_defaults)
    refresh_interval: float | None = 10.0
    command_timeout: float | None = 5.0
    failover_timeout: float = 30.0
    max_pending: int = 10_000
    heartbeat: float = 2.5
    in_doubt: InDoubt = "raise"
    read_from: ReadFrom = "primary"
    address_map: AddressMap | None = None
    scheduler: object | None = None
    refresh_triggers: frozenset[str] = REFRESH_TRIGGERS
