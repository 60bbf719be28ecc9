"""Where a server listens: a host and a port, or the path of a Unix socket."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple, Self

from ha_manager.config.wording import wrong
from ha_manager.errors import ConfigurationError

__all__ = ["Endpoint", "check_host", "check_port"]

_NOT_IN_A_HOST = re.compile(r"[\s\x00-\x1f\x7f/\\@?#,\[\]\"']")


class Endpoint(NamedTuple):
    """The address of one server.

    Attributes:
        host: a host name or IP address (IPv6 without brackets), or the absolute path of a Unix socket.
        port: the TCP port, 1 to 65535; 0 for a Unix socket.
    """

    host: str
    port: int

    @property
    def is_unix(self) -> bool:
        """Whether this is the path of a Unix socket."""
        return self.host.startswith("/")

    def __str__(self) -> str:
        if self.is_unix:
            return self.host
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, value: object, *, option: str, default_port: int) -> Self:
        """Read one TCP address as users write it.

        Args:
            value: an ``Endpoint``, a ``(host, port)`` pair, or ``"host:port"``, ``"host"``,
                ``"[::1]:26379"``, ``"::1"``.
            option: the option that the value was given for; errors name it.
            default_port: the port of an address that is written without one.

        Raises:
            ConfigurationError: the value is not an address.
        """
        if isinstance(value, str):
            host, port = _split(value, option, default_port)
        elif isinstance(value, tuple | list) and len(value) == 2:
            host, port = value
        else:
            raise wrong(option, value, 'an address is ("host", port) or "host:port"')
        return cls(check_host(option, host), check_port(option, port))


def check_host(option: str, value: object) -> str:
    """Return ``value`` as a host without brackets, or raise a ConfigurationError naming ``option``."""
    if not isinstance(value, str):
        raise wrong(option, value, "the host must be a string")
    if value.startswith("/"):
        raise wrong(option, value, "a Unix socket is given as unix_socket_path=... or by a unix:// URL")
    if "://" in value:
        raise ConfigurationError(
            f"{option} holds a URL where a host belongs: give the URL to ConnectionManager.from_url"
        )
    bracketed = value.startswith("[") and value.endswith("]")
    host = value[1:-1] if bracketed else value
    if not host:
        raise wrong(option, value, "the host is empty; write its name or IP address")
    if _NOT_IN_A_HOST.search(host):
        raise wrong(option, value, "a host name holds no space, slash, bracket, comma, quote, @, ? or #")
    if (bracketed or ":" in host) and not _is_ipv6(host):
        raise wrong(option, value, "only an IPv6 address has colons or brackets; give the port separately")
    return host


def check_port(option: str, value: object) -> int:
    """Return ``value`` as a port number, or raise a ConfigurationError naming ``option``."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 5:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 65535:
        raise wrong(option, value, "the port must be a whole number from 1 to 65535")
    return int(value)


def _split(text: str, option: str, default_port: int) -> tuple[str, str | int]:
    if text.startswith("[") and "]" in text:
        host, _, rest = text[1:].partition("]")
        if rest and not rest.startswith(":"):
            raise wrong(option, text, 'an IPv6 address with a port is written "[::1]:26379"')
        return f"[{host}]", rest[1:] if rest else default_port
    # A bare IPv6 address is all colons: only what is no address as a whole has a port behind its last colon.
    if ":" not in text or "://" in text or _is_ipv6(text):
        return text, default_port
    host, _, port = text.rpartition(":")
    return host, port


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
