"""Parsing of topology replies: plain functions, the same for RESP2 and RESP3, text or bytes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ha_manager.config import Endpoint

_PORT = re.compile(r"[0-9]{1,5}")


class BadReplyError(ValueError):
    """A server's reply does not have the documented form."""


def text(value: Any) -> str:
    """A reply's string, whether it came decoded or not."""
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", "replace")
    if isinstance(value, str | int | float):
        return str(value)
    raise BadReplyError(f"expected a string, got {type(value).__name__}")


def fields(reply: Any) -> dict[str, str]:
    """A map reply: a RESP3 map, or RESP2's flat array of names and values."""
    if isinstance(reply, Mapping):
        return {text(name): text(value) for name, value in reply.items()}
    if isinstance(reply, list) and len(reply) % 2 == 0:
        return {text(reply[i]): text(reply[i + 1]) for i in range(0, len(reply), 2)}
    raise BadReplyError(f"expected a map, got {type(reply).__name__}")


def list_of_fields(reply: Any) -> list[dict[str, str]]:
    """A list of maps, as in SENTINEL REPLICAS and SENTINEL SENTINELS."""
    if not isinstance(reply, list):
        raise BadReplyError(f"expected a list, got {type(reply).__name__}")
    return [fields(item) for item in reply]


def endpoint(host: str, port: str) -> Endpoint:
    """An address from a reply; refuses an empty host and an impossible port."""
    if not host or not _PORT.fullmatch(port) or not 0 < int(port) < 65536:
        raise BadReplyError(f"not an address: {host!r}, port {port!r}")
    return Endpoint(host, int(port))


def address(reply: Any) -> Endpoint:
    """The pair of SENTINEL GET-MASTER-ADDR-BY-NAME."""
    if not isinstance(reply, list) or len(reply) != 2:
        raise BadReplyError("expected a host and a port")
    return endpoint(text(reply[0]), text(reply[1]))


def endpoint_of(entry: Mapping[str, str]) -> Endpoint:
    """The ``ip`` and ``port`` fields of a Sentinel's entry."""
    try:
        return endpoint(entry["ip"], entry["port"])
    except KeyError as missing:
        raise BadReplyError(f"an entry without {missing}") from None


def number(entry: Mapping[str, str], name: str) -> int:
    """An integer field of a Sentinel's entry."""
    try:
        return int(entry[name])
    except (KeyError, ValueError):
        raise BadReplyError(f"an entry without a number in {name!r}") from None


def role_of(reply: Any) -> str:
    """The first element of ROLE: ``master``, ``slave`` or ``sentinel``."""
    if not isinstance(reply, list) or not reply:
        raise BadReplyError("ROLE did not return a list")
    return text(reply[0])


def replicates(reply: Any) -> Endpoint | None:
    """The primary that a replica's ROLE reply says it follows with its link up, or ``None``."""
    if role_of(reply) != "slave" or len(reply) < 4 or text(reply[3]) != "connected":
        return None
    return endpoint(text(reply[1]), text(reply[2]))


def info_fields(reply: Any) -> dict[str, str]:
    """The ``name:value`` lines of INFO."""
    lines = text(reply).splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line and not line.startswith("#"))
