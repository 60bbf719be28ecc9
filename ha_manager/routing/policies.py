"""From the words of the table to policies: what servers call a tip, and what holds where they are silent."""

from __future__ import annotations

from ha_manager.routing.rules import KeyRule, RequestPolicy, ResponsePolicy
from ha_manager.routing.table import Row

_REQUEST_TIPS = {
    "all_nodes": RequestPolicy.ALL_NODES,
    "all_shards": RequestPolicy.ALL_PRIMARIES,
    "multi_shard": RequestPolicy.MULTI_SHARD,
}

_FAN_OUT = frozenset({RequestPolicy.ALL_NODES, RequestPolicy.ALL_PRIMARIES, RequestPolicy.MULTI_SHARD})

_REQUESTS = {**_REQUEST_TIPS, **{policy.value: policy for policy in RequestPolicy}}
_RESPONSES = {policy.value: policy for policy in ResponsePolicy}


def policies_of(row: Row) -> tuple[RequestPolicy, ResponsePolicy]:
    """Where a command goes and how its replies are merged.

    Servers say nothing of most commands, and ``special`` of some: a command with keys then follows
    them, and one without goes to the default primary.
    """
    keys = row.key_rule
    request = _REQUESTS.get(row.request, RequestPolicy.DEFAULT if keys is None else RequestPolicy.KEYED)
    if request is RequestPolicy.MULTI_SHARD and not can_be_cut(keys):
        request = RequestPolicy.KEYED
    return request, _RESPONSES.get(row.response) or _unsaid(request)


def _unsaid(request: RequestPolicy) -> ResponsePolicy:
    if request in _FAN_OUT:
        return ResponsePolicy.CONCAT
    return ResponsePolicy.FIRST if request is RequestPolicy.KEYED else ResponsePolicy.PER_NODE


def can_be_cut(keys: KeyRule | None) -> bool:
    """Whether the keys, each with what belongs to it, are one stretch up to a place near the end."""
    if keys is None or keys.options or len(keys.specs) != 1:
        return False
    spec = keys.specs[0]
    return not spec.keyword and spec.last < 0 and spec.limit < 2 and spec.count_at < 0
