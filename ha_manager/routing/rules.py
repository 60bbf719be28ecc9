"""The words in which a command's way through a cluster is told: which nodes, which keys, which reply."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class RequestPolicy(Enum):
    """Which nodes a command is sent to."""

    KEYED = "keyed"
    """The owner of its keys' slot. A call without keys (``EVAL s 0``) may go to any primary."""
    MULTI_SHARD = "multi_shard"
    """As KEYED; where the keys lie in several slots, it may be split by slot (``split.py``)."""
    SLOT_ARGUMENT = "slot_argument"
    """The primary that owns the slot given as an argument (``keys.slot_argument``)."""
    DEFAULT = "default"
    """One primary, the same one each time; no key decides."""
    ANY = "any"
    """Any one node, all answer alike; a replica only where ``on_replica`` allows it."""
    ALL_NODES = "all_nodes"
    """Every primary and every replica."""
    ALL_PRIMARIES = "all_primaries"
    """Every primary."""
    NAMED_NODE = "named_node"
    """Only a node that the caller names: it changes or identifies that very node."""
    SENTINEL = "sentinel"
    """A Sentinel: there is none in a cluster."""
    UNKNOWN = "unknown"
    """The table does not know the command: ask ``COMMAND INFO`` and ``learn`` the answer."""


class ResponsePolicy(Enum):
    """How the replies of several nodes become one. See ``merge.py``."""

    FIRST = "first"
    """There is one reply; the first, should there be more."""
    PER_NODE = "per_node"
    """One reply is given as it is; several, as a dictionary from node name to reply."""
    SAME = "same"
    """The nodes answer alike: the first reply."""
    ALL_SUCCEEDED = "all_succeeded"
    """The first reply, unless another one tells of failure."""
    ONE_SUCCEEDED = "one_succeeded"
    """The first reply that is not an error."""
    AGG_SUM = "agg_sum"
    """The sum; of lists, element by element, as with the next four."""
    AGG_MIN = "agg_min"
    """The least."""
    AGG_MAX = "agg_max"
    """The greatest."""
    AGG_LOGICAL_AND = "agg_logical_and"
    """True if true everywhere."""
    AGG_LOGICAL_OR = "agg_logical_or"
    """True if true anywhere."""
    CONCAT = "concat"
    """Lists joined; sets and mappings united."""
    UNION = "union"
    """As CONCAT, each element once."""
    MERGED_MAPPING = "merged_mapping"
    """Mappings united; the numbers of one key are added."""
    NON_EMPTY = "non_empty"
    """One of the replies that are not ``None``, drawn by lot."""
    SCAN = "scan"
    """The cursor of each node, and all elements."""
    RUNNING = "running"
    """The reply of a node on which a script runs; else the first."""


@dataclass(frozen=True, slots=True)
class KeySpec:
    """One stretch of keys, as servers tell it in ``COMMAND INFO``. Positions count the command's words.

    Attributes:
        begin: where the stretch begins; behind ``keyword``, if there is one, where its search starts,
            from the end if negative.
        keyword: the word, in upper case, behind which the stretch begins.
        last: how far from ``begin`` the last key is; if negative, from the end of the command.
        step: how far from one key to the next.
        limit: 2 if keys fill only the first half of what follows, 3 for a third, and so on.
        count_at: how far from ``begin`` the number of keys stands; negative if none is given.
        first: how far from ``begin`` the first key is; more than 0 only with ``count_at``.
        is_key: False for a channel or cursor that decides the slot but names no key.
    """

    begin: int
    keyword: str = ""
    last: int = 0
    step: int = 1
    limit: int = 0
    count_at: int = -1
    first: int = 0
    is_key: bool = True

    @property
    def is_fixed(self) -> bool:
        """Whether it is one word at a fixed place."""
        return not self.keyword and self.last == 0 and self.count_at < 0


@dataclass(frozen=True, slots=True)
class KeyRule:
    """Where the keys of a command are.

    Attributes:
        specs: stretches of keys.
        options: the name of a rule of its own in ``keys.py``, for what stretches cannot tell; or empty.
    """

    specs: tuple[KeySpec, ...] = ()
    options: str = ""

    @property
    def first_key(self) -> int:
        """The place of the only key, where it is the same in every call; else 0."""
        if len(self.specs) == 1 and not self.options and self.specs[0].is_fixed:
            return self.specs[0].begin
        return 0
