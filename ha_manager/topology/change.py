"""What changed between two snapshots: which shard is which, who switched, who came and went."""

from __future__ import annotations

from dataclasses import dataclass

from ha_manager.config import Endpoint
from ha_manager.topology.model import Shard, Topology


@dataclass(frozen=True, slots=True)
class Switch:
    """A shard whose writes go to another node from now on."""

    old: Endpoint | None
    new: Endpoint
    slots: tuple[range, ...]


@dataclass(frozen=True, slots=True)
class TopologyDiff:
    """What changed between two snapshots."""

    added: tuple[Endpoint, ...]
    removed: tuple[Endpoint, ...]
    switches: tuple[Switch, ...]


def diff(old: Topology | None, new: Topology) -> TopologyDiff:
    """Compare two snapshots; ``old`` is ``None`` before the first."""
    before = {node.endpoint for node in old.nodes} if old else set()
    after = {node.endpoint for node in new.nodes}
    return TopologyDiff(
        added=tuple(sorted(after - before)),
        removed=tuple(sorted(before - after)),
        switches=_switches(old, new) if old else (),
    )


def _switches(old: Topology, new: Topology) -> tuple[Switch, ...]:
    found = []
    for shard, before in zip(new.shards, predecessors(old, new), strict=True):
        if before is None or shard.primary is None:
            continue
        was = _primary(old.shards[before])
        if was != shard.primary.endpoint:
            found.append(Switch(was, shard.primary.endpoint, shard.slots))
    return tuple(found)


def predecessors(old: Topology, new: Topology) -> list[int | None]:
    """For each new shard, the index of the old shard that it continues, or ``None``.

    A shard goes on with its primary, or with a replica that was promoted, or, if its new primary was
    unknown, with the old primary now among its replicas. A deployment of one shard always goes on.
    """
    if len(old.shards) == 1 == len(new.shards):
        return [0]
    by_primary = {_primary(shard): index for index, shard in enumerate(old.shards)}
    by_replica = {node.endpoint: index for index, shard in enumerate(old.shards) for node in shard.replicas}
    taken: set[int] = set()
    found = [
        _claim(by_primary.get(shard.primary.endpoint), taken) if shard.primary else None
        for shard in new.shards
    ]
    # The promoted before those who merely have a replica in common, or a stray would rob them.
    for position, shard in enumerate(new.shards):
        if found[position] is None and shard.primary:
            found[position] = _claim(by_replica.get(shard.primary.endpoint), taken)
    for position, shard in enumerate(new.shards):
        if found[position] is None:
            found[position] = _by_members(shard, by_primary, by_replica, taken)
    return found


def _by_members(
    shard: Shard, by_primary: dict[Endpoint | None, int], by_replica: dict[Endpoint, int], taken: set[int]
) -> int | None:
    candidates = [by_replica.get(node.endpoint) for node in shard.nodes]
    candidates += [by_primary.get(node.endpoint) for node in shard.replicas]
    for index in candidates:
        if index is not None and index not in taken:
            return _claim(index, taken)
    return None


def _claim(index: int | None, taken: set[int]) -> int | None:
    if index is None or index in taken:
        return None
    taken.add(index)
    return index


def _primary(shard: Shard) -> Endpoint | None:
    return shard.primary.endpoint if shard.primary else None
