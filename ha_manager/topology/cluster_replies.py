"""What a cluster's node says of the cluster: CLUSTER SHARDS, CLUSTER SLOTS and CLUSTER INFO.

Plain functions, the same for RESP2 and RESP3, text or bytes. What they return is in one form: slot
ranges sorted and joined, replicas by address, shards by their lowest slot. So two replies that mean
the same give shards that are equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ha_manager.config import Endpoint
from ha_manager.topology import replies
from ha_manager.topology.cluster_entry import (
    Entry,
    listing,
    mapping,
    shard_entry,
    slot_entry,
    string,
    text_or_empty,
    whole,
)
from ha_manager.topology.model import SLOT_COUNT, NodeInfo, Role, Shard
from ha_manager.topology.replies import BadReplyError

_LARGEST_COUNT = 2**64 - 1


@dataclass(frozen=True, slots=True)
class ClusterInfo:
    """What CLUSTER INFO says.

    Attributes:
        state_ok: the node takes commands: ``cluster_state`` is ``ok``.
        current_epoch: the highest configuration epoch that it has seen in the cluster.
        my_epoch: the configuration epoch of its own shard.
        known_nodes: how many nodes it knows, itself among them.
        slots_assigned: how many slots have an owner, whether that works or not.
    """

    state_ok: bool
    current_epoch: int
    my_epoch: int
    known_nodes: int
    slots_assigned: int


def parse_info(reply: Any) -> ClusterInfo:
    """Parse the text of CLUSTER INFO.

    Raises:
        BadReplyError: it is no text, or lacks a field.
    """
    found = replies.info_fields(string(reply))
    if "cluster_state" not in found:
        raise BadReplyError("CLUSTER INFO without cluster_state")
    return ClusterInfo(
        state_ok=found["cluster_state"] == "ok",
        current_epoch=_count(found, "cluster_current_epoch"),
        my_epoch=_count(found, "cluster_my_epoch"),
        known_nodes=_count(found, "cluster_known_nodes"),
        slots_assigned=_count(found, "cluster_slots_assigned"),
    )


def _count(found: Mapping[str, str], name: str) -> int:
    if name not in found:
        raise BadReplyError(f"CLUSTER INFO without {name}")
    return whole(found[name], most=_LARGEST_COUNT)


def parse_shards(reply: Any, asked: Endpoint, *, tls: bool) -> tuple[Shard, ...]:
    """Parse CLUSTER SHARDS.

    Replicas that failed are left out; one that is loading may still be promoted, and stays. A failed
    primary stays, because its slots wait for a promotion. A shard without slots waits for none: without a
    working primary it is left out as a whole, since it is but the trace of a server that was replaced.

    Args:
        reply: the reply, decoded or not.
        asked: the node that answered; its host stands for every host that is not told.
        tls: take the TLS port of each node that has one.

    Raises:
        BadReplyError: the reply does not have the documented form.
    """
    return _ordered(_shard(mapping(item), asked, tls=tls) for item in listing(reply))


def _shard(found: Mapping[str, Any], asked: Endpoint, *, tls: bool) -> Shard | None:
    slots = _joined(_ranges(listing(found.get("slots"))))
    listed = (shard_entry(node, asked, tls=tls) for node in listing(found.get("nodes")))
    entries = [entry for entry in listed if entry is not None]
    primary = _leading(entry for entry in entries if entry.node.role is Role.PRIMARY)
    if not slots and (primary is None or primary.failed):
        return None
    replicas = (entry.node for entry in entries if entry.node.role is Role.REPLICA and not entry.failed)
    return _assembled(primary.node if primary else None, replicas, slots, text_or_empty(found.get("id")))


def _leading(primaries: Iterable[Entry]) -> Entry | None:
    """Of two primaries in one shard, one was just promoted: the other has failed, or lags behind."""
    return max(primaries, key=lambda entry: (entry.online, not entry.failed, entry.offset), default=None)


def parse_slots(reply: Any, asked: Endpoint, *, tls: bool) -> tuple[Shard, ...]:
    """Parse CLUSTER SLOTS, which tells neither shards without slots nor the health of a node.

    Args:
        reply: the reply, decoded or not.
        asked: the node that answered; its host stands for every host that is not told.
        tls: changes nothing: the server itself gives the port for the kind of connection that asked.

    Raises:
        BadReplyError: the reply does not have the documented form.
    """
    del tls
    owners: dict[Any, _Owner] = {}
    for item in listing(reply):
        entry = listing(item)
        if len(entry) < 3:
            raise BadReplyError("a range of slots without a node")
        primary = slot_entry(entry[2], Role.PRIMARY, asked)
        replicas = [slot_entry(node, Role.REPLICA, asked) for node in entry[3:]]
        # A primary that we have no way to reach leaves its replicas to tell the shards apart.
        owner = owners.setdefault(primary or tuple(replicas), _Owner(primary))
        owner.slots.append(_range(entry[0], entry[1]))
        owner.replicas.update(node for node in replicas if node is not None)
    return _ordered(_assembled(o.primary, o.replicas, _joined(o.slots)) for o in owners.values())


@dataclass(slots=True)
class _Owner:
    """What the lines about one primary add up to."""

    primary: NodeInfo | None
    replicas: set[NodeInfo] = field(default_factory=set)
    slots: list[range] = field(default_factory=list)


def _assembled(
    primary: NodeInfo | None, replicas: Iterable[NodeInfo], slots: tuple[range, ...], shard_id: str = ""
) -> Shard:
    # One address is one node, whatever it is said to be; the primary is not its own replica.
    by_address = {node.endpoint: node for node in sorted(replicas, key=_address)}
    if primary is not None:
        by_address.pop(primary.endpoint, None)
    return Shard(primary, tuple(by_address.values()), slots, shard_id)


def _ordered(shards: Iterable[Shard | None]) -> tuple[Shard, ...]:
    return tuple(sorted((shard for shard in shards if shard is not None), key=_place))


def _place(shard: Shard) -> tuple[int, tuple[str, int, str], str]:
    lowest = shard.slots[0].start if shard.slots else SLOT_COUNT
    first = _address(shard.nodes[0]) if shard.nodes else ("", 0, "")
    return lowest, first, shard.shard_id


def _address(node: NodeInfo) -> tuple[str, int, str]:
    return (*node.endpoint, node.node_id)


def _ranges(flat: list[Any]) -> list[range]:
    if len(flat) % 2:
        raise BadReplyError("a range of slots without an end")
    return [_range(first, last) for first, last in zip(flat[::2], flat[1::2], strict=True)]


def _range(first: Any, last: Any) -> range:
    start, end = whole(first, most=SLOT_COUNT - 1), whole(last, most=SLOT_COUNT - 1)
    if start > end:
        raise BadReplyError("a range of slots that ends before it begins")
    return range(start, end + 1)


def _joined(ranges: Iterable[range]) -> tuple[range, ...]:
    joined: list[range] = []
    for slots in sorted(ranges, key=lambda slots: slots.start):
        if joined and slots.start <= joined[-1].stop:
            joined[-1] = range(joined[-1].start, max(joined[-1].stop, slots.stop))
        else:
            joined.append(slots)
    return tuple(joined)
