"""What to say about an option that does not exist: what replaces it, or which one was meant."""

from __future__ import annotations

import re
from collections.abc import Collection
from difflib import get_close_matches

from ha_manager.errors import ConfigurationError

__all__ = ["REPLACED", "unknown_option"]

_RETRIES = "commands are retried until failover_timeout; in_doubt='retry' repeats those in doubt as well"
_LIVENESS = "heartbeat finds silent connections"
_POOL = "pools are made by the manager; size them with poolsize and max_connections"
_REFRESH = "the map of the cluster is fetched anew when a node redirects; see refresh_triggers"
_SEEDS = "all known nodes are asked, and startup_nodes among them"
_ROUTING = "commands are routed as their servers describe them; docs/commands.md lists where each goes"
_REPLICAS = "use read_from='prefer_replica', or 'replica' for replicas alone"
_HANDSHAKE = "the handshake is fixed; use client_name, db, protocol and the credentials"

# Options of redis-py and other clients that mean nothing here, and what serves their purpose.
REPLACED = {
    "auto_close_connection_pool": "close the manager itself, with aclose() or async with",
    "address_remap": "use address_map",
    "cache": "client-side caching is not in this version",
    "cache_config": "client-side caching is not in this version",
    "check_connection": _LIVENESS,
    "client_az": "use availability_zone, with read_from='same_zone'",
    "cluster_down_retry_attempts": _RETRIES,
    "cluster_error_retry_attempts": _RETRIES,
    "connection_class": "use ssl=True, or unix_socket_path",
    "connection_error_retry_attempts": _RETRIES,
    "connection_pool": _POOL,
    "connection_pool_class": _POOL,
    "driver_info": "use lib_name and lib_version",
    "dynamic_startup_nodes": _SEEDS,
    "event_dispatcher": "use credential_provider for changing credentials",
    "force_master_ip": "use address_map",
    "health_check_interval": _LIVENESS,
    "host_port_remap": "use address_map",
    "init_slot_cache": _REFRESH,
    "legacy_responses": "replies have redis-py's usual types; protocol=3 chooses RESP3",
    "load_balancing_strategy": (
        "use read_from: 'replica' or 'prefer_replica' for replicas in turn, 'nearest', or a function"
    ),
    "maint_notifications_config": (
        "failovers are followed through Sentinels, or the cluster's own nodes; see refresh_triggers"
    ),
    "master_name": "use cluster_name",
    "max_connections_per_node": "max_connections is the bound for each node",
    "min_other_sentinels": "all Sentinels are asked and the highest config-epoch wins",
    "nodemanager_follow_cluster": _SEEDS,
    "non_atomic_cross_slot": "use cross_slot",
    "path": "use unix_socket_path",
    "policy_resolver": _ROUTING,
    "read_from_replicas": _REPLICAS,
    "readonly_mode": _REPLICAS,
    "redis_connect_func": _HANDSHAKE,
    "reinitialize_steps": _REFRESH,
    "retry": _RETRIES,
    "retry_on_error": _RETRIES,
    "retry_on_timeout": _RETRIES,
    "sentinel_kwargs": (
        "give its items as options of their own: sentinel_username, sentinel_password, sentinel_ssl, "
        "sentinel_ssl_ca_certs and so on"
    ),
    "service_name": "use cluster_name",
    "single_connection_client": "use poolsize=1; blocking commands lease connections of their own",
    "skip_full_coverage_check": "use require_full_coverage, which is False by default",
    "socket_read_size": "the read buffer sizes itself",
    "socket_type": "use host and port, or unix_socket_path",
    "timeout": "use failover_timeout, the longest wait for a usable node, or command_timeout",
    "url": "give URLs to ConnectionManager.from_url",
}

_SHOWABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,40}")


def unknown_option(name: str, known: Collection[str]) -> ConfigurationError:
    """The error for the option ``name``, which is none of ``known``."""
    if name in REPLACED:
        return ConfigurationError(
            f"{name} is an option of other clients and not one of ha_manager: {REPLACED[name]}"
        )
    label = name if _SHOWABLE_NAME.fullmatch(name) else "an option with a name that is no identifier"
    if close := get_close_matches(name, known, n=1, cutoff=0.6):
        return ConfigurationError(f"unknown option: {label}; did you mean {close[0]}?")
    return ConfigurationError(f"unknown option: {label}; docs/options.md lists those that exist")
