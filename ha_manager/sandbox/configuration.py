"""The servers' configuration files: what is fixed, what the options ask for, and how it is written."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ha_manager.errors import ConfigurationError
from ha_manager.sandbox.admin import Credentials
from ha_manager.sandbox.blueprint import Blueprint
from ha_manager.sandbox.certificates import Certificates
from ha_manager.sandbox.ports import LOOPBACK

__all__ = ["ConfigMapping", "ConfigValue", "Directive", "Listen", "Monitored", "Peer"]
__all__ += [
    "check_credentials",
    "extra_lines",
    "introduction",
    "lines",
    "node_directives",
    "sentinel_directives",
]

ConfigValue = str | int | bool | Sequence[str]
ConfigMapping = Mapping[str, ConfigValue]
Directive = tuple[str | int | Path, ...]
Endpoint = tuple[str, int]

_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+=,~*&>-]+")
_SECRET = re.compile(r"[^\s\"'\\\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class Listen:
    """Where a server listens, on the loopback interface."""

    plain_port: int | None = None
    tls_port: int | None = None
    unix_socket: Path | None = None


@dataclass(frozen=True, slots=True)
class Peer:
    """A Sentinel as the other Sentinels know it.

    Attributes:
        listen: its ports.
        speaks_tls: whether it speaks TLS to all servers, data servers and Sentinels alike.
        run_id: its identity.
    """

    listen: Listen
    speaks_tls: bool
    run_id: str = field(default_factory=lambda: secrets.token_hex(20))

    @property
    def endpoint(self) -> Endpoint:
        """Where the other Sentinels reach it, and what it announces."""
        port = self.listen.tls_port if self.speaks_tls else self.listen.plain_port
        assert port is not None
        return LOOPBACK, port


@dataclass(frozen=True, slots=True)
class Monitored:
    """What the Sentinels are told of the deployment before they start.

    Attributes:
        blueprint: its shape.
        nodes: the data servers' addresses, the primary's first.
        credentials: of the data servers.
    """

    blueprint: Blueprint
    nodes: Sequence[Endpoint]
    credentials: Credentials


def check_credentials(option: str, credentials: Credentials) -> None:
    """Refuses what a server could not read back from a configuration file that it rewrote itself.

    Raises:
        ConfigurationError: for a name without a password, and for white space, quotes and the like.
    """
    if credentials.username is not None and credentials.password is None:
        raise ConfigurationError(f"sandbox: {option} needs a password with the username")
    for text in (credentials.username, credentials.password):
        if text is not None and not _SECRET.fullmatch(text):
            raise ConfigurationError(
                f"sandbox: {option} may not be empty, nor have white space, quotes, backslashes or controls"
            )


def node_directives(
    listen: Listen,
    directory: Path,
    credentials: Credentials,
    certificates: Certificates | None,
    replica_of: Endpoint | None,
) -> list[Directive]:
    """The configuration of a data server that keeps nothing on disk and synchronises without delay."""
    directives = _common(listen, directory, credentials, certificates)
    directives += [
        ("save", ""),
        ("appendonly", "no"),
        # Without a disk, a primary feeds a new replica only after its first acknowledgement, which
        # it gives once a second: until then a failover would lose what was written.
        ("repl-diskless-sync", "no"),
        # Into a file first, Valkey notices the end of a synchronisation up to a second late.
        ("repl-diskless-load", "on-empty-db"),
        ("repl-ping-replica-period", 1),
        ("repl-backlog-size", "1mb"),
        # Without it a replica that restarts would first load what it once got in a synchronisation.
        ("rdb-del-sync-files", "yes"),
        ("replica-read-only", "yes"),
        ("replica-priority", 100),
        ("replica-announce-ip", LOOPBACK),
        ("replica-announce-port", listen.tls_port or listen.plain_port or 0),
    ]
    if listen.tls_port is not None:
        directives.append(("tls-replication", "yes"))
    if credentials.password is not None:
        directives.append(("masterauth", credentials.password))
    if credentials.username is not None:
        directives.append(("masteruser", credentials.username))
    if replica_of is not None:
        directives.append(("replicaof", *replica_of))
    return directives


def sentinel_directives(
    directory: Path,
    credentials: Credentials,
    certificates: Certificates | None,
    monitored: Monitored,
    me: Peer,
) -> list[Directive]:
    """The configuration of a Sentinel that knows the replicas from the start, but no other Sentinel."""
    directives = _common(me.listen, directory, credentials, certificates)
    if me.speaks_tls:
        directives.append(("tls-replication", "yes"))
    name = monitored.blueprint.name
    primary, *replicas = monitored.nodes
    settings: list[Directive] = [
        ("myid", me.run_id),
        ("announce-ip", LOOPBACK),
        ("announce-port", me.endpoint[1]),
        ("monitor", name, *primary, monitored.blueprint.quorum),
        ("down-after-milliseconds", name, monitored.blueprint.down_after_ms),
        ("failover-timeout", name, monitored.blueprint.failover_timeout_ms),
        *_logins(name, monitored.credentials, credentials),
    ]
    settings += [("known-replica", name, *replica) for replica in replicas]
    return directives + [("sentinel", *setting) for setting in settings]


def introduction(peer: Peer, monitored: Monitored) -> tuple[str, ...]:
    """The command that makes a Sentinel know another one: the hello that this one would send itself later."""
    host, port = peer.endpoint
    primary_host, primary_port = monitored.nodes[0]
    hello = (host, port, peer.run_id, 0, monitored.blueprint.name, primary_host, primary_port, 0)
    return "PUBLISH", "__sentinel__:hello", ",".join(str(part) for part in hello)


def _logins(name: str, nodes: Credentials, sentinels: Credentials) -> Iterator[Directive]:
    if nodes.username is not None:
        yield "auth-user", name, nodes.username
    if nodes.password is not None:
        yield "auth-pass", name, nodes.password
    if sentinels.username is not None:
        yield "sentinel-user", sentinels.username
    if sentinels.password is not None:
        yield "sentinel-pass", sentinels.password


def lines(directives: Iterable[Directive]) -> list[str]:
    """The directives as lines of a configuration file, quoted where it is needed."""
    return [" ".join(_quoted(str(argument)) for argument in directive) for directive in directives]


def extra_lines(option: str, config: ConfigMapping) -> list[str]:
    """A user's directives as lines; the value is the rest of the line, a sequence repeats the directive.

    Raises:
        ConfigurationError: a key or value would break out of its line.
    """
    written = []
    for key, value in config.items():
        for text in _values(value):
            if not re.fullmatch(r"[A-Za-z-]+", key) or "\n" in text or "\r" in text:
                raise ConfigurationError(f"sandbox: {option} has a directive {key!r} that is not one line")
            written.append(f"{key} {text}")
    return written


def _values(value: ConfigValue) -> Sequence[str]:
    if isinstance(value, bool):
        return ("yes" if value else "no",)
    if isinstance(value, str | int):
        return (str(value) or '""',)
    return value


def _common(
    listen: Listen, directory: Path, credentials: Credentials, certificates: Certificates | None
) -> list[Directive]:
    directives: list[Directive] = [
        ("bind", LOOPBACK),
        ("port", listen.plain_port or 0),
        ("daemonize", "no"),
        ("dir", directory),
    ]
    if listen.unix_socket is not None:
        directives += [("unixsocket", listen.unix_socket), ("unixsocketperm", "700")]
    if certificates is not None:
        directives += [
            ("tls-port", listen.tls_port or 0),
            ("tls-cert-file", certificates.server_cert),
            ("tls-key-file", certificates.server_key),
            ("tls-ca-cert-file", certificates.ca_cert),
            ("tls-auth-clients", "optional"),
        ]
    return directives + _access_rules(credentials)


def _access_rules(credentials: Credentials) -> list[Directive]:
    if credentials.password is None:
        return []
    if credentials.username is None:
        return [("requirepass", credentials.password)]
    rules = ("on", f">{credentials.password}", "~*", "&*", "+@all")
    return [("user", credentials.username, *rules), ("user", "default", "off")]


def _quoted(text: str) -> str:
    if _PLAIN.fullmatch(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
