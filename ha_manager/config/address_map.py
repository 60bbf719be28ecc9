"""The address_map option: from the addresses that servers announce to those that can be reached."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from ha_manager.config.endpoint import Endpoint
from ha_manager.config.options import AddressMap
from ha_manager.config.wording import shown, wrong
from ha_manager.errors import ConfigurationError

__all__ = ["address_map"]

_REDIS_PORT = 6379


def address_map(name: str, value: Any) -> AddressMap:
    """Turn a mapping or a function into one function; what a mapping does not list stays as it is."""
    if isinstance(value, Mapping):
        return _by_table(name, value)
    # A class is callable as well, but what it returns is an instance, hardly an address.
    if callable(value) and not isinstance(value, type) and not inspect.iscoroutinefunction(value):
        return _by_function(name, value)
    raise wrong(name, value, "it must be a dict of addresses, or a plain function of one (host, port) tuple")


def _by_table(name: str, table: Mapping[Any, Any]) -> AddressMap:
    def parse(value: Any) -> Endpoint:
        return Endpoint.parse(value, option=name, default_port=_REDIS_PORT)

    known = {parse(announced): parse(reachable) for announced, reachable in table.items()}
    return lambda endpoint: known.get(endpoint, endpoint)


def _by_function(name: str, function: Callable[[Any], Any]) -> AddressMap:
    def translate(endpoint: Endpoint) -> Endpoint:
        try:
            answer = function(endpoint)
        except Exception as error:
            raise ConfigurationError(f"{name} raised {type(error).__name__} for {endpoint}") from error
        if not isinstance(answer, tuple | list) or len(answer) != 2:
            raise ConfigurationError(f"{name} returned {shown(answer)} for {endpoint}; return (host, port)")
        return Endpoint.parse(answer, option=f"{name} of {endpoint}", default_port=endpoint.port)

    return translate
