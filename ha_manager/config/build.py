"""From what a user wrote to ``Options``: known names, each value checked, no contradictions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from ha_manager.config.contradictions import refuse_contradictions
from ha_manager.config.endpoint import Endpoint
from ha_manager.config.hints import unknown_option
from ha_manager.config.options import Credentials, NodeOptions, Options, sentinel_defaults
from ha_manager.config.table import OPTIONS, TLS_FIELDS
from ha_manager.config.tls import TLSOptions

__all__ = ["build_options", "check_values", "left_out"]

# Option names that differ from the field that they fill.
_RENAMED = {
    "socket_connect_timeout": "connect_timeout",
    "socket_keepalive": "keepalive",
    "socket_keepalive_options": "keepalive_options",
    "socket_timeout": "command_timeout",
}
_TOP_FIELDS = frozenset(field.name for field in fields(Options))
_NODE_FIELDS = frozenset(field.name for field in fields(NodeOptions))
# What a Sentinel connection has in common with that to a node; the rest is fixed or has its own options.
_SHARED_FIELDS = frozenset(
    {
        "client_name",
        "protocol",
        "connect_timeout",
        "keepalive",
        "keepalive_options",
        "lib_name",
        "lib_version",
    }
)


def build_options(kwargs: Mapping[str, Any]) -> Options:
    """Validate everything that was given to ``ConnectionManager.create``.

    TLS files are read here, so that a missing one is reported before any connection is tried.

    Args:
        kwargs: the options by name; ``docs/options.md`` lists them.

    Raises:
        ConfigurationError: an option is unknown, cannot be used, or contradicts another.
    """
    given = check_values(kwargs)
    refuse_contradictions(given)
    settings = {_RENAMED.get(name, name): value for name, value in given.items()}
    node = {name: value for name, value in settings.items() if name in _NODE_FIELDS}
    top = {name: value for name, value in settings.items() if name in _TOP_FIELDS}
    tls = _tls(given, "")
    shared = {name: value for name, value in node.items() if name in _SHARED_FIELDS}
    return Options(
        **top,
        server=_server(given),
        node=NodeOptions(**node, credentials=_credentials(given, ""), tls=tls),
        sentinel=replace(
            sentinel_defaults(),
            **shared,
            credentials=_credentials(given, "sentinel_"),
            tls=_sentinel_tls(given, tls),
        ),
    )


def check_values(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were really given, each as its check returns it.

    Raises:
        ConfigurationError: an option is unknown or its value cannot be used.
    """
    given = {}
    for name, value in kwargs.items():
        spec = OPTIONS.get(name)
        if spec is None:
            raise unknown_option(name, OPTIONS)
        if not left_out(name, value):
            given[name] = spec.check(name, value)
    return given


def left_out(name: str, value: object) -> bool:
    """Whether ``name=value`` says nothing: it is None, and the known option is None by default."""
    return value is None and name in OPTIONS and OPTIONS[name].default is None


def _server(given: Mapping[str, Any]) -> Endpoint | None:
    if "sentinels" in given or "startup_nodes" in given:
        return None
    if "unix_socket_path" in given:
        return Endpoint(given["unix_socket_path"], 0)
    return Endpoint(given.get("host", "localhost"), given.get("port", 6379))


def _credentials(given: Mapping[str, Any], prefix: str) -> Credentials:
    return Credentials(
        username=given.get(f"{prefix}username"),
        password=given.get(f"{prefix}password"),
        provider=given.get(f"{prefix}credential_provider"),
    )


def _tls(given: Mapping[str, Any], prefix: str) -> TLSOptions | None:
    if not given.get(f"{prefix}ssl", False):
        return None
    start = f"{prefix}ssl_"
    details = {name: given[start + name] for name in TLS_FIELDS if start + name in given}
    tls = TLSOptions(**details, given_context=given.get(f"{start}context"), prefix=start)
    tls.context()
    return tls


def _sentinel_tls(given: Mapping[str, Any], node: TLSOptions | None) -> TLSOptions | None:
    # All or nothing: a certificate of the nodes and a key of the Sentinels would be no pair.
    speaks_tls = given.get("sentinel_ssl", False)
    if speaks_tls and node is not None and not any(name.startswith("sentinel_ssl_") for name in given):
        return node
    return _tls(given, "sentinel_")
