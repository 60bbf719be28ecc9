"""The command table: what running a command, running it twice, or sharing its connection means.

The flags come from real servers (``command_flags.txt``, see ``generate.py``). A command that the
table does not know is taken for a write: it goes to the primary and is never repeated in silence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

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

_CURSORS = frozenset({"SCAN", "SSCAN", "HSCAN", "ZSCAN"})
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
    """

    name: str
    repeatable: bool = False
    on_replica: bool = False
    blocking: bool = False
    for_sentinel: bool = False
    refusal: str | None = None
    varies: bool = False


@cache
def _flags() -> dict[str, str]:
    lines = files(__package__).joinpath("command_flags.txt").read_text(encoding="ascii").splitlines()
    return dict(line.rsplit(" ", 1) for line in lines)


def _word(value: Any) -> str:
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("ascii", "replace").upper()
    return str(value).upper()


def split_name(name: Any) -> tuple[Any, ...]:
    """The words of a command's first argument: redis-py's users write ``"CONFIG GET"`` as one."""
    return tuple(name.split()) if isinstance(name, str | bytes) else (name,)


def describe(args: Sequence[Any]) -> CommandSpec:
    """What the table says of a command with these arguments; its name never holds an argument."""
    first = split_name(args[0])
    words = (*first, *args[1:])
    if not words:
        return CommandSpec(name="")
    container = name = _word(words[0])
    has_subcommands = name in _CONTAINERS or "c" in _flags().get(name, "")
    if has_subcommands and len(words) > 1:
        name = f"{name} {_word(words[1])}"
    flags = _flags().get(name) or _flags().get(container, "-")
    if flags == "c":
        flags = "-"
    reads = "r" in flags or bool({name.replace(" ", "|"), container} & _HARMLESS)
    return CommandSpec(
        name=name,
        repeatable=reads,
        on_replica="r" in flags and name not in _CURSORS,
        blocking="b" in flags and _does_block(name, words),
        for_sentinel=container == "SENTINEL",
        refusal=_REFUSED.get(name) or _REFUSED.get(container),
        varies=name in _MAY_BLOCK or (has_subcommands and len(first) == 1),
    )


def _does_block(name: str, args: Sequence[Any]) -> bool:
    """XREAD and XREADGROUP block only if they are told to; their options come before STREAMS."""
    if name not in _MAY_BLOCK:
        return True
    words = []
    for arg in args[1:]:
        word = _word(arg)
        if word == "STREAMS":
            break
        words.append(word)
    return "BLOCK" in words
