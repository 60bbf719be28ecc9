"""Replies about a cluster's topology, in every form in which a server or a parser hands them over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ha_manager.config import Endpoint

ASKED = Endpoint("10.0.0.9", 7009)

Form = Callable[[Any], Any]


def _flat(reply: Any) -> Any:
    """RESP2: a map is a flat list of names and values."""
    if isinstance(reply, Mapping):
        return [part for name, value in reply.items() for part in (name, _flat(value))]
    return [_flat(item) for item in reply] if isinstance(reply, list) else reply


def _bytes(reply: Any) -> Any:
    """Not decoded."""
    if isinstance(reply, Mapping):
        return {_bytes(name): _bytes(value) for name, value in reply.items()}
    if isinstance(reply, list):
        return [_bytes(item) for item in reply]
    return reply.encode() if isinstance(reply, str) else reply


FORMS: dict[str, Form] = {
    "RESP3 text": lambda reply: reply,
    "RESP3 bytes": _bytes,
    "RESP2 text": _flat,
    "RESP2 bytes": lambda reply: _bytes(_flat(reply)),
}


def node(port: int, role: str = "master", /, **more: Any) -> dict[str, Any]:
    """A node of CLUSTER SHARDS; ``tls_port=`` gives its ``tls-port``, and ``...`` takes a field away."""
    entry: dict[str, Any] = {
        "id": f"id{port}",
        "port": port,
        "ip": "10.0.0.1",
        "endpoint": "10.0.0.1",
        "role": role,
        "replication-offset": 0,
        "health": "online",
    }
    entry |= {name.replace("_", "-"): value for name, value in more.items()}
    return {name: value for name, value in entry.items() if value is not ...}


def shard(*nodes: dict[str, Any], slots: tuple[int, ...] = (0, 16383), **more: Any) -> dict[str, Any]:
    """A shard of CLUSTER SHARDS."""
    return {"slots": list(slots), "nodes": list(nodes), **more}
