"""The one table of options: name, type, default, check, how a URL writes it, and what it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ha_manager.config import address_lists, checks, tls_checks
from ha_manager.config.address_map import address_map
from ha_manager.config.casts import (
    Cast,
    to_flag,
    to_int,
    to_int_or_text,
    to_number,
    to_number_or_none,
    to_words,
)
from ha_manager.config.checks import Check, optional
from ha_manager.config.endpoint import check_host, check_port
from ha_manager.config.options import REFRESH_TRIGGERS, NodeOptions, Options

__all__ = ["OPTIONS", "TLS_FIELDS", "OptionSpec", "describe_options"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionSpec:
    """One option.

    Attributes:
        group: the heading that it is documented under.
        type: what it takes, in words.
        default: the value that it has when left out.
        check: makes the value to use of the value given, or raises ConfigurationError.
        cast: reads it from the text of a URL's query; None if it cannot be given there.
        doc: what it does, in one sentence or two.
        secret: whether its value may never be shown.
        shown_default: the default in words, where its repr says too little.
    """

    name: str
    group: str
    type: str
    default: Any
    check: Check
    cast: Cast | None
    doc: str
    secret: bool = False
    shown_default: str = ""

    @property
    def default_text(self) -> str:
        """The default as the documentation writes it."""
        return self.shown_default or f"`{self.default!r}`"


# The dataclasses own the defaults; the table repeats none of them.
_TOP = Options()
_NODE = NodeOptions()

_Row = tuple[str, str, Any, Check, Cast | None, str]

# One row: name, type, default, check, cast, doc.
# fmt: off
_WHERE: list[_Row] = [
    ("cluster_name", "str", None, checks.service_name, None,
     "The name that the Sentinels monitor the primary under."),
    ("sentinels", 'list of `(host, port)` or `"host:port"`', None, address_lists.sentinel_list, None,
     "The Sentinels to begin with; others are learnt from them. Port 26379 where none is given."),
    ("startup_nodes", 'list of `(host, port)`, `"host:port"` or redis-py\'s ClusterNode', None,
     address_lists.startup_nodes, None,
     "Cluster mode: the nodes to begin with; others are learnt from them. Port 6379 where none is given."),
    ("host", "str", None, check_host, None,
     "A single server, without Sentinels."),
    ("port", "int", None, check_port, None,
     "The port of `host`."),
    ("unix_socket_path", "path", None, checks.unix_path, None,
     "A single server behind a Unix socket."),
    ("address_map", "dict or function", None, address_map, None,
     "Translates the addresses that servers announce into those that can be reached from here: a dict of "
     "addresses, or a function from and to `(host, port)`."),
]

_LOGIN: list[_Row] = [
    ("username", "str", None, checks.secret, str,
     "The ACL user; needs `password`."),
    ("password", "str", None, checks.secret, str,
     "The password of `username`, or of the default user."),
    ("credential_provider", "redis.CredentialProvider", None, checks.credential_provider, None,
     "Asked for user name and password at each connect, in place of `username` and `password`."),
]

_CONNECTION: list[_Row] = [
    ("db", "int", _NODE.db, checks.whole_number(0), to_int,
     "The database to select. In a cluster, servers before Valkey 9 refuse any but 0."),
    ("protocol", "2 or 3", _NODE.protocol, checks.protocol, to_int,
     "The RESP version that is spoken."),
    ("client_name", "str", None, checks.name_for_server, str,
     "The name in CLIENT LIST, for nodes and Sentinels."),
    ("lib_name", "str or None", _NODE.lib_name, optional(checks.name_for_server), str,
     "The library name for CLIENT SETINFO; None reports none."),
    ("lib_version", "str or None", _NODE.lib_version, checks.name_for_server, str,
     "The library version for CLIENT SETINFO; None reports none."),
    ("decode_responses", "bool", _NODE.decode_responses, checks.flag, to_flag,
     "Return str in place of bytes."),
    ("encoding", "str", _NODE.encoding, checks.encoding, str,
     "How str arguments are encoded, and replies decoded."),
    ("encoding_errors", "str", _NODE.encoding_errors, checks.encoding_errors, str,
     "What to do about text that the encoding cannot express."),
    ("socket_connect_timeout", "seconds", _NODE.connect_timeout, checks.seconds, to_number,
     "The longest that connect, TLS and handshake may take together."),
    ("socket_keepalive", "bool", _NODE.keepalive, checks.flag, to_flag,
     "TCP keepalive."),
    ("socket_keepalive_options", "dict or None", _NODE.keepalive_options, checks.keepalive_options, None,
     "Socket constants and their values; None or {} leaves the system's settings."),
]

_BEHAVIOUR: list[_Row] = [
    ("poolsize", "int", _TOP.poolsize, checks.whole_number(1), to_int,
     "Connections to each node that all callers share."),
    ("max_connections", "int", _TOP.max_connections, checks.whole_number(1), to_int,
     "Connections to each node, at most, that are leased to one caller at a time: blocking commands, "
     "WATCH, subscriptions."),
    ("command_timeout", "seconds or None", _TOP.command_timeout, checks.seconds_or_none, to_number_or_none,
     "The longest wait for a reply once a command was sent; None waits for as long as it takes."),
    ("socket_timeout", "seconds or None", _TOP.command_timeout, checks.seconds_or_none, to_number_or_none,
     "redis-py's name for `command_timeout`; give one of the two."),
    ("failover_timeout", "seconds", _TOP.failover_timeout, checks.seconds, to_number,
     "The longest that a command may wait for a usable node."),
    ("max_pending", "int", _TOP.max_pending, checks.whole_number(0), to_int,
     "How many commands may wait for a node at a time; 0 fails them at once."),
    ("heartbeat", "seconds", _TOP.heartbeat, checks.seconds, to_number,
     "A node that owes replies and is silent for this long is asked for a sign of life; after the same time "
     "again its connection counts as dead."),
    ("in_doubt", '`"raise"` or `"retry"`', _TOP.in_doubt, checks.word("raise", "retry"), str,
     "A write that was sent and not answered: raise OutcomeUnknownError, or send it again."),
    ("read_from", '`"primary"`, `"replica"`, `"prefer_replica"`, `"nearest"`, `"same_zone"` or function',
     _TOP.read_from,
     checks.word_or_function("primary", "replica", "prefer_replica", "nearest", "same_zone"), str,
     'Which nodes serve commands that only read. `"same_zone"`: replicas in `availability_zone`, else any '
     "replica, else the primary."),
    ("availability_zone", "str", None, checks.text, str,
     "The zone that this client runs in, as the servers spell theirs."),
    ("cross_slot", "bool", _TOP.cross_slot, checks.flag, to_flag,
     "Cluster mode: split commands such as MGET, MSET and DEL whose keys lie in several slots, so that they "
     "are no longer atomic; False refuses them."),
    ("require_full_coverage", "bool", _TOP.require_full_coverage, checks.flag, to_flag,
     "Cluster mode: refuse to start while a slot has no owner. (redis-py's default is True.)"),
    ("refresh_interval", "seconds or None", _TOP.refresh_interval, checks.seconds_or_off, to_number_or_none,
     "The time between periodic refreshes of the topology; None or 0 for none."),
    ("refresh_triggers", "set of str", _TOP.refresh_triggers, checks.triggers, to_words,
     "Which signs start a refresh of the topology."),
    ("scheduler", "apscheduler AsyncIOScheduler", None, checks.scheduler, None,
     "Runs the periodic refresh, in place of a scheduler of our own. It stays yours to start and stop."),
]

_TLS: list[_Row] = [
    ("ssl", "bool", False, checks.flag, to_flag,
     "Speak TLS."),
    ("ssl_keyfile", "path", None, checks.path, str,
     "The private key of `ssl_certfile`, if that file does not hold it."),
    ("ssl_certfile", "path", None, checks.path, str,
     "Our certificate, in PEM."),
    ("ssl_password", "str", None, checks.secret, str,
     "The pass phrase of the private key."),
    ("ssl_cert_reqs", '`"none"`, `"optional"`, `"required"` or ssl.VerifyMode', "required",
     tls_checks.cert_reqs, str,
     "Whether the server's certificate is verified."),
    ("ssl_check_hostname", "bool", True, checks.flag, to_flag,
     'Whether the certificate must name the host; never checked with `ssl_cert_reqs="none"`.'),
    ("ssl_ca_certs", "path", None, checks.path, str,
     "A PEM file of CA certificates, trusted besides the system's."),
    ("ssl_ca_path", "path", None, checks.path, str,
     "A directory of CA certificates, trusted besides the system's."),
    ("ssl_ca_data", "str or bytes", None, tls_checks.ca_data, str,
     "CA certificates themselves, as PEM text or DER bytes."),
    ("ssl_min_version", "ssl.TLSVersion", None, tls_checks.min_version, to_int_or_text,
     "The lowest TLS version; a URL writes `TLSv1.2`."),
    ("ssl_ciphers", "str", None, checks.text, str,
     "An OpenSSL cipher list, for TLS up to 1.2."),
    ("ssl_include_verify_flags", "list of ssl.VerifyFlags", None, tls_checks.verify_flags, to_words,
     "Verification flags to set."),
    ("ssl_exclude_verify_flags", "list of ssl.VerifyFlags", None, tls_checks.verify_flags, to_words,
     "Verification flags to clear."),
    ("ssl_context", "ssl.SSLContext", None, tls_checks.context, None,
     "A context of your own, in place of all other `ssl_...` options."),
]
# fmt: on

# The fields of TLSOptions, without the prefix that tells nodes from Sentinels.
TLS_FIELDS = tuple(row[0].removeprefix("ssl_") for row in _TLS if row[0] not in ("ssl", "ssl_context"))

_SECRETS = frozenset({"password", "ssl_password"})
_SHOWN_DEFAULTS = {
    "host": "`localhost`, if `port` is given",
    "port": "`6379`",
    "socket_keepalive_options": "30 s idle, then 3 probes 5 s apart",
    "refresh_triggers": "all: " + ", ".join(f"`{name}`" for name in sorted(REFRESH_TRIGGERS)),
    "scheduler": "our own",
}


def _spec(group: str, row: _Row, prefix: str = "") -> OptionSpec:
    name, kind, default, check, cast, doc = row
    return OptionSpec(
        name=prefix + name,
        group=group,
        type=kind,
        default=default,
        check=check,
        cast=cast,
        doc=f"As `{name}`, for the Sentinels." if prefix else doc,
        secret=name in _SECRETS,
        shown_default=_SHOWN_DEFAULTS.get(name, ""),
    )


_SPECS = (
    *(_spec("Where the servers are", row) for row in _WHERE),
    *(_spec("Login", row) for row in _LOGIN),
    *(_spec("Behaviour", row) for row in _BEHAVIOUR),
    *(_spec("Connections", row) for row in _CONNECTION),
    *(_spec("TLS", row) for row in _TLS),
    *(_spec("Sentinels", row, "sentinel_") for row in (*_LOGIN, *_TLS)),
)

OPTIONS: Mapping[str, OptionSpec] = MappingProxyType({spec.name: spec for spec in _SPECS})


def describe_options() -> list[OptionSpec]:
    """Every option, in the order of the documentation."""
    return list(_SPECS)
