"""The URLs that a deployment can be written as. No error repeats any part of one but option names.

A malformed URL may have its password anywhere: behind a ``/`` that should have been percent-encoded it
looks like a path, and without an ``@`` like a port. So errors say which part is wrong and never show it,
and they are raised outside of ``except`` blocks, because the exception handled there holds the text too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple
from urllib.parse import unquote

from ha_manager.config.build import build_options, check_values, left_out
from ha_manager.config.checks import Check, service_name
from ha_manager.config.endpoint import check_host, check_port
from ha_manager.config.options import Options
from ha_manager.config.query import query_options
from ha_manager.errors import ConfigurationError

__all__ = ["options_from_url"]

_SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster")
_FORMS = "the schemes are " + ", ".join(f"{scheme}://" for scheme in _SCHEMES)
_UNWRITABLE = re.compile(r"[\s\x00-\x1f\x7f]")


class _Parts(NamedTuple):
    scheme: str
    userinfo: str
    hosts: str
    path: str
    query: str


class _Kind(NamedTuple):
    """A kind of server that a URL lists."""

    name: str
    port: int
    example: str


_SENTINELS = _Kind("a Sentinel", 26379, "redis+sentinel://host1:26379,host2:26379/service")
_NODES = _Kind("a node", 6379, "redis+cluster://host1:6379,host2:6379")


def options_from_url(url: str, overrides: Mapping[str, Any]) -> Options:
    """Read a URL, add keyword options, and validate the whole.

    Args:
        url: ``redis://``, ``rediss://``, ``unix://``, ``redis+sentinel://``, ``rediss+sentinel://``,
            ``redis+cluster://`` or ``rediss+cluster://``.
        overrides: further options; one that the URL gives as well must have the same value.

    Raises:
        ConfigurationError: the URL is malformed, contradicts a keyword, or its options cannot be used.
    """
    parts = _split(url)
    written = _login(parts.userinfo)
    if parts.scheme == "unix":
        written |= _unix(parts)
    elif parts.scheme.endswith("+sentinel"):
        written |= _sentinels(parts)
    elif parts.scheme.endswith("+cluster"):
        written |= _cluster(parts)
    else:
        written |= _server(parts)
    query = query_options(parts.query)
    written |= _implied_tls(parts.scheme, query)
    keywords = {name: value for name, value in overrides.items() if not left_out(name, value)}
    options = _merged(_merged(written, query, "its query"), keywords, "a keyword")
    if parts.scheme in ("redis", "rediss"):
        options.setdefault("host", "localhost")
    return build_options(options)


def _split(url: Any) -> _Parts:
    if not isinstance(url, str):
        raise ConfigurationError(f"the URL must be a str, not {type(url).__name__}")
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.lower() not in _SCHEMES:
        raise _unknown_scheme(scheme if separator else "")
    if _UNWRITABLE.search(url):
        raise ConfigurationError("the URL holds a space or control character: percent-encode it (%20)")
    rest, _, fragment = rest.partition("#")
    rest, _, query = rest.partition("?")
    authority, slash, path = rest.partition("/")
    if fragment or "#" in url or "@" in slash + path + query:
        raise ConfigurationError(
            "the URL has a '#', or an '@' behind its address: percent-encode '/', '?', '#' and '@' in a user "
            "name, password, path or query value (%2F, %3F, %23, %40)"
        )
    userinfo, _, hosts = authority.rpartition("@")
    return _Parts(scheme.lower(), userinfo, hosts, slash + path, query)


def _unknown_scheme(scheme: str) -> ConfigurationError:
    close = get_close_matches(scheme.lower(), _SCHEMES, n=1)
    meant = f"; did you mean {close[0]}://?" if close else ""
    return ConfigurationError(f"the URL does not begin with a known scheme: {_FORMS}{meant}")


def _login(userinfo: str) -> dict[str, Any]:
    user, _, password = userinfo.partition(":")
    found = {"username": _decoded(user, "user name"), "password": _decoded(password, "password")}
    return {name: value for name, value in found.items() if value}


def _server(parts: _Parts) -> dict[str, Any]:
    if "," in parts.hosts:
        raise ConfigurationError(
            f"{parts.scheme}:// takes one host: several Sentinels are "
            f"{parts.scheme}+sentinel://h1,h2/service, several cluster nodes {parts.scheme}+cluster://h1,h2"
        )
    host, port = _address(parts.hosts)
    found: dict[str, Any] = {"host": host} if host else {}
    if port is not None:
        found["port"] = port
    remedy = f"a service name belongs to {parts.scheme}+sentinel://"
    return found | _database(parts.path.removeprefix("/").removesuffix("/"), remedy)


def _unix(parts: _Parts) -> dict[str, Any]:
    if parts.hosts or not parts.path.strip("/"):
        raise ConfigurationError("a unix:// URL needs an absolute path: unix:///path/to.sock, three slashes")
    return {"unix_socket_path": _decoded(parts.path, "path")}


def _sentinels(parts: _Parts) -> dict[str, Any]:
    service, _, database = parts.path.removeprefix("/").partition("/")
    found: dict[str, Any] = {"sentinels": _several(parts.hosts, _SENTINELS)}
    if service:
        found["cluster_name"] = _decoded(service, "service name")
        if not _accepts(service_name, found["cluster_name"]):
            raise ConfigurationError("the service name in the URL holds spaces or control characters")
    return found | _database(database.removesuffix("/"), "a Sentinel URL ends in /service/db")


def _cluster(parts: _Parts) -> dict[str, Any]:
    remedy = "a cluster has no service name, its URL ends in /db"
    database = _database(parts.path.removeprefix("/").removesuffix("/"), remedy)
    return {"startup_nodes": _several(parts.hosts, _NODES)} | database


def _several(hosts: str, kind: _Kind) -> list[tuple[str, int]]:
    addresses = [_address(text) for text in hosts.split(",")]
    if not all(host for host, _ in addresses):
        raise ConfigurationError(f"{kind.name} in the URL has no host: write {kind.example}")
    return [(host, kind.port if port is None else port) for host, port in addresses]


def _address(text: str) -> tuple[str, int | None]:
    # Brackets first: the colons of an IPv6 address do not begin a port.
    match = re.fullmatch(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::([0-9]{0,5}))?", text, re.ASCII)
    if match is not None:
        host = _decoded(match[1], "host")
        port = int(match[2]) if match[2] else None
        if (not host or _accepts(check_host, host)) and (port is None or _accepts(check_port, port)):
            return host, port
    raise ConfigurationError(
        "an address in the URL is not host:port with a port from 1 to 65535: write IPv6 as [::1]:6379, "
        "a password as :PASSWORD@host, and percent-encode '/', '?', '#' and '@' in it"
    )


def _database(text: str, remedy: str) -> dict[str, Any]:
    if not text:
        return {}
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise ConfigurationError(f"the database in the URL's path is not a whole number; {remedy}")
    return {"db": int(text)}


def _implied_tls(scheme: str, query: Mapping[str, Any]) -> dict[str, Any]:
    if scheme in ("rediss", "rediss+cluster"):
        return {"ssl": True}
    if scheme == "rediss+sentinel":
        # Only here may the query overrule the scheme, to have TLS on one side alone.
        return {"ssl": query.get("ssl", True), "sentinel_ssl": query.get("sentinel_ssl", True)}
    return {}


def _accepts(check: Check, value: object) -> bool:
    # The check's own error would show the value.
    try:
        check("", value)
    except ConfigurationError:
        return False
    return True


def _decoded(text: str, part: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        pass
    raise ConfigurationError(f"the {part} in the URL is not UTF-8 behind its percent signs")


def _merged(written: Mapping[str, Any], added: Mapping[str, Any], where: str) -> dict[str, Any]:
    for name in sorted(written.keys() & added.keys()):
        if check_values({name: written[name]}) != check_values({name: added[name]}):
            raise ConfigurationError(
                f"{name} is given by the URL and, with another value, by {where}: give it in one place"
            )
    return {**written, **added}
