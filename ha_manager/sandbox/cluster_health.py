"""Judges whether the nodes of a cluster work together. No I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from redis.exceptions import ResponseError

from ha_manager.sandbox.admin import Reply
from ha_manager.sandbox.cluster_view import View, read_view
from ha_manager.sandbox.health import Endpoint, Role, read_role

__all__ = ["QUESTIONS", "Expected", "Report", "complaints", "read_report"]

QUESTIONS = (("CLUSTER", "INFO"), ("CLUSTER", "NODES"), ("CLUSTER", "SHARDS"), ("ROLE",))
_TROUBLE = frozenset({"fail", "fail?", "handshake", "noaddr"})


@dataclass(frozen=True, slots=True)
class Report:
    """What one node says.

    Attributes:
        state: ``ok`` or ``fail``.
        view: the nodes as it sees them.
        shards: the ids of the nodes of each shard, as CLUSTER SHARDS groups them.
        role: its own.
    """

    state: str
    view: View
    shards: Collection[frozenset[str]]
    role: Role


@dataclass(frozen=True, slots=True)
class Expected:
    """What the sandbox knows by itself.

    Attributes:
        names: of all nodes, by id.
        addresses: of all nodes, by id.
        slots: how many of them must have an owner.
    """

    names: Mapping[str, str]
    addresses: Mapping[str, Endpoint]
    slots: int


def read_report(replies: Sequence[Reply]) -> Report | None:
    """The replies to `QUESTIONS`; None if one of them is an error."""
    if any(isinstance(reply, ResponseError) for reply in replies):
        return None
    info, nodes, shards, role = replies
    state = next((line[14:] for line in str(info).splitlines() if line.startswith("cluster_state:")), "")
    return Report(state, read_view(str(nodes)), _read_shards(shards), read_role(role))


def complaints(reports: Mapping[str, Report | None], expected: Expected) -> list[str]:
    """What keeps a cluster from being healthy, in words; empty when it is.

    Args:
        reports: of each node that runs and is not paused, by id.
        expected: what they must agree with.
    """
    if not reports:
        return ["no node runs"]
    answers = {node_id: report for node_id, report in reports.items() if report is not None}
    found = [f"{expected.names[node_id]} does not answer" for node_id in reports if node_id not in answers]
    for node_id, report in answers.items():
        found += [
            f"{expected.names[node_id]} {complaint}"
            for complaint in _complaints(node_id, report, reports.keys(), expected)
        ]
    layouts = Counter(_layout(report.view, reports.keys()) for report in answers.values())
    if len(layouts) > 1:
        found.append(f"the nodes have {len(layouts)} different views of roles and slots")
    return found


def _complaints(me: str, report: Report, awake: Collection[str], expected: Expected) -> Iterator[str]:
    if report.state != "ok":
        yield f"says cluster_state:{report.state}"
    for other in awake:
        if fault := _sight(report.view, other):
            yield f"{fault} {expected.names[other]}"
    yield from _slot_complaints(report.view, awake, expected)
    if fault := _link_fault(me, report, expected):
        yield fault
    if (strangers := len(report.view.keys() - expected.names.keys())) > 0:
        yield f"knows {strangers} nodes that are not of the sandbox"
    if _groups(report.view, awake) != {shard for ids in report.shards if (shard := ids & set(awake))}:
        yield "groups the nodes into other shards"


def _sight(view: View, other: str) -> str:
    line = view.get(other)
    if line is None:
        return "does not know"
    if trouble := line.flags & _TROUBLE:
        return f"sees {','.join(sorted(trouble))} on"
    return "" if line.linked else "has no bus link to"


def _slot_complaints(view: View, awake: Collection[str], expected: Expected) -> Iterator[str]:
    owners = [line for line in view.values() if line.slots]
    owned = sum(len(part) for line in owners for part in line.slots)
    if owned != expected.slots:
        yield f"knows owners of {owned} slots, not of {expected.slots}"
    for line in owners:
        if line.node_id not in awake:
            yield f"gives slots to {expected.names.get(line.node_id, line.node_id)}, which does not run"
    if len({line.epoch for line in owners}) < len(owners):
        yield "sees primaries that share an epoch"


def _link_fault(me: str, report: Report, expected: Expected) -> str:
    mine = report.view.get(me)
    if mine is None or mine.is_primary:
        return "" if report.role.name == "master" else f"is a primary, and says ROLE {report.role.name}"
    wanted = Role("slave", expected.addresses.get(mine.primary_id), linked=True)
    primary = expected.names.get(mine.primary_id, mine.primary_id)
    return "" if report.role == wanted else f"has no link to its primary {primary}"


def _layout(view: View, awake: Collection[str]) -> frozenset[tuple[object, ...]]:
    known = [line for line in view.values() if line.node_id in awake]
    return frozenset((line.node_id, line.is_primary, line.primary_id, line.slots) for line in known)


def _groups(view: View, awake: Collection[str]) -> set[frozenset[str]]:
    heads = {node_id: view[node_id].primary_id or node_id for node_id in awake if node_id in view}
    return {
        frozenset(node_id for node_id, own in heads.items() if own == head) for head in set(heads.values())
    }


def _read_shards(reply: Reply) -> list[frozenset[str]]:
    shards = [_fields(shard).get("nodes") for shard in reply] if isinstance(reply, list) else []
    groups = [nodes for nodes in shards if isinstance(nodes, list)]
    return [frozenset(str(_fields(node).get("id")) for node in nodes) for nodes in groups]


def _fields(reply: Reply) -> dict[str, Reply]:
    flat = reply if isinstance(reply, list) else []
    return {str(key): value for key, value in zip(flat[::2], flat[1::2], strict=False)}
