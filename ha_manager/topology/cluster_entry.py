"""One node's entry in CLUSTER SHARDS or CLUSTER SLOTS: where it is reached, and what state it is in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ha_manager.config import Endpoint
from ha_manager.config.endpoint import check_host
from ha_manager.errors import ConfigurationError
from ha_manager.topology.model import NodeInfo, Role
from ha_manager.topology.replies import BadReplyError

# Servers count in 64 bits; more digits are nonsense, and int() would refuse thousands of them.
_WHOLE = re.compile(r"[0-9]{1,20}")
_LARGEST = 2**63 - 1
_ROLES = {"master": Role.PRIMARY, "primary": Role.PRIMARY, "replica": Role.REPLICA, "slave": Role.REPLICA}
_UNKNOWN_HOSTNAME = "?"
"""Stands for the endpoint of a node that should be reached by its hostname and announces none."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One node of a shard in CLUSTER SHARDS.

    Attributes:
        node: its address and role.
        online: it is neither failed nor still loading its data.
        failed: the cluster holds it to be down.
        offset: how far it has come in the replication stream.
    """

    node: NodeInfo
    online: bool
    failed: bool
    offset: int


def shard_entry(reply: Any, asked: Endpoint, *, tls: bool) -> Entry | None:
    """Read a node of CLUSTER SHARDS; ``None`` if it has no port for our kind of connection.

    Raises:
        BadReplyError: it is not in the documented form.
    """
    found = mapping(reply)
    port = _port(_port_given(found, tls=tls))
    role = _ROLES.get(string(found.get("role")))
    if role is None:
        raise BadReplyError("a node of the cluster is neither master nor replica")
    host = _host(found, asked)
    if port is None:
        return None
    health = text_or_empty(found.get("health")) or "online"
    return Entry(
        node=NodeInfo(Endpoint(host, port), role, text_or_empty(found.get("id")), _zone(found)),
        online=health == "online",
        failed=health.startswith("fail"),
        offset=whole(found.get("replication-offset", 0), most=_LARGEST),
    )


def slot_entry(reply: Any, role: Role, asked: Endpoint) -> NodeInfo | None:
    """Read a node of CLUSTER SLOTS; ``None`` if it has no port for our kind of connection.

    Raises:
        BadReplyError: it is not in the documented form.
    """
    parts = listing(reply)
    if len(parts) < 2:
        raise BadReplyError("a node of the cluster without host and port")
    found = mapping(parts[3]) if len(parts) > 3 else {}
    host = _host({**found, "endpoint": parts[0]}, asked)
    port = _port(parts[1])
    node_id = text_or_empty(parts[2]) if len(parts) > 2 else ""
    return None if port is None else NodeInfo(Endpoint(host, port), role, node_id, _zone(found))


def _port_given(found: Mapping[str, Any], *, tls: bool) -> Any:
    if tls and "tls-port" in found:
        return found["tls-port"]
    return found.get("port", 0)


def _port(value: Any) -> int | None:
    """A server writes 0 for a kind of connection that a node does not take."""
    return whole(value, most=65535) or None


def _zone(found: Mapping[str, Any]) -> str:
    return text_or_empty(found.get("availability-zone"))


def _host(found: Mapping[str, Any], asked: Endpoint) -> str:
    """What to connect to: the preferred host; nil and empty say that it is the host which answered.

    Only where the server has no preference, or prefers a hostname that it does not know, are the
    hostname and then the IP address taken.
    """
    told = text_or_empty(found.get("endpoint"))
    if "endpoint" in found and told != _UNKNOWN_HOSTNAME:
        return plain_host(told) if told else asked.host
    other = text_or_empty(found.get("hostname")) or text_or_empty(found.get("ip"))
    return plain_host(other) if other else asked.host


# The same hosts come in every reply; to check them anew took half of the time of parsing.
@lru_cache(maxsize=4096)
def plain_host(host: str) -> str:
    """Return a name or an IP address without brackets; refuse what cannot be one."""
    try:
        return check_host("host", host)
    except ConfigurationError:
        pass
    raise BadReplyError("the host of a node is neither a name nor an IP address")


def listing(reply: Any) -> list[Any]:
    """A list, or BadReplyError."""
    if not isinstance(reply, list):
        raise BadReplyError(f"expected a list, got {type(reply).__name__}")
    return reply


def mapping(reply: Any) -> dict[str, Any]:
    """A RESP3 map, or RESP2's flat list of names and values; the values as they came."""
    if isinstance(reply, Mapping):
        return {string(name): value for name, value in reply.items()}
    if isinstance(reply, list) and len(reply) % 2 == 0:
        return {string(name): value for name, value in zip(reply[::2], reply[1::2], strict=True)}
    raise BadReplyError(f"expected a map, got {type(reply).__name__}")


def string(value: Any) -> str:
    """A string, decoded or not. Unlike ``replies.text``, it takes no numbers for strings."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    raise BadReplyError(f"expected a string, got {type(value).__name__}")


def text_or_empty(value: Any) -> str:
    """A string; nil is read as an empty one."""
    return "" if value is None else string(value)


def whole(value: Any, *, most: int) -> int:
    """A whole number from 0 to ``most``, as an integer or in digits."""
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif _WHOLE.fullmatch(digits := string(value)):
        number = int(digits)
    else:
        raise BadReplyError("expected a whole number")
    if not 0 <= number <= most:
        raise BadReplyError("a number is out of range")
    return number
