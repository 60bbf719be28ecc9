"""Several replies made one: of many nodes to one command, and of the parts of one that was split.

Replies come as redis-py's callbacks leave them, in RESP2 or RESP3. A node's error is a value among
them, an exception; it is raised here, the first one first, unless the policy says what to make of it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

from ha_manager.routing.commands import CommandSpec
from ha_manager.routing.rules import ResponsePolicy
from ha_manager.routing.split import Part

Replies = Sequence[Any]


def merge(policy: ResponsePolicy, replies: Replies, nodes: Sequence[str] = ()) -> Any:
    """One reply for what several nodes answered to the same command.

    Args:
        policy: how they are merged.
        replies: a reply or an exception for each node, at least one.
        nodes: the nodes' names in the same order; needed for ``PER_NODE`` and ``SCAN`` only.

    Raises:
        Exception: the first error among the replies; with ``ONE_SUCCEEDED`` only if there is nothing else.
        ValueError: there is no reply.
    """
    if not replies:
        raise ValueError("no reply to merge")
    if policy is ResponsePolicy.ONE_SUCCEEDED:
        return _one_succeeded(replies)
    _raise_first_error(replies)
    if policy is ResponsePolicy.PER_NODE:
        return replies[0] if len(replies) == 1 else dict(zip(nodes, replies, strict=True))
    if policy is ResponsePolicy.SCAN:
        return _scan(replies, nodes)
    return _MERGES[policy](replies)


def join_parts(spec: CommandSpec, parts: Sequence[Part], replies: Replies, total: int) -> Any:
    """The reply to a command that was split by slot.

    Args:
        spec: what the table says of the command.
        parts: what :func:`split_by_slot` made of it.
        replies: a reply or an exception for each part.
        total: how many keys the whole command has.

    Raises:
        Exception: the first error among the replies.
        ValueError: a part's reply has another number of elements than the part has keys.
    """
    if spec.response is not ResponsePolicy.CONCAT:
        return merge(spec.response, replies)
    _raise_first_error(replies)
    whole: list[Any] = [None] * total
    for part, reply in zip(parts, replies, strict=True):
        for position, element in zip(part.positions, reply, strict=True):
            whole[position] = element
    return whole


def _raise_first_error(replies: Iterable[Any]) -> None:
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply


def _one_succeeded(replies: Replies) -> Any:
    for reply in replies:
        if not isinstance(reply, Exception):
            return reply
    # "Nothing runs here" is what every other node says: an error with more to tell goes first.
    raise next((error for error in replies if "NOTBUSY" not in str(error)), replies[0])


def _all_succeeded(replies: Replies) -> Any:
    return next((reply for reply in replies if not reply), replies[0])


def _elementwise(fold: Callable[[Iterable[Any]], Any]) -> Callable[[Replies], Any]:
    """Fold numbers; or lists of numbers, element by element. ``min`` and ``max`` keep booleans boolean."""

    def merged(replies: Replies) -> Any:
        if isinstance(replies[0], list | tuple):
            return [fold(column) for column in zip(*replies, strict=True)]
        return fold(replies)

    return merged


def _concat(replies: Replies) -> Any:
    first = replies[0]
    if isinstance(first, Mapping):
        return {key: value for reply in replies for key, value in reply.items()}
    joined = [element for reply in replies for element in reply]
    return set(joined) if isinstance(first, set | frozenset) else joined


def _union(replies: Replies) -> Any:
    joined = _concat(replies)
    return list(dict.fromkeys(joined)) if isinstance(joined, list) else joined


def _merged_mapping(replies: Replies) -> Any:
    """Counts by name, added: mappings, lists of pairs, or flat lists of names and counts."""
    sums: dict[Any, Any] = {}
    for reply in replies:
        for name, count in _pairs(reply):
            sums[name] = sums[name] + count if name in sums else count
    if isinstance(replies[0], Mapping):
        return sums
    if _is_flat(replies[0]):
        return [word for pair in sums.items() for word in pair]
    return list(sums.items())


def _pairs(reply: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(reply, Mapping):
        return reply.items()
    if _is_flat(reply):
        return zip(reply[::2], reply[1::2], strict=True)
    return cast("Iterable[tuple[Any, Any]]", reply)


def _is_flat(reply: Sequence[Any]) -> bool:
    return bool(reply) and not isinstance(reply[0], list | tuple)


def _non_empty(replies: Replies) -> Any:
    found = [reply for reply in replies if reply is not None]
    return random.choice(found) if found else None


def _scan(replies: Replies, nodes: Sequence[str]) -> Any:
    """The cursor of each node and all elements, as redis-py gives them."""
    cursors = {node: reply[0] for node, reply in zip(nodes, replies, strict=True)}
    return cursors, [element for reply in replies for element in reply[1]]


_RUNNING_SCRIPT = frozenset({"running_script", b"running_script"})


def _running(replies: Replies) -> Any:
    return next((reply for reply in replies if _runs(reply)), replies[0])


def _runs(reply: Any) -> bool:
    """Whether FUNCTION STATS tells of a script that runs: a mapping in RESP3, a flat list in RESP2."""
    pairs = reply.items() if isinstance(reply, Mapping) else zip(reply[::2], reply[1::2], strict=False)
    return any(name in _RUNNING_SCRIPT and value is not None for name, value in pairs)


def _first(replies: Replies) -> Any:
    return replies[0]


_MERGES: dict[ResponsePolicy, Callable[[Replies], Any]] = {
    ResponsePolicy.FIRST: _first,
    # Nodes that ought to agree and do not are no reason to hide what one of them said.
    ResponsePolicy.SAME: _first,
    ResponsePolicy.ALL_SUCCEEDED: _all_succeeded,
    ResponsePolicy.AGG_SUM: _elementwise(sum),
    ResponsePolicy.AGG_MIN: _elementwise(min),
    ResponsePolicy.AGG_MAX: _elementwise(max),
    ResponsePolicy.AGG_LOGICAL_AND: _elementwise(min),
    ResponsePolicy.AGG_LOGICAL_OR: _elementwise(max),
    ResponsePolicy.CONCAT: _concat,
    ResponsePolicy.UNION: _union,
    ResponsePolicy.MERGED_MAPPING: _merged_mapping,
    ResponsePolicy.NON_EMPTY: _non_empty,
    ResponsePolicy.RUNNING: _running,
}
