"""Reads what Sentinels say of a deployment, and judges it. No I/O."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from redis.exceptions import ResponseError

from ha_manager.sandbox.admin import Reply

__all__ = [
    "Endpoint",
    "Role",
    "SentinelView",
    "Sighting",
    "complaints",
    "questions",
    "read_role",
    "read_view",
]

Endpoint = tuple[str, int]

_TROUBLE = frozenset({"s_down", "o_down", "disconnected", "failover_in_progress", "force_failover"})


@dataclass(frozen=True, slots=True)
class Role:
    """What a data server says of itself: its role, and a replica's primary and link to it."""

    name: str
    follows: Endpoint | None = None
    linked: bool = False


@dataclass(frozen=True, slots=True)
class Sighting:
    """One server as a Sentinel sees it: its flags, and for a replica its link to the primary."""

    flags: frozenset[str]
    link: str = ""


@dataclass(frozen=True, slots=True)
class SentinelView:
    """What one Sentinel believes.

    Attributes:
        primary: the address that it gives out.
        epoch: its configuration epoch of that address; a higher one is newer.
        flags: of the primary, e.g. ``master`` or ``s_down``.
        replicas: by address.
        others: the other Sentinels, by address.
    """

    primary: Endpoint
    epoch: int
    flags: frozenset[str]
    replicas: Mapping[Endpoint, Sighting]
    others: Mapping[Endpoint, Sighting]


def questions(name: str) -> tuple[tuple[str, ...], ...]:
    """The commands whose replies `read_view` reads."""
    return (
        ("SENTINEL", "MASTER", name),
        ("SENTINEL", "REPLICAS", name),
        ("SENTINEL", "SENTINELS", name),
        # During a failover MASTER names the old primary, though under the new epoch.
        ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name),
    )


def read_view(replies: Sequence[Reply]) -> SentinelView | None:
    """The replies to `questions` as a view; None if the Sentinel does not know the name."""
    if any(isinstance(reply, ResponseError) for reply in replies):
        return None
    primary, replicas, others, address = replies
    fields = _fields(primary)
    return SentinelView(
        primary=_pair(address),
        epoch=int(fields.get("config-epoch", 0)),
        flags=_flags(fields),
        replicas=_sightings(replicas),
        others=_sightings(others),
    )


def read_role(reply: Reply) -> Role:
    """A reply to ROLE."""
    match reply:
        case ["master", *_]:
            return Role("master")
        case ["slave", str(host), int(port), str(state), *_]:
            return Role("slave", (host, port), linked=state == "connected")
    return Role("unknown")


def complaints(
    view: SentinelView | None,
    primary: Endpoint,
    replicas: Collection[Endpoint],
    others: Collection[Endpoint],
) -> list[str]:
    """What keeps a Sentinel's view from being healthy, in words; empty when it is."""
    if view is None:
        return ["does not answer, or does not know the name"]
    if view.primary != primary:
        return [f"names {_text(view.primary)} as primary"]
    found = [f"sees the primary as {','.join(sorted(view.flags))}"] if view.flags != {"master"} else []
    for kind, expected, seen in (("replica", replicas, view.replicas), ("Sentinel", others, view.others)):
        faults = {endpoint: _fault(seen.get(endpoint)) for endpoint in expected}
        found += [f"{fault} {kind} {_text(endpoint)}" for endpoint, fault in faults.items() if fault]
    return found


def _fault(sighting: Sighting | None) -> str:
    if sighting is None:
        return "does not know"
    if trouble := sighting.flags & _TROUBLE:
        return f"sees {','.join(sorted(trouble))} on"
    if sighting.link not in ("", "ok"):
        return f"sees no link ({sighting.link}) on"
    return ""


def _sightings(reply: Reply) -> dict[Endpoint, Sighting]:
    entries = [_fields(entry) for entry in reply] if isinstance(reply, list) else []
    return {
        _address(fields): Sighting(_flags(fields), fields.get("master-link-status", "")) for fields in entries
    }


def _fields(reply: Reply) -> dict[str, str]:
    flat = [str(item) for item in reply] if isinstance(reply, list) else []
    return dict(zip(flat[::2], flat[1::2], strict=False))


def _address(fields: Mapping[str, str]) -> Endpoint:
    return fields.get("ip", ""), int(fields.get("port", 0))


def _pair(reply: Reply) -> Endpoint:
    match reply:
        case [str(host), str(port)]:
            return host, int(port)
    return "", 0


def _flags(fields: Mapping[str, str]) -> frozenset[str]:
    return frozenset(fields.get("flags", "").split(","))


def _text(endpoint: Endpoint) -> str:
    return f"{endpoint[0]}:{endpoint[1]}"
