"""Where a manager answers otherwise than redis-py's ``RedisCluster``, on purpose, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ha_manager import UnsafeCommandError
from tests.cluster.parity_calls import DATA

KEY_COUNT = len(DATA)
NAMES = sorted(str(command[1]) for command in DATA)

Check = Callable[[Any, Any, Any], bool]
"""Judges redis-py's result on the cluster, its result on one server, and ours."""


@dataclass(frozen=True)
class Difference:
    """Why some calls have another result here, and what it must be then."""

    reason: str
    holds: Check
    calls: tuple[str, ...]


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Exception):
        return type(one) is type(other) and str(one) == str(other)
    return type(one) is type(other) and one == other


def _one_of_all(theirs: Any, _single: Any, ours: Any) -> bool:
    return isinstance(theirs, dict) and all(_same(reply, ours) for reply in theirs.values())


def _sum_of_all(theirs: Any, _single: Any, ours: Any) -> bool:
    return isinstance(theirs, dict) and type(ours) is int


def _as_single(theirs: Any, single: Any, ours: Any) -> bool:
    return not _same(theirs, ours) and _same(single, ours)


def _shaped_as_single(theirs: Any, single: Any, ours: Any) -> bool:
    return isinstance(theirs, Exception) and type(single) is type(ours) and not isinstance(ours, Exception)


def _refused_as_single(theirs: Any, single: Any, ours: Any) -> bool:
    return isinstance(theirs, Exception) and _same(single, ours)


def _whole_count(theirs: Any, _single: Any, ours: Any) -> bool:
    return bool(theirs < ours == KEY_COUNT)


def _all_names(theirs: Any, _single: Any, ours: Any) -> bool:
    found = sorted(key.decode() if isinstance(key, bytes) else key for key in ours)
    return set(theirs) < set(ours) and found == [name for name in NAMES if name in found] and bool(found)


DIFFERENCES = (
    Difference(
        "one reply, as from one server: redis-py gives a dictionary of nodes that all say the same",
        _one_of_all,
        (
            "flushall()",
            "flushdb()",
            "flushall(asynchronous=True)",
            "flushall(target_nodes='primaries')",
            "function_load(other)",
            "function_load(lib, replace=True)",
            "function_delete('lib')",
            "function_flush()",
            "acl_setuser('tester', enabled=True, target_nodes='all')",
        ),
    ),
    Difference(
        "the servers' own tips ask for the sum; redis-py gives a dictionary of nodes",
        _sum_of_all,
        ("slowlog_len(target_nodes='all')", "execute_command('LATENCY RESET', target_nodes='primaries')"),
    ),
    Difference(
        "the keys of the whole cluster; redis-py asks one node for its own",
        _whole_count,
        ("dbsize()",),
    ),
    Difference(
        "the keys of the whole cluster; redis-py asks one node for its own",
        _all_names,
        ("keys()", "keys('string-1*')"),
    ),
    Difference(
        "as redis-py's client of one server: its cluster client changes the type of a single reply",
        _as_single,
        (
            "client_unblock(999999999)",
            "client_unblock(999999999, target_nodes='all')",
            "client_unpause()",
            "client_unpause(target_nodes='replicas')",
            "config_rewrite()",
        ),
    ),
    Difference(
        "redis-py's cluster client cannot route it",
        _shaped_as_single,
        ("echo('hello')", "lolwut()", "role()", "function_stats()"),
    ),
    Difference(
        "redis-py's cluster client cannot route it; here it goes to all nodes",
        lambda theirs, _single, ours: isinstance(theirs, Exception) and ours is True,
        ("cluster_save_config()",),
    ),
    Difference(
        "there is no such slot: redis-py fails over its own map, here the server says so",
        lambda theirs, _single, ours: type(theirs) is KeyError and "slot" in str(ours),
        ("cluster_delslots(99999)", "cluster_setslot_stable(99999)"),
    ),
    Difference(
        "redis-py's cluster client cannot route it; the servers refuse it with the error of one server",
        _refused_as_single,
        ("script_kill()", "function_kill()"),
    ),
    Difference(
        "redis-py's cluster client cannot route it; a dictionary of nodes, as for other commands",
        lambda theirs, single, ours: theirs != single and set(ours.values()) == {single},
        ("echo('hello', target_nodes='all')",),
    ),
    Difference(
        "the next caller on the same connection would be in database 1",
        lambda _theirs, _single, ours: type(ours) is UnsafeCommandError,
        ("select(1)",),
    ),
)
