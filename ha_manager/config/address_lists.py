"""The checks of the options that list servers, in the shape of those in ``checks``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ha_manager.config.endpoint import Endpoint
from ha_manager.config.wording import wrong

__all__ = ["sentinel_list", "startup_nodes"]


def sentinel_list(name: str, value: Any) -> tuple[Endpoint, ...]:
    """The addresses of the Sentinels, each once, in the given order."""
    example = '[("10.0.0.1", 26379), ("10.0.0.2", 26379)]'
    return _parsed(name, _items(name, value, "Sentinel", example), 26379)


def startup_nodes(name: str, value: Any) -> tuple[Endpoint, ...]:
    """The addresses of the first nodes of a cluster, each once, in the given order.

    Besides addresses, it takes any object with ``host`` and ``port``, such as redis-py's ClusterNode.
    """
    items = _items(name, value, "node of the cluster", '[("10.0.0.1", 6379), ("10.0.0.2", 6379)]')
    return _parsed(name, map(_node_address, items), 6379)


def _items(name: str, value: Any, kind: str, example: str) -> tuple[Any, ...]:
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise wrong(name, value, f"it must be a list of addresses, such as {example}")
    given = tuple(value)
    if len(given) == 2 and isinstance(given[0], str) and isinstance(given[1], int):
        raise wrong(name, given, f"one address is not a list; wrap it in brackets, such as {example}")
    if not given:
        raise wrong(name, given, f"give the address of at least one {kind}, such as {example}")
    return given


def _parsed(name: str, items: Iterable[Any], default_port: int) -> tuple[Endpoint, ...]:
    return tuple(
        dict.fromkeys(Endpoint.parse(item, option=name, default_port=default_port) for item in items)
    )


def _node_address(item: Any) -> Any:
    return (item.host, item.port) if hasattr(item, "host") and hasattr(item, "port") else item
