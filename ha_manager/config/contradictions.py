"""Options that make no sense together, or not without another; each refusal says what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ha_manager.errors import ConfigurationError

__all__ = ["refuse_contradictions"]

_WAYS = (
    "give cluster_name with sentinels=[(host, port), ...], or startup_nodes=[(host, port), ...] for a "
    "cluster, or host (and port), or unix_socket_path; "
    "ConnectionManager.from_url takes them all as one URL"
)


def refuse_contradictions(given: Mapping[str, Any]) -> None:
    """Raise ConfigurationError for the first contradiction among the ``given``, already checked options."""
    _refuse_unclear_deployment(given)
    if given.get("read_from") == "same_zone" and "availability_zone" not in given:
        raise ConfigurationError(
            "read_from='same_zone' is given without availability_zone: add availability_zone=, the zone that "
            "this client runs in, or use read_from='prefer_replica'"
        )
    if "socket_timeout" in given and "command_timeout" in given:
        raise ConfigurationError(
            "command_timeout and socket_timeout are two names of one option: give command_timeout alone"
        )
    for prefix in ("", "sentinel_"):
        _refuse_unclear_login(given, prefix)
        _refuse_unclear_tls(given, prefix)


def _refuse_unclear_deployment(given: Mapping[str, Any]) -> None:
    server = [name for name in ("host", "port", "unix_socket_path") if name in given]
    if "startup_nodes" in given:
        _refuse_other_than_cluster(given, server)
        return
    if "sentinels" in given:
        if server:
            raise ConfigurationError(
                f"{server[0]} and sentinels contradict each other: leave {server[0]} out to ask Sentinels "
                "for the primary, or leave sentinels and cluster_name out to use one server"
            )
        if "cluster_name" not in given:
            raise ConfigurationError(
                "sentinels are given without cluster_name: add cluster_name=, the name that they monitor the "
                "primary under (often 'mymaster')"
            )
        return
    if "cluster_name" in given:
        raise ConfigurationError(
            "cluster_name is given without sentinels: add sentinels=[(host, 26379), ...], or leave "
            "cluster_name out to use one server; a cluster is given as startup_nodes=[(host, 6379), ...]"
        )
    if not server:
        raise ConfigurationError(f"no server is given: {_WAYS}")
    if "unix_socket_path" in given and len(server) > 1:
        raise ConfigurationError(f"{server[0]} and unix_socket_path contradict each other: give one of them")
    _refuse_sentinel_options(given, "leave it out, or add sentinels and cluster_name")


def _refuse_other_than_cluster(given: Mapping[str, Any], server: list[str]) -> None:
    if "sentinels" in given:
        raise ConfigurationError(
            "sentinels and startup_nodes contradict each other: leave sentinels and cluster_name out to use "
            "a cluster, or leave startup_nodes out to ask Sentinels for one primary"
        )
    if "cluster_name" in given:
        raise ConfigurationError(
            "cluster_name and startup_nodes contradict each other: a cluster has no name, leave cluster_name "
            "out; or give sentinels in place of startup_nodes, if Sentinels watch over one primary"
        )
    if server:
        raise ConfigurationError(
            f"{server[0]} and startup_nodes contradict each other: write the address into startup_nodes "
            "to use a cluster, or leave startup_nodes out to use one server"
        )
    _refuse_sentinel_options(
        given,
        "leave it out; the nodes of a cluster are logged in to with username and "
        "password, and need no Sentinels",
    )


def _refuse_sentinel_options(given: Mapping[str, Any], remedy: str) -> None:
    for name, value in given.items():
        if name.startswith("sentinel_") and (name, value) != ("sentinel_ssl", False):
            raise ConfigurationError(f"{name} is given without sentinels: {remedy}")


def _refuse_unclear_login(given: Mapping[str, Any], prefix: str) -> None:
    username, password, provider = (prefix + n for n in ("username", "password", "credential_provider"))
    if provider in given:
        for name in (username, password):
            if name in given:
                raise ConfigurationError(
                    f"{provider} and {name} contradict each other: the provider gives both user and password"
                )
    if username in given and password not in given:
        raise ConfigurationError(
            f"{username} is given without {password}: add {password}=. If what was given is the password, "
            "pass it as such; a URL writes it behind a colon, redis://:PASSWORD@host"
        )


def _refuse_unclear_tls(given: Mapping[str, Any], prefix: str) -> None:
    switch, start = f"{prefix}ssl", f"{prefix}ssl_"
    details = [name for name in given if name.startswith(start)]
    if not given.get(switch, False):
        if details:
            raise ConfigurationError(
                f"{details[0]} is given and TLS is not switched on: add {switch}=True, or leave it out"
            )
        return
    if not prefix and "unix_socket_path" in given:
        raise ConfigurationError("ssl does nothing over unix_socket_path: leave ssl and the ssl_ options out")
    context, keyfile, certfile = (start + n for n in ("context", "keyfile", "certfile"))
    if context in given and len(details) > 1:
        other = next(name for name in details if name != context)
        raise ConfigurationError(
            f"{context} and {other} contradict each other: set up the context with it, and leave {other} out"
        )
    if keyfile in given and certfile not in given:
        raise ConfigurationError(f"{keyfile} is given without {certfile}: add the certificate it belongs to")
