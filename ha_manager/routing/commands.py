"""The command table: what running a command, running it twice, or sharing its connection means.

The facts come from real servers (``command_table.txt``, see ``generate.py``) and from what is written by
hand beside them (``supplement.txt``). A command that the
table does not know is taken for a write: it goes to the primary and is never repeated in silence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from ha_manager.routing.policies import policies_of
from ha_manager.routing.rules import KeyRule, RequestPolicy, ResponsePolicy
from ha_manager.routing.table import UNSAID, Row, rows
from ha_manager.routing.words import as_word, split_name

_HARMLESS = frozenset(
    "PING ECHO TIME INFO ROLE LASTSAVE LOLWUT COMMAND DBSIZE "
    "PUBSUB SLOWLOG|GET SLOWLOG|LEN COMMANDLOG|GET COMMANDLOG|LEN LATENCY|HISTOGRAM LATENCY|HISTORY "
    "LATENCY|LATEST LATENCY|DOCTOR LATENCY|GRAPH MEMORY|DOCTOR MEMORY|STATS MEMORY|MALLOC-STATS "
    "MODULE|LIST CONFIG|GET CLIENT|LIST CLIENT|INFO CLIENT|ID CLIENT|GETNAME CLIENT|TRACKINGINFO "
    "CLIENT|GETREDIR ACL|CAT ACL|DRYRUN ACL|GETUSER ACL|LIST ACL|USERS ACL|WHOAMI ACL|GENPASS "
    "SCRIPT|EXISTS FUNCTION|LIST FUNCTION|DUMP FUNCTION|STATS "
    "SENTINEL|MASTERS SENTINEL|MASTER SENTINEL|REPLICAS SENTINEL|SLAVES SENTINEL|SENTINELS "
    "SENTINEL|GET-MASTER-ADDR-BY-NAME SENTINEL|CKQUORUM SENTINEL|MYID SENTINEL|INFO-CACHE".split()
)
"""Commands without the ``readonly`` flag that change nothing all the same."""

_CURSORS = frozenset({"SCAN", "SSCAN", "HSCAN", "ZSCAN", "CLUSTERSCAN"})
"""Reads whose cursor means something only to the node that gave it: they stay on the primary."""

_MAY_BLOCK = frozenset({"XREAD", "XREADGROUP"})
"""Commands that block only where an option says so."""

_CONTAINERS = frozenset({"SENTINEL"})
"""Commands with subcommands that a data node does not list."""

_TRANSACTION = "it needs a connection of its own: transactions are not in this version of ha_manager"
_SUBSCRIPTION = "it turns a connection into a subscriber: pub/sub is not in this version of ha_manager"
_OPTIONS = "it would change connections that other callers share; give the option to create() instead"
_TRACKING = "it would change what other callers of the same connection get"

_REFUSED = {
    **dict.fromkeys(("MULTI", "EXEC", "DISCARD", "WATCH", "UNWATCH"), _TRANSACTION),
    **dict.fromkeys(
        ("SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE", "MONITOR"),
        _SUBSCRIPTION,
    ),
    "SELECT": _OPTIONS.replace("the option", "db="),
    "AUTH": _OPTIONS.replace("the option", "username= and password="),
    "HELLO": _OPTIONS.replace("the option", "protocol="),
    "QUIT": "use aclose() to close the manager",
    **dict.fromkeys(("RESET", "SYNC", "PSYNC", "READONLY", "READWRITE", "ASKING"), _TRACKING),
    **dict.fromkeys(
        ("CLIENT REPLY", "CLIENT TRACKING", "CLIENT CACHING", "CLIENT NO-EVICT", "CLIENT NO-TOUCH"), _TRACKING
    ),
    "HIMPORT": "it prepares field sets on one connection, and the next call may use another",
    **dict.fromkeys(("CLIENT CAPA", "CLIENT IMPORT-SOURCE"), _TRACKING),
}


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """What delivery needs to know of one command.

    Attributes:
        name: the command, with its subcommand where it has one, in upper case.
        repeatable: it only reads, so running it twice is the same as running it once.
        on_replica: a replica may answer it.
        blocking: it may make the server wait, and so needs a leased connection.
        for_sentinel: it is answered by a Sentinel, not by a data node.
        refusal: why it cannot run on a shared connection, or ``None``.
        varies: two calls with the same first word may differ: look at the arguments each time.
        keys: where its keys are, see ``key_positions``; ``None`` if it has none.
        first_key: the index of its only key in the full list of words (``OBJECT ENCODING k``: 2), where
            it has exactly one and always there; else 0.
        request: which nodes of a cluster it goes to.
        response: how the replies of several nodes become one.
    """

    name: str
    repeatable: bool = False
    on_replica: bool = False
    blocking: bool = False
    for_sentinel: bool = False
    refusal: str | None = None
    varies: bool = False
    keys: KeyRule | None = None
    first_key: int = 0
    request: RequestPolicy = RequestPolicy.UNKNOWN
    response: ResponsePolicy = ResponsePolicy.FIRST


def describe(args: Sequence[Any]) -> CommandSpec:
    """What the table says of a command with these arguments; its name never holds an argument."""
    first = split_name(args[0])
    words = (*first, *args[1:])
    if not words:
        return CommandSpec(name="")
    container = name = as_word(words[0])
    has_subcommands = container in _CONTAINERS or _is_container(container)
    if has_subcommands and len(words) > 1:
        name = f"{container} {as_word(words[1])}"
    varies = name in _MAY_BLOCK or (has_subcommands and len(first) == 1)
    may_block = name not in _MAY_BLOCK or _has_block_option(words)
    if name in rows():
        return _spec(name, varies, may_block)
    # Not kept: what is in no table may be a slip of the pen, or a secret.
    return _spec_beyond_table(name, container, varies)


def _is_container(name: str) -> bool:
    row = rows().get(name)
    return row is not None and "c" in row.marks


@cache
def _spec(name: str, varies: bool, may_block: bool) -> CommandSpec:
    spec = spec_of(rows()[name])
    return replace(spec, varies=varies, blocking=spec.blocking and may_block)


def spec_of(row: Row) -> CommandSpec:
    """What a row of the table comes to, for a call that gives every option which makes it wait."""
    name, marks, keys = row.name, row.marks, row.key_rule
    container = name.split(" ", 1)[0]
    request, response = policies_of(row)
    return CommandSpec(
        name=name,
        repeatable="r" in marks or "h" in marks or _is_harmless(name, container),
        on_replica="r" in marks and name not in _CURSORS,
        blocking="b" in marks,
        refusal=_REFUSED.get(name) or _REFUSED.get(container),
        varies=name in _MAY_BLOCK or "c" in marks,
        keys=keys,
        first_key=keys.first_key if keys else 0,
        request=request,
        response=response,
    )


def _spec_beyond_table(name: str, container: str, varies: bool) -> CommandSpec:
    for_sentinel = container == "SENTINEL"
    request, response = _policies_beyond_table(container)
    return CommandSpec(
        name=name,
        repeatable=_is_harmless(name, container),
        for_sentinel=for_sentinel,
        refusal=_REFUSED.get(name) or _REFUSED.get(container),
        varies=varies,
        request=RequestPolicy.SENTINEL if for_sentinel else request,
        response=response,
    )


def _policies_beyond_table(container: str) -> tuple[RequestPolicy, ResponsePolicy]:
    """A subcommand that is not listed follows its container, if anything is said of that."""
    row = rows().get(container)
    if row is None or row.request == UNSAID:
        return RequestPolicy.UNKNOWN, ResponsePolicy.FIRST
    return policies_of(row)


def _is_harmless(name: str, container: str) -> bool:
    return name.replace(" ", "|") in _HARMLESS or container in _HARMLESS


def _has_block_option(words: Sequence[Any]) -> bool:
    """XREAD and XREADGROUP block only if they are told to; their options come before STREAMS."""
    for word in map(as_word, words[1:]):
        if word == "STREAMS":
            return False
        if word == "BLOCK":
            return True
    return False
