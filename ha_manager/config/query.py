"""The query part of a URL: options by name, cast to their types."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_plus

from ha_manager.config.hints import unknown_option
from ha_manager.config.table import OPTIONS, OptionSpec
from ha_manager.errors import ConfigurationError

__all__ = ["query_options"]

_IN_THE_ADDRESS = frozenset(
    {"cluster_name", "sentinels", "startup_nodes", "host", "port", "unix_socket_path"}
)


def query_options(query: str) -> dict[str, Any]:
    """The options in ``name=value&name=value``, cast but not checked.

    Raises:
        ConfigurationError: an option is unknown, repeated, has no usable value or belongs elsewhere.
            The message never holds a value.
    """
    found: dict[str, Any] = {}
    behind_secret = False
    for position, item in enumerate(filter(None, query.split("&")), start=1):
        name, equals, text = item.partition("=")
        spec = OPTIONS.get(name)
        if spec is None and behind_secret:
            # It may be the second half of a password with an & in it.
            raise ConfigurationError(
                f"parameter {position} of the URL's query is no option; an '&' in a password is written %26"
            )
        if spec is None:
            raise unknown_option(name, OPTIONS)
        if name in found:
            raise ConfigurationError(f"{name} is given twice in the URL's query: give it once")
        if not equals or not text:
            raise ConfigurationError(f"{name} has no value in the URL's query: give it one or leave it out")
        found[name] = _cast(spec, text)
        behind_secret = behind_secret or spec.secret
    return found


def _cast(spec: OptionSpec, text: str) -> object:
    if spec.name in _IN_THE_ADDRESS:
        raise ConfigurationError(
            f"{spec.name} does not belong in the URL's query: write it into the URL's address and path"
        )
    if spec.cast is None:
        raise ConfigurationError(f"{spec.name} cannot be written in a URL: pass it as a keyword")
    try:
        # A form encodes a space as '+', and redis-py reads it so; a plus itself is %2B.
        return spec.cast(unquote_plus(text, errors="strict"))
    except ValueError:
        pass
    raise ConfigurationError(f"{spec.name} in the URL's query cannot be read: it takes {spec.type}")
